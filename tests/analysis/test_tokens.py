import json

import pytest

from rast_eval.analysis.forcing import TeacherForcer, greedy_paths
from rast_eval.analysis.tokens import member_names, walk
from rast_eval.cli import dispatch
from rast_eval.config import EngineConfig
from rast_eval.inputs.models import resolve_models
from rast_eval.view.data import Sources, Viewed

PROMPTS = [
    "Q: Tom has 37 coins. Mon buys 6 bags of 7. How many?\nA:",
    "Q: Sam has 38 shells. Mon gets 6 bags of 7. How many?\nA:",
]


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_most_probable_token_is_what_the_backend_takes(weight):
    """Greedy outputs of the hf backend, read again: at λ = 0 they are the base's and no token is flipped."""
    from rast_eval.decoding.loading import load_tokenizer

    models = resolve_models(None, weight=weight)
    rast, tokenizer = models.system("rast"), load_tokenizer(models.base)
    ids = {str(i): tuple(tokenizer(text)["input_ids"]) for i, text in enumerate(PROMPTS)}
    forcer, flipped = TeacherForcer(chunk=16), 0
    for path in greedy_paths(rast, ids, EngineConfig(backend="hf"), 48):
        found = walk(forcer, rast, path)
        assert [top[0][0] for top in found.top["RAST"]] == list(path.tokens)
        flipped += sum(found.flips)
        if not weight:
            assert found.top["RAST"] == found.top["base"]
            assert max(found.kl) == pytest.approx(0, abs=1e-9)
    assert (flipped == 0) == (weight == 0)


def test_figures_are_those_of_plain_passes(models, path, direct):
    rast = models.system("rast")
    members = [direct(ref) for ref in rast.members]
    base, expert, anti = (logits[:, : min(x.shape[-1] for x in members)] for logits in members)
    found = walk(TeacherForcer(chunk=6), rast, path)
    assert list(found.top) == ["base", "expert", "antiexpert", "RAST"]
    delta = expert - anti
    logs = (base + delta).log_softmax(-1)
    assert list(found.size) == pytest.approx(delta.std(-1, correction=0).tolist(), abs=1e-3)
    assert list(found.entropy) == pytest.approx((-(logs.exp() * logs).sum(-1)).tolist(), abs=1e-3)
    said = [row[token] for row, token in zip(delta - delta.mean(-1, keepdim=True), path.tokens, strict=True)]
    assert list(found.push) == pytest.approx([float(x) for x in said], abs=1e-3)
    assert found.top["expert"][3][0][0] == int(expert[3].argmax())
    shares = [share for _, share in found.top["expert"][3]]
    assert shares == pytest.approx(expert[3].softmax(-1).topk(5).values.tolist(), abs=1e-4)


def test_several_deltas_are_numbered():
    system = resolve_models("tiny-l", ["tiny-m", "tiny-s"]).system("rast")
    assert list(member_names(system)) == ["base", "expert", "antiexpert", "expert 2", "antiexpert 2"]


def test_the_viewer_shows_what_the_command_wrote(tmp_path, capsys):
    """As docs/viewing.md types it."""
    run = tmp_path / "run"
    made = ["run", "--arms", "base,rast", "-L", "2", "--n", "1", "--max-tokens", "40", "-o", str(run)]
    assert dispatch(made) == 0
    capsys.readouterr()
    assert dispatch(["analyze", "tokens", str(run), "--arms", "rast,base", "-f", "json"]) == 0
    summaries = json.loads(capsys.readouterr().out)
    assert [(one["arm"], one["samples"]) for one in summaries] == [("base", 2), ("rast", 2)]
    shown = Viewed([run], Sources())
    for column in (0, 1):
        row = shown.sample("tiny-arith", column, "1", 0)["microscope"]
        text = "".join(row["texts"][str(token)] for token in row["tokens"])
        spans = shown.sample("tiny-arith", column, "1", 0)["spans"]
        assert text == spans["before"] + spans["answer"] + spans["after"] + spans["dropped"]
    assert dispatch(["analyze", "tokens", str(run), "--arms", "rl"]) == 2
    assert "no arm in this run named 'rl'" in capsys.readouterr().err
