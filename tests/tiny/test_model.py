"""The hand-written model is Qwen2: same logits as transformers on the checkpoint it writes."""

import pytest
import torch

from tools.tiny_family.model import SHAPES, TinyModel, load_checkpoint, save_checkpoint
from tools.tiny_family.sample import pad_right, sample
from tools.tiny_family.tokenizer import EOS, VOCAB


def scrambled(size: str) -> TinyModel:
    """A model with weights far enough from their initial values to tell layers and biases apart."""
    generator = torch.Generator().manual_seed(3)
    model = TinyModel(SHAPES[size])
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator) * (0.3 if "norm" in name or "bias" in name else 0.15)
        parameter.data.add_(noise)
    return model


@pytest.mark.parametrize("size", sorted(SHAPES))
def test_logits_equal_transformers(size, tmp_path):
    transformers = pytest.importorskip("transformers")
    save_checkpoint(scrambled(size), tmp_path)
    ours = load_checkpoint(tmp_path)
    theirs = transformers.Qwen2ForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids = torch.randint(2, VOCAB, (3, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, atol=2e-4, rtol=1e-4)
    assert theirs.lm_head.weight.data_ptr() == theirs.model.embed_tokens.weight.data_ptr()


@pytest.mark.parametrize("size", sorted(SHAPES))
def test_greedy_sampling_follows_the_full_forward(size):
    model = scrambled(size)
    prompts = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [20]]
    outputs = sample(model, prompts, 2, 12, torch.Generator().manual_seed(0), greedy=True)
    for row, output in enumerate(outputs):
        ids = list(prompts[row // 2])
        for token in output:
            with torch.no_grad():
                assert model(torch.tensor([ids]))[0, -1, :VOCAB].argmax().item() == token
            ids.append(token)
        assert output[-1] == EOS or len(output) == 12


def test_sampling_follows_the_seed():
    model = scrambled("s")
    first, again, other = (sample(model, [[5, 6, 7]], 8, 10, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_pad_right():
    assert pad_right([[5], [6, 7]]).tolist() == [[5, 1], [6, 7]]
