"""rast-eval: RAST decoding-time logit transfer, run, scored and reported.

    import rast_eval

    config = rast_eval.RunConfig(rast_eval.models("tiny-l", ["tiny-s:0.5"]), limit=20)
    run = rast_eval.run(config, "results/half")      # or rast_eval.load("results/half") for one that is there
    run.samples(), run.grades(), run.metrics()       # pandas DataFrames

Importing it loads no other package; each name below loads what it needs when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["EngineConfig", "Grade", "LoadedRun", "Models", "RastEvalError", "RunConfig",
           "fuse", "grade", "load", "models", "run"]  # fmt: skip

if TYPE_CHECKING:
    from rast_eval.api import LoadedRun, grade, load, models, run
    from rast_eval.config import EngineConfig, RunConfig
    from rast_eval.decoding.fusion import fuse
    from rast_eval.errors import RastEvalError
    from rast_eval.types import Grade, Models
else:
    _LIGHT = {"config": ("EngineConfig", "RunConfig"), "errors": ("RastEvalError",), "types": ("Grade", "Models")}
    _HOMES = {name: home for home, names in _LIGHT.items() for name in names} | {"fuse": "decoding.fusion"}

    def __getattr__(name: str) -> Any:
        """The public name, from where it is at home."""
        if name not in __all__:
            raise AttributeError(f"module 'rast_eval' has no attribute {name!r}")
        return getattr(import_module(f"rast_eval.{_HOMES.get(name, 'api')}"), name)

    def __dir__() -> list[str]:
        return [*globals(), *__all__]
