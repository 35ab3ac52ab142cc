"""The runs behind the targets: named by what they hold, shared, generated once, continued when interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rast_eval.config import Backend, EngineConfig, RunConfig
from rast_eval.errors import StoreError
from rast_eval.inputs.models import resolve_models
from rast_eval.paper.scale import Scale
from rast_eval.paper.sizing import gpus_for
from rast_eval.report.page import Text
from rast_eval.results.metrics import Estimator, RunMetrics, evaluate_runs, to_jsonable
from rast_eval.results.reader import Run, load_run
from rast_eval.run.plan import Plan, build
from rast_eval.run.sweep import Point
from rast_eval.types import Models

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class NamedRun:
    """One `rast-eval run`.

    Attributes:
        deltas: as typed, λ included; empty for none.
        greedy: temperature 0 for every arm, Table 3.
    """

    name: str
    base: str
    deltas: tuple[str, ...]
    arms: tuple[str, ...]
    benchmarks: tuple[str, ...]
    n: int | None = None
    limit: int | None = None
    temperature: float | None = None
    weight: float = 1.0

    def arguments(self, backend: str) -> list[str]:
        """Of `rast-eval run`, the output folder left out."""
        flags = ["--base", self.base]
        for delta in self.deltas or ("none",):
            flags += ["--delta", delta]
        flags += ["--arms", ",".join(self.arms), "--preset", "paper", "--backend", backend]
        flags += ["-b", ",".join(self.benchmarks)]
        optional = {"--n": self.n, "--limit": self.limit, "--temperature": self.temperature}
        for flag, value in optional.items():
            flags += [flag, f"{value:g}"] if value is not None else []
        flags += ["--lambda", f"{self.weight:g}"] if self.weight != 1.0 else []
        return [*flags, "--tensor-parallel-size", str(self.gpus)] if backend == "vllm" and self.gpus > 1 else flags

    @property
    def models(self) -> Models:
        """Its models."""
        return resolve_models(self.base, self.deltas or ("none",), weight=self.weight)

    @property
    def gpus(self) -> int:
        """80 GB cards that its largest arm needs."""
        return gpus_for(self.models.system(arm) for arm in self.arms)

    def plan(self, backend: Backend) -> Plan:
        """What it would generate; loads no model and needs no rows."""
        config = RunConfig(
            self.models,
            self.arms,
            self.benchmarks,
            n=self.n,
            limit=self.limit,
            temperature=self.temperature,
            preset="paper",
            engine=EngineConfig(backend=backend),
        )
        return build(config, allow_missing_data=True)


def base_run(scale: Scale, base: str) -> NamedRun:
    """Base, greedy and sampled, and its ceiling on all benchmarks."""
    return NamedRun(base, base, (), ("base", "base@sampled", "rl"), scale.benchmarks, scale.n, scale.limit)


def pair_run(scale: Scale, base: str, delta: str) -> NamedRun:
    """RAST on all benchmarks."""
    return NamedRun(f"{base}+{delta}", base, (delta,), ("rast",), scale.benchmarks, scale.n, scale.limit)


def bare_runs(scale: Scale) -> tuple[NamedRun, NamedRun]:
    """Table 2: a base without ceiling, sampled, and RAST."""
    base, delta = scale.bare
    shared = (scale.benchmarks, scale.n, scale.limit)
    if base in scale.bases:
        return base_run(scale, base), pair_run(scale, base, delta)
    return NamedRun(base, base, (), ("base@sampled",), *shared), pair_run(scale, base, delta)


def code_run(scale: Scale) -> NamedRun:
    """Table 3: greedy, no ceiling."""
    base, delta = scale.code
    return NamedRun(
        f"greedy-{base}+{delta}", base, (delta,), ("base", "rast"), scale.code_benchmarks, None, scale.limit, 0.0
    )


def sweep_run(scale: Scale, weight: float, temperature: float) -> NamedRun:
    """One point of Figure 6, where `sweep` leaves it."""
    base, delta = scale.main_pair
    return NamedRun(
        name=f"sweep/{Point(weight, temperature).name}",
        base=base,
        deltas=(delta,),
        arms=("rast",),
        benchmarks=(scale.sweep_benchmark,),
        n=scale.sweep_n,
        limit=scale.sweep_limit,
        temperature=temperature,
        weight=weight,
    )


def sweep_arguments(scale: Scale) -> list[list[str]]:
    """Of the two `rast-eval sweep` commands behind Figure 6: the models are loaded once for each."""
    base, delta = scale.main_pair
    shared = ["--base", base, "--delta", delta, "-b", scale.sweep_benchmark, "--backend", scale.backend]
    for flag, value in (("--n", scale.sweep_n), ("--limit", scale.sweep_limit)):
        shared += [flag, str(value)] if value is not None else []
    gpus = sweep_run(scale, 1.0, 1.0).gpus
    shared += ["--tensor-parallel-size", str(gpus)] if scale.backend == "vllm" and gpus > 1 else []
    weights, temperatures = (",".join(f"{x:g}" for x in values) for values in (scale.weights, scale.temperatures))
    return [
        [*shared, "--lambda", weights, "--temperature", "1"],
        [*shared, "--lambda", "0.5", "--temperature", temperatures],
    ]


def ensemble_run(scale: Scale) -> NamedRun | None:
    """Appendix E: several deltas on one base, each weighted by one over their number."""
    if scale.ensemble is None:
        return None
    base, deltas = scale.ensemble
    terms = tuple(f"{delta}:{1 / len(deltas):.4f}" for delta in deltas)
    return NamedRun("ensemble", base, terms, ("rast",), (scale.sweep_benchmark,), scale.n, scale.limit)


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

    def run(self, spec: NamedRun) -> Path:
        """Generate and grade what is missing of a run, and return its folder.

        Raises:
            StoreError: the run did not finish.
        """
        if spec.name in self._done:
            return self._done[spec.name]
        folder = self.root / "runs" / spec.name
        print(f"run {spec.name} …", file=sys.stderr)
        self._call(["run", *spec.arguments(self.scale.backend), "-o", str(folder)])
        self._done[spec.name] = folder
        return folder

    def prepare(self, specs: Sequence[NamedRun]) -> None:
        """Generate what several targets need, `scale.jobs` runs at a time; with one job, when a target asks for it.

        Raises:
            StoreError: a run did not finish.
        """
        if self.scale.jobs == 1:
            return
        alone = [spec for spec in specs if not spec.name.startswith("sweep/")]
        with ThreadPoolExecutor(self.scale.jobs) as pool:
            tasks: list[Future[Any]] = [pool.submit(self.sweep)] if len(alone) < len(specs) else []
            tasks += [pool.submit(self.run, spec) for spec in alone]
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
        for arguments in sweep_arguments(self.scale):
            print("sweep …", file=sys.stderr)
            self._call(["sweep", *arguments, "-o", str(folder)])
        self._done.update(
            {f"sweep/{path.name}": path for path in folder.iterdir() if (path / "manifest.json").is_file()}
        )

    def _call(self, arguments: list[str]) -> None:
        arguments = [*arguments, *(["--data-dir", str(self.data_dir)] if self.data_dir else [])]
        if _execute(arguments, quiet=self.scale.jobs > 1) > 1:
            raise StoreError(f"The {arguments[0]} did not finish.", f"Type `rast-eval {' '.join(arguments)}`.")

    def record(self, spec: NamedRun) -> Run:
        """The finished run."""
        return load_run(self.run(spec))

    def metrics(self, specs: Sequence[NamedRun], estimator: Estimator = "paper", name: str | None = None) -> RunMetrics:
        """Figures over several runs together."""
        ks = self.scale.ks if estimator == "unbiased" else None
        return evaluate_runs([self.run(spec) for spec in specs], None, estimator, ks, name)

    def save(self, name: str, figure: Figure) -> Path:
        """Write a figure as `<name>.png`, and as PDF beside it, with the scale's mark."""
        from rast_eval.report.style import save

        return save(figure, self.root / name, self.scale.mark)[0]

    def marks(self) -> list[Text]:
        """What every page begins with: the scale's mark, where it has one."""
        return [Text(self.scale.mark)] if self.scale.mark else []

    def write(self, name: str, values: object) -> None:
        """Keep every value behind a figure as `analysis/<name>.json`."""
        file = self.root / "analysis" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(to_jsonable(values)), encoding="ascii")

    def pair(self, base: str, delta: str, estimator: Estimator = "paper") -> RunMetrics:
        """Base, RAST and ceiling of one row of Table 1."""
        specs = [base_run(self.scale, base), pair_run(self.scale, base, delta)]
        return self.metrics(specs, estimator, f"{base} + Δ{delta}")


def _execute(arguments: Sequence[str], *, quiet: bool) -> int:
    """Exit code of one command line in a process of its own, whose end surely frees the GPUs.

    Args:
        quiet: keep its progress back, and print it where the command fails.
    """
    command = [sys.executable, "-m", "rast_eval", *arguments]
    stderr = subprocess.PIPE if quiet else None
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=stderr, text=True, check=False)
    if done.returncode > 1 and quiet:
        print(done.stderr, file=sys.stderr)
    return done.returncode
