"""Speculative RAST against plain RAST and against the base alone: tokens a second by batch and drafted tokens.

    python tools/bench/decode.py --speculate                       minutes on two cores; a table and a plot
    python tools/bench/decode.py --speculate --acceptance 0.7 --batches 1,4 --drafts 2,4 --no-tiny

Random members with a base that dominates, made to agree as far as wanted: base and antiexpert whisper (small heads), so
that the fused logits are the expert's and some noise, whose size decides how many drafted tokens stand. The acceptance
that came of it is measured and printed. All contestants sample at temperature 1 from the same prompts and take turns.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rast_eval.config import AUTO, EngineConfig
from rast_eval.decoding.fusion import fuse
from rast_eval.decoding.loading import load_model, load_tokenizer
from rast_eval.decoding.sampling import distribution
from rast_eval.decoding.speculation import MOST_DRAFTED, Acceptance, modelled_speed
from rast_eval.decoding.vllm.pacing import Pacer
from rast_eval.inputs import benchmarks
from rast_eval.inputs import prompts as prompt_files
from rast_eval.inputs.models import resolve_models
from rast_eval.inputs.shapes import ModelShape
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

BASE = ModelShape(1024, 8, 16, 4, 64, 2816, 8192, 2048, attention_bias=True)
SMALL = ModelShape(256, 2, 4, 2, 64, 704, 8192, 2048, attention_bias=True)
PROMPT_TOKENS = 4
SHARPNESS = 6.0
"""Standard deviation of the expert's logits: the best token of 8,192 then has a quarter of the mass or so."""

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

SAMPLING = Sampling(1.0, 1.0, 0)


@dataclass(frozen=True)
class Speed:
    """One contestant at one batch size, over all rounds.

    Attributes:
        tokens_per_second: median of the rounds'; ratio: median of its speed against plain RAST's in the same round.
        accepted: share of first drafted tokens that stood, NaN without any; tokens_per_pass: of a sequence.
    """

    engine: str
    batch: int
    tokens_per_second: float
    ratio: float
    accepted: float
    tokens_per_pass: float


def write_members(folder: Path, acceptance: float) -> System:
    """Random checkpoints whose expert's drafts stand with about that probability."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from tools.bench.decode import write_tokenizer

    refs = {}
    for seed, (name, shape) in enumerate({"base": BASE, "expert": SMALL, "antiexpert": SMALL}.items()):
        facts = {key: value for key, value in vars(shape).items() if key not in ("attention_bias", "head_dim")}
        config = Qwen2Config(**facts, dtype="float32", eos_token_id=None, bos_token_id=None, initializer_range=0.05)
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
        _scale_head(model, SHARPNESS if name == "expert" else 1.0)
        model.save_pretrained(folder / name)
        write_tokenizer(folder / name)
        refs[name] = ModelRef(str(folder / name), name=name)
    system = System(refs["base"], (Delta(refs["expert"], refs["antiexpert"]),))
    low, high = 0.0, SHARPNESS
    logits = _some_logits(system)
    for _ in range(30):  # the louder the base, the fewer drafts stand
        noise = (low + high) / 2
        if _overlap(logits, noise) > acceptance:
            low = noise
        else:
            high = noise
    base = load_model(refs["base"], torch.float32, "cpu")
    with torch.no_grad():
        base.lm_head.weight.mul_(noise)
    base.save_pretrained(folder / "base")
    quiet = load_model(refs["antiexpert"], torch.float32, "cpu")
    with torch.no_grad():
        quiet.lm_head.weight.mul_(1e-3)
    quiet.save_pretrained(folder / "antiexpert")
    return system


def _scale_head(model: Any, deviation: float) -> None:
    """Scale the head so that logits have this standard deviation."""
    with torch.inference_mode():
        found = float(model(torch.randint(1, BASE.vocab_size, (8, PROMPT_TOKENS))).logits[:, -1].std())
    with torch.no_grad():
        model.lm_head.weight.mul_(deviation / found)


def _some_logits(system: System, rows: int = 64) -> list[torch.Tensor]:
    torch.manual_seed(0)
    ids = torch.randint(1, BASE.vocab_size, (rows, PROMPT_TOKENS))
    with torch.inference_mode():
        return [load_model(ref, torch.float32, "cpu")(ids).logits[:, -1] for ref in system.members]


def _overlap(logits: list[torch.Tensor], noise: float) -> float:
    """Mean probability that a drafted token stands, Σ min(p, q), with the base at so much of its voice."""
    base, expert, _ = logits
    p = distribution(fuse([base, expert], [noise, 1.0]), SAMPLING)
    return float(torch.minimum(p, distribution(expert.float(), SAMPLING)).sum(-1).mean())


def prompts(batch: int) -> list[Request]:
    """As many random prompts, the same for every engine."""
    generator = torch.Generator().manual_seed(batch)
    rows = torch.randint(1, BASE.vocab_size, (batch, PROMPT_TOKENS), generator=generator).tolist()
    return [Request(str(index), 0, tuple(row), index) for index, row in enumerate(rows)]


class Constant:
    """vLLM's table of drafted tokens by batch size, with one number for all sizes."""

    def __init__(self, drafts: int) -> None:
        self.drafts = drafts

    def __getitem__(self, batch: int) -> int:
        return self.drafts

    def count(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to learn."""


class Contestant:
    """One way to decode; several may share an engine, which they use one after the other.

    Args:
        drafts: tokens a pass, `AUTO`, or None where the engine does not speculate.
        now: seconds, by which speeds are taken.
    """

    def __init__(self, name: str, engine: Any, drafts: int | None, now: Callable[[], float]) -> None:
        self.name, self.engine, self.stood, self.now = name, engine, Acceptance(), now
        self.busy = self.started = 0.0
        self.speeds: list[float] = []
        self.table = Pacer(MOST_DRAFTED, clock=self._clock) if drafts == AUTO else Constant(drafts or 0)
        self._numbers = itertools.count()

    def _clock(self) -> float:
        return self.busy + self.now() - self.started

    def run(self, batch: int, tokens: int) -> None:
        """Decode `batch` sequences from their prompts on, `tokens` of each on average; prompts are not timed."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        llm = self.engine._llm.llm_engine
        if self.engine.drafter is not None:
            llm.engine_core.engine_core.scheduler.dynamic_sd_lookup = self.table
        kind = RequestOutputKind.DELTA
        params = SamplingParams(temperature=1.0, max_tokens=1000, ignore_eos=True, detokenize=False, output_kind=kind)
        names = [f"{self.name} {next(self._numbers)}" for _ in range(batch)]
        for name, request in zip(names, prompts(batch), strict=True):
            llm.add_request(name, {"prompt_token_ids": list(request.prompt_token_ids)}, params)
        self.started, waiting = self.now(), set(names)
        while waiting:
            waiting -= {output.request_id for output in llm.step()}
        self.engine.acceptance.clear()
        made, started = 0, self.now()
        while made < tokens * batch:
            made += sum(len(output.outputs[0].token_ids) for output in llm.step())
        ended = self.now()
        self.speeds.append(made / (ended - started))
        self.busy += ended - self.started
        self.stood.add(self.engine.acceptance)
        llm.abort_request(names)
        while llm.has_unfinished_requests():
            llm.step()


def measure(
    engines: list[Any], drafts: list[int], batch: int, tokens: int, rounds: int, now: Callable[[], float]
) -> list[Speed]:
    """Every contestant at one batch size; they take turns, so that the machine's load falls on all alike."""
    plain, alone, speculative = engines
    field = [Contestant("plain", plain, None, now), Contestant("base alone", alone, None, now)]
    field += [Contestant("auto", speculative, AUTO, now)]
    field += [Contestant(f"γ = {count}", speculative, count, now) for count in drafts]
    for turn in range(rounds):
        for contestant in field:
            contestant.run(batch, tokens)
        print(f"  batch {batch}, round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    found = []
    for one in field:
        ratios = [own / other for own, other in zip(one.speeds, field[0].speeds, strict=True)]
        shares = one.stood.shares
        speed = statistics.median(one.speeds)
        # `auto` learns on the way: what counts is all it took.
        ratio = sum(map(_inverse, field[0].speeds)) / sum(map(_inverse, one.speeds)) if one.name == "auto" else None
        accepted = shares[0] if shares else math.nan
        each = one.stood.tokens_per_pass
        found.append(Speed(one.name, batch, speed, ratio or statistics.median(ratios), accepted, each))
    return found


def _inverse(speed: float) -> float:
    return 1 / speed


def table(rows: list[Speed], acceptance: float) -> str:
    """Tokens a second, and against plain RAST at the same batch."""
    names, batches = (
        list(dict.fromkeys(found)) for found in zip(*((row.engine, row.batch) for row in rows), strict=True)
    )
    lines = [f"wanted acceptance {acceptance:g}", f"{'':<12}" + "".join(f"{f'batch {b}':>32}" for b in batches)]
    for name in names:
        cells = []
        for row in (row for row in rows if row.engine == name):
            stood = "" if math.isnan(row.accepted) else f" α {row.accepted:.2f} {row.tokens_per_pass:.1f}/pass"
            cells.append(f"{row.tokens_per_second:.1f} ({row.ratio:.2f} ×){stood}")
        lines.append(f"{name:<12}" + "".join(f"{cell:>32}" for cell in cells))
    return "\n".join(lines)


def draw(results: dict[float, list[Speed]], path: Path) -> None:
    """Speed-up over the batch, and the byte model's curve for an H100 beside it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(results) + 1, sharey=True)
    for axes, (acceptance, rows) in zip(panels, results.items(), strict=False):
        for name in dict.fromkeys(row.engine for row in rows if row.engine != "plain"):
            own = [row for row in rows if row.engine == name]
            line = {"auto": "-", "base alone": ":"}.get(name, "--")
            axes.plot(
                [row.batch for row in own], [row.ratio for row in own], line, marker="o", markersize=3, label=name
            )
        axes.set_title(f"measured, α ≈ {acceptance:g}", loc="left", fontsize=9)
    axes = panels[-1]
    sizes = (BASE.parameters, SMALL.parameters)
    batches = [2**i for i in range(9)]
    for acceptance in results:
        best = [max(modelled_speed(*sizes, acceptance, g, b) for g in range(9)) for b in batches]
        axes.plot(batches, best, label=f"best γ, α = {acceptance:g}")
    axes.set_title("byte model, H100", loc="left", fontsize=9)
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_xlabel("sequences decoded together")
        axes.axhline(1, color="#999999", linewidth=0.8)
        axes.legend(fontsize=7)
    panels[0].set_ylabel("tokens a second / plain RAST")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def start(system: System, drafted: int, batches: list[int], dtype: str) -> Any:
    """An engine that lets any request sample: the speed is measured here, not the distribution."""
    from rast_eval.decoding.vllm import VLLMEngine

    config = EngineConfig(backend="vllm", dtype=dtype, speculate=drafted, max_num_seqs=max(batches), max_model_len=1024)
    extra: dict[str, object] = {"enable_prefix_caching": False}
    if not torch.cuda.is_available():
        extra["kv_cache_memory_bytes"] = 1 << 30
    return VLLMEngine(system, replace(config, extra=extra))


def tiny_family(sampled: float) -> Acceptance:
    """What becomes of eight drafted tokens a pass when tiny-m's expert drafts for tiny-l on the embedded task."""
    models = resolve_models(deltas=["tiny-m"], base="tiny-l")
    system = models.system("rast")
    engine = start(system, MOST_DRAFTED, [16], "float32")
    engine.certificate = "none is asked for"
    benchmark = benchmarks.get("tiny-arith")
    template = prompt_files.get(models.prompt)
    problems = benchmarks.load(benchmark, limit=32)
    try:
        tokenizer = load_tokenizer(system.base)
        texts = [prompt_files.render(template, problem, tokenizer) for problem in problems]
        ids = [prompt_files.encode(template, text, tokenizer) for text in texts]
        requests = [Request(str(index), 0, row, index) for index, row in enumerate(ids)]
        list(engine.generate(requests, Sampling(sampled, 1.0, 120), (), ()))
        stood: Acceptance = engine.acceptance
    finally:
        engine.close()
    return stood


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python tools/bench/decode.py --speculate", description=__doc__)
    parser.add_argument("--acceptance", default="0.7,0.9", help="wanted, one table each")
    parser.add_argument("--batches", default="1,4,16,64")
    parser.add_argument("--drafts", default="0,1,2,4,8", help="drafted tokens a pass; 0: what readiness costs")
    parser.add_argument("--tokens", type=int, default=64, help="timed a sequence and round at batch 1; fewer at larger")
    parser.add_argument("--rounds", type=int, default=3)
    clocks = "cpu: seconds that this process was given, for one thread (OMP_NUM_THREADS=1) on a busy machine"
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help=clocks)
    parser.add_argument("--tiny", action=argparse.BooleanOptionalAction, default=True, help="the embedded family too")
    parser.add_argument("--dtype", default="bfloat16" if torch.cuda.is_available() else "float32")
    parser.add_argument("--plot", type=Path, default=Path("build/speculation.png"))
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args(arguments)
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # several engines, and a table put into one of them
    batches = [int(part) for part in flags.batches.split(",")]
    drafts = [int(part) for part in flags.drafts.split(",")]
    results: dict[float, list[Speed]] = {}
    for acceptance in (float(part) for part in flags.acceptance.split(",")):
        with tempfile.TemporaryDirectory(prefix="rast-bench-") as folder:
            system = write_members(Path(folder), acceptance)
            wanted = ((system, 0), (System(system.base), 0), (system, AUTO))
            engines = [start(one, drafted, batches, flags.dtype) for one, drafted in wanted]
            rows = []
            for batch in batches:
                tokens = max(12, round(flags.tokens / batch**0.4))
                rows += measure(engines, drafts, batch, tokens, flags.rounds, CLOCKS[flags.clock])
            for engine in engines:
                engine.close()
            gc.collect()
        results[acceptance] = rows
        if not flags.json:
            print(table(rows, acceptance), flush=True)
    tiny = {f"T = {heat:g}": tiny_family(heat) for heat in (0.0, 1.0)} if flags.tiny else {}
    for name, stood in tiny.items() if not flags.json else ():
        each = [1 + sum(stood.accepted[:count]) / max(1, stood.drafted[0]) for count in range(1, MOST_DRAFTED + 1)]
        shares = " ".join(f"{share:.2f}" for share in stood.shares)
        print(f"tiny-l + Δtiny-m, {name}: stood by place {shares}; tokens a pass " + " ".join(f"{e:.2f}" for e in each))
    draw(results, flags.plot)
    print(f"plot: {flags.plot}", file=sys.stderr)
    if flags.json:
        told = {str(acceptance): [vars(row) for row in rows] for acceptance, rows in results.items()}
        print(json.dumps({**told, "tiny": {name: vars(stood) for name, stood in tiny.items()}}))
