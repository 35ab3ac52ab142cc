"""How much a fused decode step costs, against its members alone and against transformers.

    python tools/bench/decode.py                       small random models, minutes on two cores
    python tools/bench/decode.py --base 14b --delta 1.5b --batch 64 --no-hf --json   a GPU, dummy weights

On a CPU all engines are alive at once and take turns, a step each, on the same batch, so that whatever else the
machine does falls on all of them alike. On a GPU each has the card for itself, one after the other (`--together`
shares it). All run in this process: an engine core of its own would decode on while another's steps are timed. A step
yields one token a sequence; prompts are processed before the clock starts.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rast_eval.config import EngineConfig
from rast_eval.errors import UnknownName
from rast_eval.inputs import resources
from rast_eval.inputs.shapes import DTYPE_BYTES, ModelShape
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

PROMPT_TOKENS = 16
WARM_UP_STEPS = 8
SHARE = 0.05
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "THP_MEM_ALLOC_ENABLE": "1"}
"""With pages of 4 KiB, equal engines of one process differ by up to 15 %, by when they were made."""

SMALL_BASE = ModelShape(1024, 16, 16, 8, 64, 2816, 16384, 4096, attention_bias=True)
SMALL_DELTA = ModelShape(640, 12, 10, 2, 64, 1728, 16384, 4096, attention_bias=True)


@dataclass(frozen=True)
class BenchSetting:
    """One measurement.

    Attributes:
        base, delta: shapes of the base and of both small models.
        batch: sequences decoded together.
        steps: decode steps that are timed.
        hf: also time the transformers backend, which needs real weights on disk.
        together: all engines are loaded at once and take turns.
    """

    base: ModelShape
    delta: ModelShape
    batch: int
    steps: int
    dtype: str
    hf: bool
    enforce_eager: bool = False
    tensor_parallel_size: int = 1
    together: bool = True


class Stepper:
    """An engine with one batch in flight; `step` runs and times one step of it."""

    def __init__(self, system: System, setting: BenchSetting, requests: list[Request]) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        from rast_eval.decoding.vllm import VLLMEngine

        extra: dict[str, object] = {"kv_cache_memory_bytes": _kv_bytes(system, setting), "skip_tokenizer_init": True}
        if not setting.hf:
            extra["load_format"] = "dummy"
        config = EngineConfig(
            backend="vllm",
            dtype=setting.dtype,
            max_num_seqs=max(setting.batch, 2),
            max_model_len=min(setting.base.max_position_embeddings, 2048),
            enforce_eager=setting.enforce_eager,
            tensor_parallel_size=setting.tensor_parallel_size,
            # The KV cache has its bytes; this only asks for so much of the card to be free.
            gpu_memory_utilization=SHARE,
            extra=extra,
        )
        self.engine = VLLMEngine(system, config)
        self._llm: Any = self.engine._llm.llm_engine
        self.milliseconds: list[float] = []
        params = SamplingParams(
            temperature=0.0,
            max_tokens=setting.steps + 2 * WARM_UP_STEPS,
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )
        for index, request in enumerate(requests):
            prompt = {"type": "token", "prompt_token_ids": list(request.prompt_token_ids)}
            self._llm.add_request(str(index), prompt, params)
        for _ in range(WARM_UP_STEPS):  # the prompts, and caches
            self.step()
        self.milliseconds.clear()

    def step(self) -> None:
        """Run and time one decode step."""
        started = time.perf_counter()
        while not self._llm.step():
            pass
        self.milliseconds.append((time.perf_counter() - started) * 1000)


def measure(setting: BenchSetting) -> dict[str, Any]:
    """Time one setting.

    Returns:
        `ms_per_step` and `tokens_per_second` by engine (base, expert, antiexpert, fused, hf), `ratio_fused_to_sum`,
        `ratio_fused_to_bytes` (against the members' share of weight bytes) and the setting itself.
    """
    with tempfile.TemporaryDirectory(prefix="rast-bench-") as folder:
        refs = _checkpoints(setting, Path(folder))
        fused = System(refs["base"], (Delta(refs["expert"], refs["antiexpert"]),))
        systems = {**{role: System(ref) for role, ref in refs.items()}, "fused": fused}
        requests = _requests(setting)
        timed: dict[str, list[float]] = {}
        for roles in [list(systems)] if setting.together else [[role] for role in systems]:
            timed |= _timed({role: systems[role] for role in roles}, setting, requests)
        milliseconds = {role: statistics.median(values) for role, values in timed.items()}
        per_round = zip(*timed.values(), strict=True)
        ratios = sorted(fused_ms / (base + expert + anti) for base, expert, anti, fused_ms in per_round)
        if setting.hf:
            milliseconds["hf"] = _time_transformers(fused, setting, requests)
    alone = sum(milliseconds[role] for role in refs)
    weights = setting.base.parameters + 2 * setting.delta.parameters
    return {
        "ratio_fused_to_sum": round(statistics.median(ratios), 4),
        "ratio_quartiles": [round(value, 4) for value in statistics.quantiles(ratios, n=4)],
        "ratio_of_medians": round(milliseconds["fused"] / alone, 4),
        "ratio_fused_to_base": round(milliseconds["fused"] / milliseconds["base"], 4),
        "ratio_of_weight_bytes": round(weights / setting.base.parameters, 4),
        "ratio_hf_to_fused": round(milliseconds["hf"] / milliseconds["fused"], 4) if setting.hf else None,
        "ms_per_step": {role: round(value, 3) for role, value in milliseconds.items()},
        "tokens_per_second": {role: round(setting.batch * 1000 / value, 2) for role, value in milliseconds.items()},
        "weight_gigabytes": round(weights * DTYPE_BYTES[setting.dtype] / 1e9, 3),
        "threads": _threads(),
        "device": _device(),
        "setting": asdict(setting),
    }


def _timed(systems: dict[str, System], setting: BenchSetting, requests: list[Request]) -> dict[str, list[float]]:
    """Milliseconds of each step of engines that are alive at once."""
    steppers = {}
    try:
        for role, system in systems.items():
            print(f"starting {role} …", file=sys.stderr)
            steppers[role] = Stepper(system, setting, requests)
        print(f"timing {setting.steps} steps of {', '.join(systems)} …", file=sys.stderr)
        for _ in range(setting.steps):
            for stepper in steppers.values():
                stepper.step()
        return {role: stepper.milliseconds for role, stepper in steppers.items()}
    finally:
        for stepper in steppers.values():
            stepper.engine.close()
        steppers.clear()
        gc.collect()
        _free_card()


def _free_card() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _checkpoints(setting: BenchSetting, folder: Path) -> dict[str, ModelRef]:
    """Random checkpoints; without transformers to compare with, configs alone: vLLM fills in dummy weights."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

    refs = {}
    for seed, (role, shape) in enumerate(
        {"base": setting.base, "expert": setting.delta, "antiexpert": setting.delta}.items()
    ):
        config_class = Qwen2Config if shape.attention_bias else LlamaConfig
        config = config_class(**{k: v for k, v in asdict(shape).items() if k != "attention_bias"}, dtype=setting.dtype)
        config.architectures = ["Qwen2ForCausalLM" if shape.attention_bias else "LlamaForCausalLM"]
        config.eos_token_id = config.bos_token_id = None
        if setting.hf:
            torch.manual_seed(seed)
            model = AutoModelForCausalLM.from_config(config).to(getattr(torch, setting.dtype))
            model.save_pretrained(folder / role)
            del model
        else:
            config.save_pretrained(folder / role)
        write_tokenizer(folder / role)
        refs[role] = ModelRef(str(folder / role), name=role)
    return refs


def write_tokenizer(folder: Path) -> None:
    """The embedded family's, so that the checkpoint loads; every prompt is token ids."""
    for path in (resources.embedded_checkpoints() / "s-base").iterdir():
        if path.name.startswith("tokenizer"):
            shutil.copy(path, folder)


def _requests(setting: BenchSetting) -> list[Request]:
    vocabulary = min(setting.base.vocab_size, setting.delta.vocab_size)
    return [
        Request(
            str(row),
            0,
            tuple((row * 7919 + column * 104729) % (vocabulary - 1) + 1 for column in range(PROMPT_TOKENS)),
            row,
        )
        for row in range(setting.batch)
    ]


def _kv_bytes(system: System, setting: BenchSetting) -> int:
    tokens = setting.batch * (PROMPT_TOKENS + setting.steps + 256 + 2 * WARM_UP_STEPS) + 4096
    shapes = (setting.base, setting.delta, setting.delta)[: len(system.members)]
    return tokens * sum(shape.kv_bytes_per_token(DTYPE_BYTES[setting.dtype]) for shape in shapes)


def _time_transformers(system: System, setting: BenchSetting, requests: list[Request]) -> float:
    """Milliseconds of a decode step: the difference of a long and a short generation, prompts cancel."""
    from rast_eval.decoding.hf import HFEngine

    print("starting transformers …", file=sys.stderr)
    engine = HFEngine(system, EngineConfig(dtype=setting.dtype, max_num_seqs=setting.batch))
    seconds = {}
    for limit in (1, 1 + max(8, setting.steps // 8)):
        sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=limit)
        started = time.perf_counter()
        tokens = [completion.num_tokens for completion in engine.generate(requests, sampling, (), ())]
        seconds[max(tokens)] = time.perf_counter() - started
    engine.close()
    (few, short), (many, long) = sorted(seconds.items())
    return (long - short) * 1000 / (many - few)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _device() -> str:
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"


def _shape(name: str | None, default: ModelShape) -> ModelShape:
    from rast_eval.inputs.models import find_pair, known_pairs, known_shapes

    if name is None:
        return default
    pair = find_pair(name)
    shape = known_shapes().get(pair.base.path) if pair else None
    if shape is None:
        raise UnknownName("shape", name, [e.name for e in known_pairs().values() if e.base.path in known_shapes()])
    return shape


def show(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':<12}{'ms a step':>12}{'tokens/s':>12}"]
    for role, milliseconds in result["ms_per_step"].items():
        lines.append(f"{role:<12}{milliseconds:>12.2f}{result['tokens_per_second'][role]:>12.1f}")
    low, _, high = result["ratio_quartiles"]
    lines.append(
        f"fused / sum of the three alone: {result['ratio_fused_to_sum']:.3f} (quartiles {low:.3f}, {high:.3f})"
    )
    lines.append(
        f"fused / base: {result['ratio_fused_to_base']:.2f}; weight bytes: {result['ratio_of_weight_bytes']:.2f}"
    )
    if result["ratio_hf_to_fused"]:
        lines.append(f"transformers / fused: {result['ratio_hf_to_fused']:.2f}")
    setting = result["setting"]
    lines.append(f"batch {setting['batch']}, {setting['dtype']}, {result['device']}, {result['threads']} threads")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    import torch

    given = sys.argv[1:] if arguments is None else arguments
    if "--speculate" in given:
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
        from tools.bench import speculate

        speculate.main([argument for argument in given if argument != "--speculate"])
        return
    on_cpu = not torch.cuda.is_available()
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    parser = argparse.ArgumentParser(prog="python tools/bench/decode.py", description=__doc__.split("\n")[0])
    parser.add_argument("--base", help="shape of the base by its short name [default: 0.2B]")
    parser.add_argument("--delta", help="shape of expert and antiexpert [default: 0.07B]")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=128, help="decode steps timed for each engine")
    parser.add_argument("--layers", type=int, help="cut every model to this many layers")
    parser.add_argument("--dtype", default="float32" if on_cpu else "bfloat16")
    parser.add_argument("--hf", action=argparse.BooleanOptionalAction, default=on_cpu)
    parser.add_argument("--enforce-eager", action="store_true")
    parser.add_argument("--tensor-parallel-size", type=int, default=1)
    parser.add_argument("--together", action=argparse.BooleanOptionalAction, default=on_cpu)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--speculate", action="store_true", help="speculation instead; see --speculate --help")
    flags = parser.parse_args(arguments)
    base, delta = _shape(flags.base, SMALL_BASE), _shape(flags.delta, SMALL_DELTA)
    if flags.layers:
        base, delta = (replace(shape, num_hidden_layers=flags.layers) for shape in (base, delta))
    own = (flags.enforce_eager, flags.tensor_parallel_size, flags.together)
    setting = BenchSetting(base, delta, flags.batch, flags.steps, flags.dtype, flags.hf, *own)
    result = measure(setting)
    print(json.dumps(result) if flags.json else show(result))


if __name__ == "__main__":
    if not HUGE_PAGES.keys() <= os.environ.keys():  # read where a process begins
        os.execve(sys.executable, sys.orig_argv, {**HUGE_PAGES, **os.environ})
    main()
