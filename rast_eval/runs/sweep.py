"""The same models at many λ and temperatures, and by many rules, on one warm engine.

    results/<sweep>/lambda=0.3,temperature=1/     a run directory like any other, for every point
    results/<sweep>/sweep.json                    accuracy of every point, its gain over λ = 1, the price of choosing

Neither weights nor KV cache depend on λ or rule, so the members are loaded once and their prompts stay cached.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from rast_eval.config import EngineConfig, RunConfig
from rast_eval.decoding.engine import make_engine
from rast_eval.errors import UsageError
from rast_eval.files import write_json
from rast_eval.results.metrics import to_jsonable
from rast_eval.results.sweeps import Setting, Sweep, evaluate_sweep
from rast_eval.runs import runner
from rast_eval.runs.plan import Plan
from rast_eval.types import Engine, FusionRule, System


class Point(Setting):
    """One setting of a sweep, with a run directory of its own."""

    @property
    def name(self) -> str:
        """Name of its run directory."""
        values = {"lambda": self.weight, "temperature": self.temperature}
        named = [f"{key}={value:g}" for key, value in values.items() if value is not None]
        ruled = [self.rule.replace(":", ",")] if self.rule else []
        return ",".join([*named, *ruled, *([f"expert={self.expert}"] if self.expert else [])])


def parse_values(text: str, flag: str) -> tuple[float, ...]:
    """`"0.1:1.5:0.1"` (both ends included) or `"0.3,0.5,1"` as numbers.

    Raises:
        UsageError: not numbers, or a range that is empty or has more than a thousand values.
    """
    try:
        if ":" in text:
            first, last, step = (float(part) for part in text.split(":"))
            count = math.floor((last - first) / step + 1e-9) + 1
            # Rounded, so that 0.1 + 2 · 0.1 is the point 0.3 and nothing else.
            values = tuple(round(first + index * step, 10) for index in range(count if count <= 1000 else 0))
        else:
            values = tuple(float(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError, OverflowError):
        values = ()
    if not values or not all(math.isfinite(value) for value in values):
        raise UsageError(
            f"{flag} {text} is no list of numbers.", f"Type {flag} first:last:step, as in 0.1:1.5:0.1, or 0.5,1."
        )
    return tuple(dict.fromkeys(values))


def parse_rules(text: str) -> tuple[str, ...]:
    """`"gated:entropy=0:1:0.5"` as `("gated:entropy=0", "gated:entropy=0.5", "gated:entropy=1")`.

    Raises:
        UsageError: no rule, or a range that is none.
    """
    name, colon, tail = text.partition(":")
    named = [part.partition("=")[::2] for part in tail.split(",")] if colon else []
    ranges = [parse_values(values, "--rule") for _, values in named]
    keys = [key for key, _ in named]
    return tuple(
        str(FusionRule.parse(str(FusionRule(name, tuple(zip(keys, one, strict=True)))))) for one in product(*ranges)
    )


def expand(text: str) -> dict[str, str]:
    """`"7b@step_{100..300..100}"` or `"own/{a,b}"` as texts by the name of their checkpoint: `step_100`, `a`.

    Raises:
        UsageError: braces that hold no range and no list.
    """
    found = re.fullmatch(r"(.*)\{(?:(\d+)\.\.(\d+)(?:\.\.([1-9]\d*))?|([^{}]*,[^{}]*))\}(.*)", text)
    if not found:
        raise UsageError(f"{text} holds no range.", "Type for instance --delta '7b@step_{100..300..100}'.")
    head, first, last, step, listed, tail = found.groups()
    parts = listed.split(",") if listed else map(str, range(int(first), int(last) + 1, int(step or 1)))
    texts = [f"{head}{part}{tail}" for part in parts]
    return {re.split(r"[@/]", text.partition(":")[0])[-1]: text for text in texts}


def points(
    weights: Sequence[float], temperatures: Sequence[float], rules: Sequence[str] = (), experts: Sequence[str] = ()
) -> list[Point]:
    """Every combination, λ varying fastest, checkpoints slowest."""
    nothing: Sequence[None] = (None,)
    every = product(experts or nothing, rules or nothing, temperatures or nothing, weights or nothing)
    return [Point(weight, heat, rule, expert) for expert, rule, heat, weight in every]


class WarmEngine:
    """Hands out one engine again and again, and loads another only when the members change."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._members: tuple[object, ...] = ()

    def __call__(self, system: System, config: EngineConfig) -> Engine:
        """An engine for `system`, as `decoding.engine.make_engine`."""
        members = (system,) if system.merged else system.members
        if self._engine is None or members != self._members:
            self.close()
            self._engine, self._members = make_engine(system, config), members
        if not system.merged:
            self._engine.reweight(system)
        return self._engine

    def close(self) -> None:
        """Free the engine's memory."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None


def configure(config: RunConfig, point: Point) -> RunConfig:
    """The run of one point: its λ for every delta, its temperature for every arm, its rule; its checkpoint is there."""
    models = config.models if point.rule is None else replace(config.models, rule=FusionRule.parse(point.rule))
    if point.weight is not None:
        models = replace(models, deltas=tuple(replace(delta, weight=point.weight) for delta in models.deltas))
    temperature = config.temperature if point.temperature is None else point.temperature
    return replace(config, models=models, temperature=temperature)


def run(plans: Mapping[Point, Plan], root: Path, *, overwrite: bool = False, workers: int | None = None) -> Sweep:
    """Generate and grade what is missing of every point, and write sweep.json, anew after each.

    Args:
        plans: of one arm.

    Raises:
        RastEvalError: as `runner.run` does.
    """
    warm = WarmEngine()
    folders: dict[Setting, Path] = {}
    try:
        for point, built in plans.items():
            folders[point] = root / point.name
            runner.run(built, folders[point], overwrite=overwrite, workers=workers, load=warm, keep=True)
            found = evaluate_sweep(folders)
            write_json(root / "sweep.json", to_jsonable(found))
    finally:
        warm.close()
    return found
