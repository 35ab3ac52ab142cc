"""The runs behind the targets: named by what they hold, shared, generated once, continued when interrupted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rast_eval.config import EngineConfig, RunConfig
from rast_eval.errors import StoreError
from rast_eval.files import write_json
from rast_eval.inputs.models import resolve_models
from rast_eval.paper.scale import Scale
from rast_eval.report.page import Text
from rast_eval.results.cell_metrics import Estimator
from rast_eval.results.metrics import RunMetrics, evaluate_runs, to_jsonable
from rast_eval.results.reader import Run, load_run
from rast_eval.runs import sweep
from rast_eval.runs.arguments import arguments
from rast_eval.runs.plan import Plan, build
from rast_eval.runs.sweep import Point

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class NamedRun:
    """One `rast-eval run` and the folder it lies in, below `runs/`."""

    name: str
    config: RunConfig

    @property
    def base(self) -> str:
        """Short name of its base."""
        return self.config.models.base.label

    @property
    def command(self) -> list[str]:
        """As it is typed after `rast-eval`, the output folder left out."""
        return ["run", *arguments(self.config)]

    def plan(self) -> Plan:
        """What it would generate; loads no model and needs no rows."""
        return build(self.config, allow_missing_data=True)


def configure(
    scale: Scale,
    base: str,
    deltas: tuple[str, ...],
    arms: tuple[str, ...],
    benchmarks: tuple[str, ...],
    n: int | None,
    limit: int | None,
    *,
    temperature: float | None = None,
    preset: str | None = "paper",
) -> RunConfig:
    """A run at a scale, on as many of its cards as its largest arm needs.

    Args:
        deltas: as typed after `--delta`; empty for none.
    """
    models = resolve_models(base, deltas)
    gpus = scale.cards.engine(models.system(arm) for arm in arms) if scale.backend == "vllm" else 1
    engine = EngineConfig(backend=scale.backend, tensor_parallel_size=gpus)
    return RunConfig(models, arms, benchmarks, n, limit, temperature, preset=preset, engine=engine)


def base_run(scale: Scale, base: str) -> NamedRun:
    """Base, greedy and sampled, and its ceiling on all benchmarks."""
    arms = ("base", "base@sampled", "rl")
    return NamedRun(base, configure(scale, base, (), arms, scale.benchmarks, scale.n, scale.limit))


def pair_run(scale: Scale, base: str, delta: str) -> NamedRun:
    """RAST on all benchmarks."""
    config = configure(scale, base, (delta,), ("rast",), scale.benchmarks, scale.n, scale.limit)
    return NamedRun(f"{base}+{delta}", config)


def bare_runs(scale: Scale) -> tuple[NamedRun, NamedRun]:
    """Table 2: a base without ceiling, sampled, and RAST."""
    base, delta = scale.bare
    if base in scale.bases:
        return base_run(scale, base), pair_run(scale, base, delta)
    alone = configure(scale, base, (), ("base@sampled",), scale.benchmarks, scale.n, scale.limit)
    return NamedRun(base, alone), pair_run(scale, base, delta)


def code_run(scale: Scale) -> NamedRun:
    """Table 3: greedy, no ceiling."""
    base, delta = scale.code
    asked = (scale.code_benchmarks, None, scale.limit)
    config = configure(scale, base, (delta,), ("base", "rast"), *asked, temperature=0.0)
    return NamedRun(f"greedy-{base}+{delta}", config)


def sweep_run(scale: Scale, weight: float, temperature: float) -> NamedRun:
    """One point of Figure 6, where `sweep` leaves it."""
    point = Point(weight, temperature)
    return NamedRun(f"sweep/{point.name}", sweep.configure(_sweep_config(scale), point))


def sweep_arguments(scale: Scale) -> list[list[str]]:
    """Of the two `rast-eval sweep` commands behind Figure 6: the models are loaded once for each."""
    shared = arguments(replace(_sweep_config(scale), arms=()))
    weights, temperatures = (",".join(f"{x:g}" for x in values) for values in (scale.weights, scale.temperatures))
    return [
        [*shared, "--lambda", weights, "--temperature", "1"],
        [*shared, "--lambda", "0.5", "--temperature", temperatures],
    ]


def _sweep_config(scale: Scale) -> RunConfig:
    base, delta = scale.main_pair
    asked = ((scale.sweep_benchmark,), scale.sweep_n, scale.sweep_limit)
    return configure(scale, base, (delta,), ("rast",), *asked, preset=None)


def ensemble_run(scale: Scale) -> NamedRun | None:
    """Appendix E: several deltas on one base, each weighted by one over their number."""
    if scale.ensemble is None:
        return None
    base, deltas = scale.ensemble
    weighted = tuple(f"{delta}:{1 / len(deltas):.4f}" for delta in deltas)
    asked = ((scale.sweep_benchmark,), scale.n, scale.limit)
    return NamedRun("ensemble", configure(scale, base, weighted, ("rast",), *asked))


@dataclass
class Reproduction:
    """Where runs and their products lie.

    Attributes:
        root: results/reproduction-<scale>; runs below `runs/`.
        data_dir: local benchmark files, None for the hub.
    """

    scale: Scale
    root: Path
    data_dir: Path | None = None
    _done: dict[str, Path] = field(default_factory=dict)

    def run(self, named: NamedRun) -> Path:
        """Generate and grade what is missing of a run, and return its folder.

        Raises:
            StoreError: the run did not finish.
        """
        if named.name in self._done:
            return self._done[named.name]
        folder = self.root / "runs" / named.name
        print(f"run {named.name} …", file=sys.stderr)
        self._call([*named.command, "-o", str(folder)])
        self._done[named.name] = folder
        return folder

    def prepare(self, runs: Sequence[NamedRun]) -> None:
        """Generate what several targets need, `scale.processes` runs at a time; with one, when a target asks.

        Raises:
            StoreError: a run did not finish.
        """
        if self.scale.processes == 1:
            return
        alone = [named for named in runs if not named.name.startswith("sweep/")]
        with ThreadPoolExecutor(self.scale.processes) as pool:
            tasks: list[Future[Any]] = [pool.submit(self.sweep)] if len(alone) < len(runs) else []
            tasks += [pool.submit(self.run, named) for named in alone]
            try:
                for task in as_completed(tasks):
                    task.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def sweep(self) -> None:
        """Generate and grade what is missing of Figure 6.

        Raises:
            StoreError: a sweep did not finish.
        """
        if any(name.startswith("sweep/") for name in self._done):
            return
        folder = self.root / "runs" / "sweep"
        for flags in sweep_arguments(self.scale):
            print("sweep …", file=sys.stderr)
            self._call(["sweep", *flags, "-o", str(folder)])
        self._done.update(
            {f"sweep/{path.name}": path for path in folder.iterdir() if (path / "manifest.json").is_file()}
        )

    def _call(self, command: list[str]) -> None:
        command = [*command, *(["--data-dir", str(self.data_dir)] if self.data_dir else [])]
        if _execute(command, quiet=self.scale.processes > 1) > 1:
            raise StoreError(f"The {command[0]} did not finish.", f"Type `rast-eval {' '.join(command)}`.")

    def load(self, named: NamedRun) -> Run:
        """The finished run."""
        return load_run(self.run(named))

    def metrics(self, runs: Sequence[NamedRun], estimator: Estimator = "paper", name: str | None = None) -> RunMetrics:
        """Figures over several runs together."""
        ks = self.scale.ks if estimator == "unbiased" else None
        return evaluate_runs([self.run(named) for named in runs], None, estimator, ks, name)

    def save(self, name: str, figure: Figure) -> Path:
        """Write a figure as `<name>.png`, and as PDF beside it, with the scale's mark."""
        from rast_eval.report.style import save

        return save(figure, self.root / name, self.scale.mark)[0]

    def marks(self) -> list[Text]:
        """What every page begins with: the scale's mark, where it has one."""
        return [Text(self.scale.mark)] if self.scale.mark else []

    def write(self, name: str, values: object) -> None:
        """Keep every value behind a figure as `analysis/<name>.json`."""
        write_json(self.root / "analysis" / f"{name}.json", to_jsonable(values))

    def pair(self, base: str, delta: str, estimator: Estimator = "paper") -> RunMetrics:
        """Base, RAST and ceiling of one row of Table 1."""
        pair = [base_run(self.scale, base), pair_run(self.scale, base, delta)]
        return self.metrics(pair, estimator, f"{base} + Δ{delta}")


def _execute(command: Sequence[str], *, quiet: bool) -> int:
    """Exit code of one command line in a process of its own, whose end surely frees the GPUs.

    Args:
        quiet: keep its progress back, and print it where the command fails.
    """
    stderr = subprocess.PIPE if quiet else None
    argv = [sys.executable, "-m", "rast_eval", *command]
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=stderr, text=True, check=False)
    if done.returncode > 1 and quiet:
        print(done.stderr, file=sys.stderr)
    return done.returncode
