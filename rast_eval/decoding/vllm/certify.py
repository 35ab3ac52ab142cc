"""Make a certificate: whether sampling with speculation on this machine follows the exact distribution.

Random members with sharp logits and a drafter that is often wrong continue one prompt some thousand times; the counts
of two- and three-token outputs are set against their exact probabilities by a χ² test. A build that mistakes a draft's
distribution (vLLM issue 40149), draws draft and target from one noise (47386) or loses temperatures (55005) fails it.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rast_eval.config import EngineConfig
from rast_eval.decoding.fusion import fuse
from rast_eval.decoding.loading import load_model
from rast_eval.decoding.sampling import distribution
from rast_eval.decoding.vllm.certificate import Certificate, ExactnessCheck, build, path
from rast_eval.decoding.vllm.engine import VLLMEngine
from rast_eval.files import write_json
from rast_eval.inputs import resources
from rast_eval.types import Delta, ModelRef, Request, Sampling, System

SETTINGS = ((1, Sampling(1.0, 1.0, 3)), (3, Sampling(0.7, 0.9, 3)))
"""(drafted tokens, sampling) of the checks."""

SAMPLES = 4000
FEW = 5.0
"""Expected counts below this are pooled."""

RARE = 1e-5
"""First tokens and pairs less probable than this are not followed further; what they hold is pooled."""

PROMPT = (5, 17, 40, 8)

LIKENESS = 0.99
"""Correlation of the base's and the antiexpert's weights."""


def certify(samples: int = SAMPLES) -> Certificate:
    """Run the checks on this machine and keep the result.

    Raises:
        BackendError: vLLM cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="rast-certify-") as folder:
        system = random_system(Path(folder))
        checks = tuple(check(system, drafted, sampling, samples) for drafted, sampling in SETTINGS)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    found = Certificate(*build(), checks, made)
    write_json(path(), asdict(found))
    return found


def random_system(folder: Path, seed: int = 0) -> System:
    """Three random members with the embedded family's tokenizer and sharp logits; their expert is often wrong."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = resources.embedded_checkpoints() / "s-base"
    refs: list[ModelRef] = []
    first: dict[str, torch.Tensor] = {}
    for index, name in enumerate(("base", "expert", "antiexpert")):
        config = Qwen2Config(
            hidden_size=64,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            vocab_size=384,
            max_position_embeddings=64,
            tie_word_embeddings=False,
            initializer_range=0.35,
            eos_token_id=None,
            bos_token_id=None,
        )
        torch.manual_seed(seed + index)
        target, model = folder / name, Qwen2ForCausalLM(config)
        if name == "base":
            first = {key: parameter.detach().clone() for key, parameter in model.named_parameters()}
        elif name == "antiexpert":  # near the base, so that the fused logits are near the expert's: some drafts stand
            with torch.no_grad():
                for key, parameter in model.named_parameters():
                    parameter.copy_(LIKENESS * first[key] + (1 - LIKENESS**2) ** 0.5 * parameter)
        model.save_pretrained(target)
        for file in tokenizer.iterdir():
            if file.name.startswith(("tokenizer", "chat_template")):
                shutil.copy(file, target)
        refs.append(ModelRef(str(target), name=name))
    base, expert, antiexpert = refs
    return System(base, (Delta(expert, antiexpert),))


def check(system: System, drafted: int, sampling: Sampling, samples: int) -> ExactnessCheck:
    """Generate `samples` outputs of three tokens and test them against their exact probabilities."""
    engine = VLLMEngine(system, EngineConfig(backend="vllm", dtype="float32", speculate=drafted, max_model_len=64))
    engine.certificate = "none is asked for"
    try:
        requests = [Request("0", index, PROMPT, index + 1) for index in range(samples)]
        outputs = [completion.token_ids for completion in engine.generate(requests, sampling, (), ())]
        stood = engine.acceptance
    finally:
        engine.close()
    exact = joint(system, sampling)
    pairs: Counter[Sequence[int]] = Counter()
    for (first, second, _), share in exact.items():
        pairs[first, second] += share  # type: ignore[assignment]
    p_two = p_value(Counter(row[:2] for row in outputs), pairs, samples)
    p_three = p_value(Counter(outputs), exact, samples)
    accepted = sum(stood.accepted) / max(1, sum(stood.drafted))
    return ExactnessCheck(drafted, sampling.temperature, sampling.top_p, samples, accepted, p_two, p_three)


def joint(system: System, sampling: Sampling) -> dict[tuple[int, int, int], float]:
    """Probabilities of three-token outputs after `PROMPT`, in float32 with transformers; rare ones left out."""
    models = [load_model(ref, torch.float32, "cpu") for ref in system.members]

    def following(prefixes: Sequence[tuple[int, ...]]) -> torch.Tensor:
        ids = torch.tensor([[*PROMPT, *prefix] for prefix in prefixes])
        with torch.inference_mode():
            return distribution(fuse([model(ids).logits[:, -1] for model in models], system.weights), sampling).double()

    reached: dict[tuple[int, ...], float] = {(): 1.0}
    for _ in range(3):
        prefixes = [prefix for prefix, share in reached.items() if share >= RARE]
        rows: list[Any] = []
        for part in itertools.batched(prefixes, 1024) if hasattr(itertools, "batched") else [prefixes]:
            rows += following(list(part)).tolist()
        reached = {
            (*prefix, token): reached[prefix] * share
            for prefix, row in zip(prefixes, rows, strict=True)
            for token, share in enumerate(row)
            if share > 0
        }
    return reached  # type: ignore[return-value]


def p_value(seen: Counter[Any], exact: Any, samples: int) -> float:
    """χ² test of counts against probabilities; cells expected less than `FEW` times are pooled into one."""
    from scipy.stats import chisquare

    often = [key for key, share in exact.items() if share * samples >= FEW]
    observed = [float(seen[key]) for key in often]
    expected = [exact[key] * samples for key in often]
    rest = samples - sum(expected)
    if rest >= FEW:
        observed.append(samples - sum(observed))
        expected.append(rest)
    elif samples - sum(observed) > 10 * FEW:  # what should hardly occur does
        return 0.0
    scale = sum(observed) / sum(expected)
    return float(chisquare(observed, [value * scale for value in expected]).pvalue)
