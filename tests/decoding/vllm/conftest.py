"""Small random checkpoints, and an oracle that shares no code with the package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")


@pytest.fixture(scope="session")
def tiny() -> Path:
    """Folder of the embedded family's checkpoints."""
    import rast_eval.tiny

    return Path(rast_eval.tiny.__file__).parent / "checkpoints"


@pytest.fixture(scope="session")
def drafts() -> None:
    """Skips where the installed vLLM cannot check drafted tokens at all."""
    from rast_eval import machine
    from rast_eval.decoding.vllm.attention import release

    if release() == (0, 30) and not machine.cards():
        pytest.skip("vLLM 0.30's build for CPUs cannot check drafted tokens")


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Callable[..., Path]:
    """Write a randomly initialised checkpoint with the embedded family's tokenizer."""
    torch = pytest.importorskip("torch")
    import transformers

    names = {"qwen2": "Qwen2", "llama": "Llama", "gemma2": "Gemma2", "mistral": "Mistral"}

    def build(
        family: str, seed: int, *, width: int, layers: int, heads: int, kv: int, vocab: int, tied: bool, **more: object
    ) -> Path:
        config_class = getattr(transformers, f"{names[family]}Config")
        model_class = getattr(transformers, f"{names[family]}ForCausalLM")
        config = config_class(
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv,
            vocab_size=vocab,
            tie_word_embeddings=tied,
            max_position_embeddings=512,
            initializer_range=0.15,  # the default of 0.02 leaves near-ties that rounding decides
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=1,
            **more,
        )
        torch.manual_seed(seed)
        folder = tmp_path_factory.mktemp(f"{family}-{seed}")
        model_class(config).save_pretrained(folder)
        for path in (tiny / "m-base").iterdir():
            if path.name.startswith(("tokenizer", "chat_template")):
                shutil.copy(path, folder)
        return folder

    return build


@pytest.fixture(scope="session")
def greedy_oracle() -> Callable[..., list[int]]:
    """Eq. 3 with plain transformers, float32, one prompt at a time."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    models = {}

    def model(folder: Path):
        if folder not in models:
            models[folder] = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return models[folder]

    known: dict[object, list[int]] = {}

    def decode(base: Path, deltas: list[tuple[Path, Path, float]], prompt: Sequence[int], limit: int) -> list[int]:
        key = (base, tuple(deltas), tuple(prompt), limit)
        if key not in known:
            known[key] = loop(base, deltas, list(prompt), limit)
        return known[key]

    @torch.inference_mode()
    def loop(base: Path, deltas: list[tuple[Path, Path, float]], prompt: list[int], limit: int) -> list[int]:
        caches = dict.fromkeys((base, *(folder for pair in deltas for folder in pair[:2])))
        tokens: list[int] = []
        fresh = prompt
        while len(tokens) < limit:
            last = {}
            for folder, cache in caches.items():
                step = model(folder)(torch.tensor([fresh]), past_key_values=cache, use_cache=True)
                caches[folder], last[folder] = step.past_key_values, step.logits[0, -1]
            width = min(map(len, last.values()))
            fused = last[base][:width]
            for expert, antiexpert, weight in deltas:
                fused = fused + weight * (last[expert][:width] - last[antiexpert][:width])
            fresh = [int(fused.argmax())]
            if fresh == [0]:
                break
            tokens += fresh
        return tokens

    return decode
