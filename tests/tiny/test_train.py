"""Training learns, resumes exactly, and stops on its dev set."""

import io
import random

import pytest
import torch

from rast_eval.tiny.task import FULL
from tools.tiny_family.corpus import Mix, corpus
from tools.tiny_family.grpo import Grpo, Plateau, reward
from tools.tiny_family.model import Shape, TinyModel, save_checkpoint
from tools.tiny_family.pretrain import Pretraining, batches, encode
from tools.tiny_family.recipe import CURRICULUM
from tools.tiny_family.tokenizer import EOS, PAD, VOCAB, save_tokenizer, train_tokenizer

SHAPE = Shape(width=32, layers=1, ffn=48, heads=1, kv_heads=1, vocab=416)
PAIRS = list(corpus(1, 120, (1,), (), CURRICULUM[0].mix, CURRICULUM[0].limits))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(
        prompt + completion for prompt, completion in corpus(1, 3000, (1, 2), (), CURRICULUM[2].mix, FULL)
    )


def pretraining(tokenizer):
    torch.manual_seed(0)
    return Pretraining(TinyModel(SHAPE), encode(tokenizer, PAIRS), batch_size=8, lr=3e-3, seed=0)


def grpo(tokenizer):
    torch.manual_seed(0)
    model = TinyModel(SHAPE)
    return Grpo(model, tokenizer, (1,), FULL, (), prompts=2, lr=1e-3, seed=0)


def weights(model):
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def test_tokenizer_splits_numbers_and_round_trips(tokenizer):
    assert tokenizer.get_vocab_size() == VOCAB
    tokens = [tokenizer.decode([token]) for token in tokenizer.encode("6*7=42 37+42=79").ids]
    assert tokens == [*"6*7=42", " 3", *"7+42=79"]
    for prompt, completion in PAIRS[:20]:
        whole, parts = tokenizer.encode(prompt + completion).ids, tokenizer.encode(prompt).ids
        assert whole == parts + tokenizer.encode(completion).ids
        assert tokenizer.decode(whole) == prompt + completion


def test_transformers_reads_the_same_tokenizer(tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers")
    save_tokenizer(tokenizer, tmp_path)
    save_checkpoint(TinyModel(SHAPE), tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for prompt, completion in corpus(9, 200, (1, 2, 3), (), Mix(), FULL):
        text = prompt + completion
        assert theirs.encode(text) == tokenizer.encode(text).ids
        assert theirs.decode(theirs.encode(text)) == text
    asked = [{"role": "user", "content": "How many?"}]
    assert theirs.apply_chat_template(asked, tokenize=False, add_generation_prompt=True) == "Q: How many?\nA:"
    assert (theirs.eos_token_id, theirs.pad_token_id) == (EOS, PAD)


def test_documents_end_and_are_batched_once(tokenizer):
    documents = encode(tokenizer, PAIRS)
    assert all(document.ids[-1] == EOS for document in documents)
    found = [document for batch in batches(documents, 7, random.Random(0)) for document in batch]
    assert sorted(d.ids for d in found) == sorted(d.ids for d in documents)


def test_pretraining_lowers_the_loss(tokenizer):
    torch.manual_seed(0)
    training = Pretraining(TinyModel(SHAPE), encode(tokenizer, PAIRS * 4), batch_size=8, lr=3e-3, seed=0)

    def loss():
        with torch.no_grad():
            return sum(training._loss(batch).item() for batch in training.order[:10])

    before = loss()
    while training.done < training.total:
        training.step()
    assert loss() < 0.9 * before


@pytest.mark.parametrize("build", [pretraining, grpo])
def test_an_interrupted_training_continues_exactly(tokenizer, build):
    whole, part = build(tokenizer), build(tokenizer)
    for _ in range(4):
        whole.step()
    for _ in range(2):
        part.step()
    state = part.state_dict()
    torch.save(state, buffer := io.BytesIO())
    buffer.seek(0)
    resumed = build(tokenizer)
    resumed.load_state_dict(torch.load(buffer, weights_only=False))
    for _ in range(2):
        resumed.step()
    assert torch.equal(weights(whole.model), weights(resumed.model))


def test_a_rewarded_output_becomes_more_likely(tokenizer):
    training = grpo(tokenizer)
    prompt = tokenizer.encode("Q: How many?\nA:").ids
    good, bad = [[*tokenizer.encode(f" It is \\boxed{{{n}}}.").ids, EOS] for n in (12, 34)]

    def chance(output):
        with torch.no_grad():
            logits = training.model(torch.tensor([prompt + output]))[0, len(prompt) - 1 : -1, :VOCAB]
        return torch.log_softmax(logits, -1).gather(1, torch.tensor(output)[:, None]).sum()

    before = chance(good) - chance(bad)
    training._update([prompt, prompt], [good, bad], torch.tensor([1.0, -1.0]))
    assert chance(good) - chance(bad) > before


@pytest.mark.parametrize(
    ("text", "value"),
    [(r"\boxed{54}.", 1.0), (r"\boxed{12} wait \boxed{54}.", 1.0), (r"\boxed{54} \boxed{12}", 0.0), ("54", 0.0)],
)
def test_reward(text, value):
    assert reward(text, 54) == value


def test_plateau_cuts_the_rate_then_stops():
    plateau = Plateau(patience=2, gain=0.01)
    assert [plateau.see(dev) for dev in (0.1, 0.3, 0.305, 0.2)] == [True, True, True, False]
    assert (plateau.plateaus, plateau.over) == (1, False)
    assert plateau.scale == pytest.approx(1 / 3)
    plateau.see(0.5)
    plateau.see(0.4)
    plateau.see(0.4)
    assert plateau.over
    assert plateau.best == 0.5
