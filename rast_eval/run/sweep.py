"""One models at many λ and temperatures, on one warm engine.

    results/<sweep>/lambda=0.3,temperature=1/     a run directory like any other, for every point
    results/<sweep>/sweep.json, sweep.png         accuracy with the standard deviation over runs (Figure 6)

Neither weights nor KV cache depend on λ, so the members are loaded once and their prompts stay cached.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

from rast_eval.config import EngineConfig, RunConfig
from rast_eval.decoding.engine import make_engine
from rast_eval.errors import UsageError
from rast_eval.results.reader import load_grades, load_run
from rast_eval.results.store import write_json
from rast_eval.run import plan, runner
from rast_eval.types import Completion, Engine, Request, Sampling, System


@dataclass(frozen=True)
class Point:
    """One setting of a sweep; None leaves a value as the run has it."""

    weight: float | None
    temperature: float | None

    @property
    def name(self) -> str:
        """Name of its run directory."""
        values = {"lambda": self.weight, "temperature": self.temperature}
        return ",".join(f"{key}={value:g}" for key, value in values.items() if value is not None)


@dataclass(frozen=True)
class Result:
    """Accuracy of one point on one benchmark.

    Attributes:
        accuracy: mean over n runs, in percent; run j holds sample j of every problem.
        deviation: standard deviation over these runs, in percentage points; None for a single run.
    """

    weight: float | None
    temperature: float | None
    benchmark: str
    accuracy: float
    deviation: float | None
    problems: int
    n: int


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


def points(weights: Sequence[float], temperatures: Sequence[float]) -> list[Point]:
    """Every combination, λ varying fastest."""
    nothing: Sequence[None] = (None,)
    return [Point(weight, heat) for heat, weight in product(temperatures or nothing, weights or nothing)]


class WarmEngine:
    """Hands out one engine again and again, and loads another only when the members change."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._members: tuple[object, ...] = ()

    def __call__(self, system: System, config: EngineConfig) -> Engine:
        """An engine for `system` whose `close` leaves it running; see `decoding.engine.make_engine`."""
        if self._engine is None or system.members != self._members:
            self.close()
            self._engine, self._members = make_engine(system, config), system.members
        self._engine.reweight(system)
        return _Borrowed(self._engine)

    def close(self) -> None:
        """Free the engine's memory."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None


class _Borrowed:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reweight, self.settings = engine.reweight, engine.settings

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        yield from self._engine.generate(requests, sampling, stop, stop_token_ids)

    def close(self) -> None:
        pass


def configure(config: RunConfig, point: Point) -> RunConfig:
    """The run of one point: its λ for every delta, its temperature for every arm."""
    models = config.models
    if point.weight is not None:
        models = replace(models, deltas=tuple(replace(delta, weight=point.weight) for delta in models.deltas))
    temperature = config.temperature if point.temperature is None else point.temperature
    return replace(config, models=models, temperature=temperature)


def run(
    config: RunConfig, grid: Sequence[Point], root: Path, *, overwrite: bool = False, workers: int | None = None
) -> list[Result]:
    """Generate and grade what is missing of every point, and write sweep.json and sweep.png.

    Args:
        config: of one arm.

    Raises:
        RastEvalError: as `runner.run` does.
    """
    plans = [plan.build(configure(config, point)) for point in grid]
    warm = WarmEngine()
    results: list[Result] = []
    try:
        for point, built in zip(grid, plans, strict=True):
            runner.run(built, root / point.name, overwrite=overwrite, workers=workers, load=warm)
            results += read(point, root / point.name)
            write_json(root / "sweep.json", [asdict(result) for result in results])
    finally:
        warm.close()
    draw(results, root / "sweep.png")
    return results


def read(point: Point, folder: Path) -> list[Result]:
    """What the run of one point measured, a row a benchmark."""
    record = load_run(folder)
    found = []
    for cell in record.cells:
        correct = load_grades(record, cell).correct
        runs = correct.mean(axis=0) * 100
        deviation = float(runs.std(ddof=1)) if len(runs) > 1 else None
        found.append(
            Result(
                point.weight, point.temperature, cell.benchmark, float(runs.mean()), deviation, *map(int, correct.shape)
            )
        )
    return found


def draw(results: Sequence[Result], path: Path) -> None:
    """Accuracy over λ (or over the temperature where λ stays), one line a benchmark and other value."""
    from matplotlib.figure import Figure

    over_weight = len({result.weight for result in results}) > 1
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for result in results:
        x, other = (result.weight, result.temperature) if over_weight else (result.temperature, result.weight)
        label = result.benchmark
        if other is not None:
            label += f", {'T' if over_weight else 'λ'} = {other:g}"
        lines.setdefault(label, []).append((x or 0.0, result.accuracy, result.deviation or 0.0))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for label, rows in lines.items():
        x_values, accuracies, deviations = zip(*sorted(rows), strict=True)
        axes.errorbar(x_values, accuracies, yerr=deviations, marker="o", markersize=3, capsize=2, label=label)
    axes.set_xlabel("λ" if over_weight else "temperature")
    axes.set_ylabel("accuracy in %, ± standard deviation over runs")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)
