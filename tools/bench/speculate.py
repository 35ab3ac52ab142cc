"""Speculative RAST against plain RAST and against the base alone: tokens a second by batch and drafted tokens.

    python tools/bench/decode.py --speculate                       minutes on two cores; a table and a plot
    python tools/bench/decode.py --speculate --acceptance 0.7 --batches 1,4

Random members with a base that dominates, made to agree as far as wanted: base and antiexpert whisper (small heads), so
that the fused logits are the expert's and some noise, whose size decides how many drafted tokens stand. The acceptance
that came of it is measured and printed. Every engine samples at temperature 1 over the same prompts, one after the
other in one process.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rast_eval.config import AUTO, EngineConfig
from rast_eval.decoding.fusion import fuse
from rast_eval.decoding.loading import load_model
from rast_eval.decoding.sampling import distribution
from rast_eval.decoding.speculation import modelled_speed
from rast_eval.inputs.shapes import ModelShape
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

BASE = ModelShape(1024, 8, 16, 4, 64, 2816, 8192, 2048, attention_bias=True)
SMALL = ModelShape(256, 2, 4, 2, 64, 704, 8192, 2048, attention_bias=True)
PROMPT_TOKENS = 16
SHARPNESS = 6.0
"""Standard deviation of the expert's logits: the best token of 8,192 then has a quarter of the mass or so."""

SAMPLING = Sampling(1.0, 1.0, 0)


@dataclass(frozen=True)
class Speed:
    """One engine at one batch size.

    Attributes:
        drafted: tokens a pass, 0 for plain decoding, `AUTO`.
        accepted: share of first drafted tokens that stood, NaN without any; tokens_per_pass: of a fused pass.
    """

    engine: str
    batch: int
    drafted: int
    tokens_per_second: float
    accepted: float
    tokens_per_pass: float


def write_members(folder: Path, acceptance: float) -> System:
    """Random checkpoints whose expert's drafts stand with about that probability."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from tools.bench.decode import _tokenizer

    refs = {}
    for seed, (name, shape) in enumerate({"base": BASE, "expert": SMALL, "antiexpert": SMALL}.items()):
        facts = {key: value for key, value in vars(shape).items() if key not in ("attention_bias", "head_dim")}
        config = Qwen2Config(**facts, dtype="float32", eos_token_id=None, bos_token_id=None, initializer_range=0.05)
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
        _scale_head(model, SHARPNESS if name == "expert" else 1.0)
        model.save_pretrained(folder / name)
        _tokenizer(shape.vocab_size).save_pretrained(folder / name)
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


def measure(
    name: str, system: System, drafted: int, batches: list[int], tokens: dict[int, int], dtype: str
) -> list[Speed]:
    """Tokens a second of one engine at every batch size."""
    from rast_eval.decoding.vllm import VLLMEngine

    config = EngineConfig(backend="vllm", dtype=dtype, speculate=drafted, max_num_seqs=max(batches), max_model_len=1024)
    engine = VLLMEngine(system, replace(config, extra={"enable_prefix_caching": False}))
    engine.certificate = "none is asked for"  # the speed is measured here, not the distribution
    found = []
    try:
        list(engine.generate(prompts(2), replace(SAMPLING, max_tokens=8), (), ()))
        for batch in batches:
            engine.acceptance.clear()
            started = time.perf_counter()
            sampling = replace(SAMPLING, max_tokens=tokens[batch])
            made = sum(completion.num_tokens for completion in engine.generate(prompts(batch), sampling, (), ()))
            seconds, stood = time.perf_counter() - started, engine.acceptance
            accepted = stood.shares[0] if stood.drafted else math.nan
            each = stood.tokens_per_pass
            found.append(Speed(name, batch, drafted, made / seconds, accepted, each))
            print(f"  {name}, batch {batch}: {made / seconds:.1f} tokens/s", file=sys.stderr)
    finally:
        engine.close()
        gc.collect()
    return found


def table(rows: list[Speed], acceptance: float) -> str:
    """Tokens a second, and against plain RAST at the same batch."""
    plain = {row.batch: row.tokens_per_second for row in rows if row.engine == "plain"}
    names = list(dict.fromkeys(row.engine for row in rows))
    lines = [f"wanted acceptance {acceptance:g}", f"{'':<12}" + "".join(f"{f'batch {b}':>32}" for b in plain)]
    for name in names:
        cells = []
        for row in (row for row in rows if row.engine == name):
            stood = "" if math.isnan(row.accepted) else f" α {row.accepted:.2f} {row.tokens_per_pass:.1f}/pass"
            cells.append(f"{row.tokens_per_second:.1f} ({row.tokens_per_second / plain[row.batch]:.2f} ×){stood}")
        lines.append(f"{name:<12}" + "".join(f"{cell:>32}" for cell in cells))
    return "\n".join(lines)


def draw(results: dict[float, list[Speed]], path: Path) -> None:
    """Speed-up over the batch, and the byte model's curve for an H100 beside it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(results) + 1, sharey=True)
    for axes, (acceptance, rows) in zip(panels, results.items(), strict=False):
        plain = {row.batch: row.tokens_per_second for row in rows if row.engine == "plain"}
        for name in dict.fromkeys(row.engine for row in rows if row.engine != "plain"):
            own = [row for row in rows if row.engine == name]
            line = {"auto": "-", "base alone": ":"}.get(name, "--")
            speed = [row.tokens_per_second / plain[row.batch] for row in own]
            axes.plot([row.batch for row in own], speed, line, marker="o", markersize=3, label=name)
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


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python tools/bench/decode.py --speculate")
    parser.add_argument("--acceptance", default="0.7,0.9", help="wanted, one table each")
    parser.add_argument("--batches", default="1,4,16,64")
    parser.add_argument("--drafts", default="1,2,3,4,6,8", help="drafted tokens a pass")
    parser.add_argument("--tokens", type=int, default=256, help="generated a sequence at batch 1; fewer at larger ones")
    parser.add_argument("--dtype", default="bfloat16" if torch.cuda.is_available() else "float32")
    parser.add_argument("--plot", type=Path, default=Path("build/speculation.png"))
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args(arguments)
    batches = [int(part) for part in flags.batches.split(",")]
    drafts = [int(part) for part in flags.drafts.split(",")]
    tokens = {batch: max(64, flags.tokens // max(1, batch // 8)) for batch in batches}
    results: dict[float, list[Speed]] = {}
    for acceptance in (float(part) for part in flags.acceptance.split(",")):
        with tempfile.TemporaryDirectory(prefix="rast-bench-") as folder:
            system = write_members(Path(folder), acceptance)
            engines = {"plain": (system, 0), "base alone": (System(system.base), 0), "auto": (system, AUTO)}
            engines |= {f"γ = {drafted}": (system, drafted) for drafted in drafts}
            rows = [
                row
                for name, (one, drafted) in engines.items()
                for row in measure(name, one, drafted, batches, tokens, flags.dtype)
            ]
        results[acceptance] = rows
        if not flags.json:
            print(table(rows, acceptance), flush=True)
    draw(results, flags.plot)
    if flags.json:
        print(json.dumps({str(acceptance): [vars(row) for row in rows] for acceptance, rows in results.items()}))


if __name__ == "__main__":
    main()
