"""Weights that are added: what goes in at λ = 0 and 1 comes out, and what cannot be added is refused."""

import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from rast_eval.config import EngineConfig  # noqa: E402
from rast_eval.decoding.engine import make_engine  # noqa: E402
from rast_eval.decoding.loading import load_tokenizer  # noqa: E402
from rast_eval.decoding.merging import merge  # noqa: E402
from rast_eval.errors import ModelError, UsageError  # noqa: E402
from rast_eval.inputs.models import resolve_models  # noqa: E402
from rast_eval.types import MERGE, Delta, ModelRef, Request, Sampling, System  # noqa: E402

WEIGHTS = "model.safetensors"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def member(tmp_path):
    """Makes float32 checkpoints of tiny-m's shape: its weights with noise of a seed."""

    def make(name, seed, *, split=False):
        source = Path(resolve_models("tiny-m", ["none"]).base.path)
        folder = tmp_path / name
        shutil.copytree(source, folder)
        generator = torch.Generator().manual_seed(seed)
        rows = {
            key: row.float() + torch.randn(row.shape, generator=generator)
            for key, row in load_file(source / WEIGHTS).items()
        }
        if split:
            (folder / WEIGHTS).unlink()
            names = sorted(rows)
            for part in (0, 1):
                save_file({key: rows[key] for key in names[part::2]}, folder / f"model-{part}.safetensors")
        else:
            save_file(rows, folder / WEIGHTS)
        return ModelRef(str(folder), name=name), rows

    return make


def merged(system):
    folder = Path(merge(system).base.path)
    return {key: row for path in folder.glob("*.safetensors") for key, row in load_file(path).items()}


def test_no_weight_is_the_base_and_an_antiexpert_that_is_the_base_gives_the_expert(member):
    base, base_rows = member("base", 1, split=True)
    copy, _ = member("copy", 1)
    expert, expert_rows = member("expert", 2)
    for antiexpert in (base, copy):
        for weight, wanted in ((0.0, base_rows), (1.0, expert_rows)):
            found = merged(System(base, (Delta(expert, antiexpert, weight),), MERGE))
            assert found.keys() == wanted.keys()
            assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_deltas_are_added_in_weights(member):
    (base, b), (expert, e), (antiexpert, a) = (member(name, seed) for seed, name in enumerate(("b", "e", "a")))
    found = merged(System(base, (Delta(expert, antiexpert, 0.7), Delta(base, expert, 0.2)), MERGE))
    for key in b:
        torch.testing.assert_close(found[key], b[key] + 0.7 * (e[key] - a[key]) + 0.2 * (b[key] - e[key]))


def test_an_engine_writes_what_the_expert_writes():
    models = resolve_models("tiny-m", ["tiny-m"])
    prompt = tuple(load_tokenizer(models.base)("Tom has 3 coins and finds 4.")["input_ids"])
    texts = []
    for arm in ("merge", "rl", "base"):
        engine = make_engine(models.system(arm), EngineConfig(seed=1))
        made = list(engine.generate([Request("0", 0, prompt, 1)], Sampling(0.0, 1.0, 24), (), ()))
        engine.close()
        texts.append(made[0].token_ids)
    assert texts[0] == texts[1] != texts[2]


def test_other_shapes_and_other_tensors_are_refused_by_name(member):
    with pytest.raises(UsageError, match="tiny-l and tiny-m-rl cannot be added: their shapes differ"):
        make_engine(resolve_models("tiny-l", ["tiny-m"]).system("merge"), EngineConfig())
    (base, rows), (expert, _) = member("base", 1), member("expert", 2)
    save_file(dict(list(rows.items())[1:]), Path(expert.path) / WEIGHTS)
    with pytest.raises(ModelError, match="is missing in the second"):
        merge(System(base, (Delta(expert, base),), MERGE))
    (Path(expert.path) / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="expert has no safetensors"):
        merge(System(base, (Delta(expert, base),), MERGE))
