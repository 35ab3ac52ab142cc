"""The stages of `rast-eval doctor --gpu` and `--selfcheck`, each a program of its own:

    python -m rast_eval.decoding.vllm.stages facts
    python -m rast_eval.decoding.vllm.stages tiny --enforce-eager --dtype float32
    python -m rast_eval.decoding.vllm.stages shapes --base 7b --delta 1.5b

The last line of stdout is a JSON object, `{"ok": true, "line": "…", …}`; all else goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from rast_eval.config import EngineConfig
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

BATCHES = (1, 3, 17, 64)
LAMBDAS = (1.0, 0.0, 0.5, 1.0)
FIXED = (16, 128)
"""Sequences of so many random tokens, whose log-probabilities are set against the reference."""

TOLERANCE = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.4}
"""Natural logarithms by which a log-probability may differ from float32's: three members' rounding of logits to 30."""

SPREAD = 0.25
"""Of real shapes with dummy weights: the largest difference, as a share of the log-probabilities' own spread."""

NEW_TOKENS = 16

BEGAN = time.monotonic()


def facts(flags: argparse.Namespace) -> dict[str, Any]:
    """What this machine has, without an engine."""
    from importlib.metadata import version

    from rast_eval import machine
    from rast_eval.decoding.vllm.certificate import build
    from rast_eval.inputs import resources

    cards = machine.cards()
    device = f"{len(cards)} × {cards[0].name}, driver {cards[0].driver}" if cards else f"CPU, {os.cpu_count()} cores"
    cache = os.environ.get("VLLM_CACHE_ROOT", "~/.cache/vllm")
    line = f"{device}, vLLM {build()[0]}, torch {version('torch')}; graphs in {cache}"
    return {"ok": True, "line": line, "composites": str(resources.cache_folder("composites"))}


def tiny(flags: argparse.Namespace) -> dict[str, Any]:
    """The embedded family in one engine, against plain transformers in float32."""
    from rast_eval.inputs import resources

    folder = resources.embedded_checkpoints()
    names = ("s-base" if flags.small else "m-base", "s-rl", "s-base")
    base, expert, antiexpert = (ModelRef(str(folder / name), name=name) for name in names)
    systems = [System(base, (Delta(expert, antiexpert, weight),)) for weight in LAMBDAS]
    reference = FloatReference(systems[0])
    tell("the reference is loaded")
    sequences = fixed_sequences()
    started = time.monotonic()
    engine = start(systems[0], flags, max_model_len=256)
    seconds = time.monotonic() - started
    tell("the engine is up")
    try:
        numbers = tolerance(engine)
        difference, wrong, tokens = reference.compare(sequences, engine.score(sequences), systems[0], numbers)
        tell("fixed sequences are scored")
        for batch in flags.batches:
            rows = [sequences[index % FIXED[0]][: 20 + index] for index in range(batch)]
            wrong += reference.wrong(rows, generate(engine, rows), systems[0], numbers)
            tell(f"batch {batch} is decoded")
        rows = [sequence[:96] for sequence in sequences]
        first: list[tuple[int, ...]] = []
        for system in systems:  # the same prompts again, so that all but the first come from the prefix cache
            engine.reweight(system)
            outputs = generate(engine, rows)
            wrong += reference.wrong(rows, outputs, system, numbers)
            first = first or outputs
            tell(f"λ = {system.deltas[0].weight} is decoded")
        changed = sum(a != b for a, b in zip(first, outputs, strict=True))
        told = f"max |Δlogp| {difference:.2g} over {tokens:,} tokens, {wrong} wrong; "
        told += f"batches {', '.join(map(str, flags.batches))}; λ 1, 0, 0.5, 1"
        told += f" ({changed} of {len(rows)} differ)" if changed else ""
        return {
            "ok": difference <= numbers and wrong == 0,
            "line": f"{described(engine)}: {told}; up in {seconds:.0f} s",
            "difference": difference,
            "wrong": wrong,
            "changed": changed,
            "start_seconds": seconds,
            "settings": dict(engine.settings),
        }
    finally:
        engine.close()


def warm(flags: argparse.Namespace) -> dict[str, Any]:
    """Start once more on the graphs that an earlier stage kept."""
    found = tiny(flags)
    found["line"] = f"up in {found['start_seconds']:.0f} s, {flags.cold:.0f} s when cold; {found['wrong']} wrong"
    return found


def shapes(flags: argparse.Namespace) -> dict[str, Any]:
    """Real widths, two layers, dummy weights: product defaults against eager and against another attention backend."""
    from rast_eval.inputs.models import find_pair, shape_of

    variants: dict[str, list[str]] = {
        "default": [],
        "eager": ["--enforce-eager"],
        flags.other: ["--attention-backend", flags.other],
    }
    sequences = fixed_sequences()
    with tempfile.TemporaryDirectory(prefix="rast-shapes-") as place:
        members = []
        for role, name in (("base", flags.base), ("expert", flags.delta), ("antiexpert", flags.delta)):
            pair = find_pair(name)
            shape = shape_of(pair.base if pair else ModelRef(name))
            assert shape is not None, f"no shape of {name}"
            members.append(dummy(replace(shape, num_hidden_layers=2), Path(place) / role))
        system = System(members[0], (Delta(members[1], members[2]),))
        scores, names = {}, {}
        for variant, more in variants.items():
            own = parser().parse_args([flags.stage, *more], argparse.Namespace(**vars(flags)))
            engine = start(system, own, max_model_len=256, load_format="dummy")
            try:
                scores[variant] = [score.logprob for row in engine.score(sequences) for score in row]
                names[variant] = described(engine)
                tell(f"{variant} is scored")
            finally:
                engine.close()
    default = scores.pop("default")
    mean = sum(default) / len(default)
    spread = (sum((value - mean) ** 2 for value in default) / len(default)) ** 0.5
    apart = {
        name: max(abs(a - b) for a, b in zip(default, values, strict=True)) / spread for name, values in scores.items()
    }
    told = ", ".join(f"{value:.3f} of the spread from {name}" for name, value in apart.items())
    return {"ok": max(apart.values()) <= SPREAD, "line": f"{names['default']}: {told}", "apart": apart}


def fixed_sequences() -> list[list[int]]:
    """Ids that every stage and every start scores alike."""
    draw = random.Random(0)
    return [[draw.randrange(2, 400) for _ in range(FIXED[1])] for _ in range(FIXED[0])]


def tell(what: str) -> None:
    """Say on stderr how far the stage is, with the seconds since its process began."""
    print(f"[{time.monotonic() - BEGAN:.0f} s] {what}", file=sys.stderr, flush=True)


class FloatReference:
    """Eq. 3 in float32 with transformers, on whole sequences."""

    def __init__(self, system: System) -> None:
        from rast_eval.decoding.loading import load_model

        self.models = [load_model(ref, torch.float32, "cpu") for ref in system.members]

    def logprobs(self, ids: Sequence[int], system: System) -> Any:
        """[tokens, vocabulary]: of what follows each token."""
        from rast_eval.decoding.fusion import fuse

        with torch.inference_mode():
            row = torch.tensor([list(ids)])
            fused = fuse([model(row).logits[0] for model in self.models], system.weights)
            return torch.log_softmax(fused.float(), dim=-1)

    def compare(
        self, rows: Sequence[Sequence[int]], scores: Any, system: System, most: float
    ) -> tuple[float, int, int]:
        """(largest difference of a given token's log-probability, best tokens beyond `most`, tokens)."""
        largest, wrong, count = 0.0, 0, 0
        for ids, found in zip(rows, scores, strict=True):
            expected = self.logprobs(ids[:-1], system)
            for place, score in enumerate(found):
                largest = max(largest, abs(score.logprob - float(expected[place, ids[place + 1]])))
                wrong += int(expected[place].max() - expected[place, score.best] > 2 * most)
                count += 1
        return largest, wrong, count

    def wrong(self, rows: Sequence[Sequence[int]], outputs: Any, system: System, most: float) -> int:
        """Greedy tokens that the reference finds less probable than its best one by more than rounding explains."""
        count = 0
        for ids, output in zip(rows, outputs, strict=True):
            expected = self.logprobs([*ids, *output], system)[len(ids) - 1 : -1]
            count += sum(int(row.max() - row[token] > 2 * most) for row, token in zip(expected, output, strict=True))
        return count


def start(system: System, flags: argparse.Namespace, **extra: object) -> Any:
    """An engine as the flags want it."""
    if flags.runner:
        os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "1" if flags.runner == "V2" else "0"
    if flags.attention_backend:
        extra["attention_config"] = {"backend": flags.attention_backend}
    if flags.compiled:
        extra["enforce_eager"] = False
    from rast_eval.decoding.vllm.engine import VLLMEngine

    config = EngineConfig(
        backend="vllm",
        dtype=flags.dtype,
        enforce_eager=flags.enforce_eager,
        tensor_parallel_size=flags.tensor_parallel_size,
        max_num_seqs=max(BATCHES),
        extra=extra,
    )
    return VLLMEngine(system, config)


def generate(engine: Any, rows: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Greedy tokens after each row."""
    requests = [Request(str(index), 0, tuple(row), index) for index, row in enumerate(rows)]
    done = engine.generate(requests, Sampling(0.0, 1.0, NEW_TOKENS), (), ())
    found = {int(completion.problem_id): completion.token_ids for completion in done}
    return [found[index] for index in range(len(rows))]


def tolerance(engine: Any) -> float:
    """What rounding may change in the engine's dtype."""
    return TOLERANCE[engine.settings["dtype"]]


def described(engine: Any) -> str:
    """`V2, FLASH_ATTN, bfloat16, FULL_AND_PIECEWISE`: what vLLM chose."""
    resolved = engine._llm.llm_engine.vllm_config
    eager = resolved.model_config.enforce_eager
    mode = resolved.compilation_config.cudagraph_mode
    compiled = getattr(mode, "name", "NONE") if torch.cuda.is_available() else "compiled"
    names = "+".join(engine._llm.collective_rpc("rast_attention")[0])
    runner = "V2" if getattr(resolved, "use_v2_model_runner", False) else "V1"
    return ", ".join([runner, names, str(engine.settings["dtype"]), "eager" if eager else compiled])


def dummy(shape: Any, folder: Path) -> ModelRef:
    """A checkpoint without weights, for `load_format="dummy"`, with the embedded family's tokenizer."""
    from transformers import LlamaConfig, Qwen2Config

    from rast_eval.inputs import resources

    family = Qwen2Config if shape.attention_bias else LlamaConfig
    fields = {key: value for key, value in asdict(shape).items() if key != "attention_bias"}
    config = family(**fields, eos_token_id=None, bos_token_id=None, dtype="bfloat16")
    config.architectures = ["Qwen2ForCausalLM" if shape.attention_bias else "LlamaForCausalLM"]
    config.save_pretrained(folder)
    for path in (resources.embedded_checkpoints() / "s-base").glob("tokenizer*"):
        shutil.copy(path, folder)
    return ModelRef(str(folder), name=folder.name)


STAGES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "facts": facts,
    "tiny": tiny,
    "warm": warm,
    "shapes": shapes,
}


def parser() -> argparse.ArgumentParser:
    """The command line of a stage."""
    found = argparse.ArgumentParser(prog="python -m rast_eval.decoding.vllm.stages")
    found.add_argument("stage", choices=sorted(STAGES))
    found.add_argument("--enforce-eager", action="store_true")
    found.add_argument("--compiled", action="store_true", help="on a CPU too")
    found.add_argument("--small", action="store_true", help="the small sizes alone: less to compile")
    found.add_argument("--attention-backend")
    found.add_argument("--runner", choices=["V1", "V2"])
    found.add_argument("--dtype", default="auto")
    found.add_argument("--tensor-parallel-size", type=int, default=1)
    found.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    found.add_argument("--cold", type=float, default=0.0, help="seconds of the start before")
    found.add_argument("--base", default="7b")
    found.add_argument("--delta", default="1.5b")
    found.add_argument("--other", default="TRITON_ATTN", help="the attention backend to compare with")
    return found


def main() -> None:
    """Run one stage; the process ends without waiting for what an engine may leave running."""
    flags = parser().parse_args()
    result = STAGES[flags.stage](flags)
    print(json.dumps(result, default=str), flush=True)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
