"""The table of docs/rules.md: each rule on the embedded family, `l` with the delta of `m`.

    python -m tools.rules --limit 60 --n 4 -o results/rules

Accuracy and recovery are those of `rast-eval report`; the share is what the run recorded. Speed is tokens a CPU second
of generation alone, on transformers with one thread, so that other programs hardly move it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rast_eval.config import EngineConfig, RunConfig
from rast_eval.decoding.engine import make_engine
from rast_eval.inputs.models import resolve_models
from rast_eval.results.metrics import evaluate_runs
from rast_eval.results.store import Store
from rast_eval.runs import plan, runner
from rast_eval.types import Completion, Engine, FusionRule, Request, Sampling, System

RULES = (
    "linear",
    "gated:entropy=0.1",
    "gated:entropy=0.5",
    "gated:entropy=1",
    "gated:disagreement=0.1",
    "gated:disagreement=0.5",
    "masked:alpha=0.01",
    "masked:alpha=0.1",
    "contrastive:beta=0.2",
    "contrastive:alpha=0.1,beta=0.2",
)


class TimedEngine:
    """An engine that adds up its CPU seconds while it generates, and its tokens."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.seconds, self.tokens = engine, 0.0, 0
        self.reweight, self.close = engine.reweight, engine.close

    @property
    def settings(self) -> dict[str, object]:
        """The engine's."""
        return dict(self._engine.settings)

    @property
    def activity(self) -> tuple[int, int]:
        """The engine's."""
        return self._engine.activity

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, stop: Sequence[str], stop_token_ids: Sequence[int]
    ) -> Iterator[Completion]:
        """The engine's completions; what is done with them meanwhile is not counted."""
        since = time.process_time()
        for completion in self._engine.generate(requests, sampling, stop, stop_token_ids):
            self.seconds += time.process_time() - since
            self.tokens += completion.num_tokens
            yield completion
            since = time.process_time()


def main() -> None:
    """Run what is missing, and print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/rules"))
    flags = parser.parse_args()
    models = resolve_models("tiny-l", ["tiny-m"])
    config = RunConfig(models, n=flags.n, limit=flags.limit, engine=EngineConfig(dtype="float32"))
    runner.run(plan.build(replace(config, arms=("base@sampled", "rl"))), flags.output / "frame")
    frame = ""
    print("| rule | accuracy, % | recovery, % | acted, % | tokens a CPU second |\n|---|---|---|---|---|")
    for text in RULES:
        rule = FusionRule.parse(text)
        root, timed = flags.output / text.replace(":", ","), list[TimedEngine]()

        def load(system: System, engine: EngineConfig, timed: list[TimedEngine] = timed) -> Engine:
            timed.append(TimedEngine(make_engine(system, engine)))
            return timed[-1]

        ruled = replace(config, models=replace(models, rule=rule), arms=("rast",))
        runner.run(plan.build(ruled), root, load=load)
        metrics = evaluate_runs([root, flags.output / "frame"])
        cell = metrics.cell("rast", "tiny-arith")
        base, rl = (metrics.cell(arm, "tiny-arith") for arm in ("base@sampled", "rl"))
        if cell is None or base is None or rl is None:
            raise SystemExit(f"{root} is not graded")
        gap = rl.accuracy.value - base.accuracy.value
        recovery = 100 * (cell.accuracy.value - base.accuracy.value) / gap
        counts = [s["rule_acted"]["rast/tiny-arith"] for s in Store(root).manifest()["sessions"] if "rule_acted" in s]
        acted, positions = counts[0] if counts else (0, 0)
        share = f"{100 * acted / positions:.1f}" if positions else "100"
        speed = f"{timed[0].tokens / timed[0].seconds:.0f}" if timed else "–"
        bounds = f"[{100 * cell.accuracy.low:.1f}, {100 * cell.accuracy.high:.1f}]"
        accuracy = f"{100 * cell.accuracy.value:.1f} {bounds}"
        print(f"| `{text}` | {accuracy} | {recovery:.1f} | {share} | {speed} |", flush=True)
        frame = f"base {100 * base.accuracy.value:.1f} %, RL ceiling {100 * rl.accuracy.value:.1f} %"
    print(f"\n{frame}")


if __name__ == "__main__":
    main()
