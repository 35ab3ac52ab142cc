"""Members whose layers differ: windows that slide are exact on transformers, layers with a state are refused."""

import json

import pytest

torch = pytest.importorskip("torch")

from rast_eval.config import EngineConfig  # noqa: E402
from rast_eval.decoding.checks import check_layers, check_vocabulary, layer_kinds, vocabulary_sha256  # noqa: E402
from rast_eval.decoding.engine import make_engine  # noqa: E402
from rast_eval.decoding.fusion import fuse  # noqa: E402
from rast_eval.decoding.loading import load_model, load_tokenizer  # noqa: E402
from rast_eval.errors import TokenizerMismatch, UsageError  # noqa: E402
from rast_eval.inputs import models  # noqa: E402
from rast_eval.types import Delta, ModelRef, Request, Sampling, System  # noqa: E402

WINDOW = 8
OLMO3 = {"model_type": "olmo3", "sliding_window": 4096, "layer_types": ["sliding_attention", "full_attention"]}


@pytest.fixture
def sliding(tmp_path):
    """Random Olmo-3 members, three of four layers with a window of 8 tokens; the small ones half as wide and deep."""
    from transformers import Olmo3Config, Olmo3ForCausalLM

    tokenizer = load_tokenizer(models.resolve_models("tiny-m", ["none"]).base)
    refs = []
    for seed, (name, heads) in enumerate((("base", 4), ("expert", 2), ("antiexpert", 2))):
        torch.manual_seed(seed)
        config = Olmo3Config(
            vocab_size=448, hidden_size=32 * heads, intermediate_size=64, num_hidden_layers=2 * heads,
            num_attention_heads=heads, num_key_value_heads=heads // 2, max_position_embeddings=512,
            sliding_window=WINDOW, pad_token_id=1, eos_token_id=0, bos_token_id=None, initializer_range=0.3,
        )  # fmt: skip
        Olmo3ForCausalLM(config).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        refs.append(ModelRef(str(tmp_path / name), name=name))
    return System(refs[0], (Delta(refs[1], refs[2]),))


def test_sliding_windows_are_exact_in_padded_batches(sliding):
    texts = ("Tom has 3 coins.", "Q: Sam has 38 shells. Mon gets 6 bags of 7. How many?\nA:", "A:")
    ids = [tuple(load_tokenizer(sliding.base)(text)["input_ids"]) for text in texts]
    engine = make_engine(sliding, EngineConfig())
    made = engine.generate([Request(str(i), 0, own, 1) for i, own in enumerate(ids)], Sampling(0.0, 1.0, 30), (), ())
    found = {int(one.problem_id): one.token_ids for one in made}
    engine.close()
    members = [load_model(ref, torch.float32, "cpu") for ref in sliding.members]
    for i, own in enumerate(ids):
        assert len(own + found[i]) > 2 * WINDOW
        with torch.inference_mode():  # without cache, padding or batch
            whole = [model(input_ids=torch.tensor([own + found[i]]), use_cache=False).logits[0] for model in members]
        best = fuse(whole, sliding.weights).argmax(-1).tolist()
        assert tuple(best[len(own) - 1 : -1]) == found[i]


@pytest.mark.vllm
@pytest.mark.slow
def test_vllm_writes_the_same_with_sliding_windows(sliding):
    pytest.importorskip("vllm")
    ids = tuple(load_tokenizer(sliding.base)("Q: Sam has 38 shells. Mon gets 6 bags of 7. How many?\nA:")["input_ids"])
    requests = [Request(str(i), 0, ids[i:], 1) for i in range(4)]
    written = []
    for backend in ("hf", "vllm"):
        engine = make_engine(sliding, EngineConfig(backend, "float32", max_model_len=256, enforce_eager=True))
        made = engine.generate(requests, Sampling(0.0, 1.0, 40), (), ())
        written.append({one.problem_id: one.token_ids for one in made})
        engine.close()
    assert written[0] == written[1]


def member(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    return ModelRef(str(tmp_path), name="m")


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (OLMO3, {"full", "sliding"}),
        ({"model_type": "mistral", "sliding_window": 4096}, {"full", "sliding"}),
        ({"model_type": "mistral", "sliding_window": None}, {"full"}),
        ({"model_type": "qwen2", "sliding_window": 131072, "use_sliding_window": False}, {"full"}),
        ({"model_type": "qwen3_next", "linear_num_key_heads": 16, "full_attention_interval": 4}, {"full", "state"}),
        ({"text_config": {"layer_types": ["linear_attention", "full_attention"]}}, {"full", "state"}),
        ({"model_type": "nemotron_h", "mamba_num_heads": 4}, {"full", "state"}),
    ],
)
def test_kinds_of_layers(tmp_path, config, kinds):
    assert layer_kinds(member(tmp_path, config)) == kinds


def test_what_was_never_exact_is_refused(tmp_path):
    ref = member(tmp_path, {"layer_types": ["linear_attention"]})
    with pytest.raises(UsageError, match="m is a hybrid"):
        check_layers(System(ref), EngineConfig())
    ref = member(tmp_path, OLMO3)
    pair = System(ref, (Delta(ref, ref),))
    check_layers(System(ref), EngineConfig(backend="vllm"))
    check_layers(pair, EngineConfig(backend="vllm"))
    with pytest.raises(UsageError, match="m has sliding windows"):
        check_layers(pair, EngineConfig(speculate=4))


def test_a_vocabulary_is_checked_against_the_table(tmp_path, monkeypatch):
    base = models.resolve_models("tiny-m", ["none"]).base
    digest = vocabulary_sha256(base)
    monkeypatch.setattr(models, "_INCLUDED", [])
    text = (
        '[families.mine]\nprompt = "tiny"\nbenchmarks = ["tiny-arith"]\n[families.mine.sizes.m]\nbase = "tiny:m-base"\n'
    )
    for name, own in (("right", digest), ("wrong", "0" * 64)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "models.toml").write_text(text + f'tokenizer = "{own}"\n')
        models.include(tmp_path / name)
        mine = models.resolve_models("mine-m", ["none"]).base
        if name == "right":
            check_vocabulary(mine)
        else:
            with pytest.raises(TokenizerMismatch, match="another digest than the 000000000000…"):
                check_vocabulary(mine)
    monkeypatch.setattr(models, "_INCLUDED", [])
    models._forget()
