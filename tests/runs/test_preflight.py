"""A dry run refuses what the run refuses, shows what it means, and writes nothing."""

import json
import shutil
import warnings
from collections import Counter
from dataclasses import replace

import pytest

from rast_eval import cli
from rast_eval.config import RunConfig
from rast_eval.inputs import resources
from rast_eval.inputs.models import resolve_models
from rast_eval.runs import plan
from rast_eval.runs.preflight import check, prepare

pytest.importorskip("torch")


def refused(capsys, *arguments):
    """What run and dry run say, which must be the same."""
    said = []
    for ending in (["--dry-run"], []):
        assert cli.dispatch(["run", "-L", "2", "--n", "1", *map(str, arguments), *ending]) == 2
        said.append([line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning")])
    assert said[0] == said[1]
    return said[0][0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_another_tokenizer_is_refused(folder, capsys):
    other = folder / "other"
    shutil.copytree(resources.embedded_checkpoints() / "s-base", other)
    file = other / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[60:62]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    file.write_text(json.dumps(tokenizer))
    said = refused(capsys, "--base", "tiny-m", "--expert", other, "--antiexpert", other, "-b", "tiny-arith")
    assert "different tokenizers" in said
    assert {path.name for path in folder.iterdir()} == {"other"}


def test_what_does_not_fit_is_refused(folder, capsys, monkeypatch):
    monkeypatch.setattr("rast_eval.decoding.memory.main_memory", lambda: 1000)
    monkeypatch.setattr("rast_eval.decoding.memory.gpu_bytes", lambda: None)
    assert "tiny-l does not fit: weights 2.6 MB" in refused(capsys)


def test_a_run_of_other_settings_is_refused_and_a_smaller_one_tells_the_time(folder, capsys):
    command = ["run", "-L", "2", "--n", "1", "--arms", "rl", "-o", "results/a"]
    assert cli.dispatch(command) == 0
    before = Counter(map(str, folder.rglob("*")))
    capsys.readouterr()
    assert "other settings (seed 0 there, 1 here)" in refused(capsys, "--arms", "rl", "-o", "results/a", "--seed", "1")
    assert cli.dispatch([*command[:-1], "results/b", "-L", "9", "--dry-run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "tokens/s and" in shown
    assert "9 outputs take 0:" in shown
    assert "float32" in shown
    assert Counter(map(str, folder.rglob("*"))) == before


def test_a_context_that_ends_outputs_before_their_limit_is_told(folder):
    asked = RunConfig(resolve_models("tiny-m", ["tiny-s"]), limit=2, arms=("rast",))
    with pytest.warns(UserWarning, match=r"limit of 9,000 tokens: the context of tiny-m \+ Δtiny-s is 8,192"):
        check(plan.build(replace(asked, max_tokens=9000)), folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(plan.build(asked), folder)


def test_an_engine_gets_the_context_of_a_cells_longest_sequence():
    planned = plan.build(RunConfig(resolve_models("tiny-m", ["tiny-s"]), limit=20, arms=("base", "rl")))
    work = prepare(planned)
    for cell in planned.cells:
        prompts = {len(request.prompt_token_ids) for request in work.requests[cell]}
        assert len(prompts) > 1
        assert work.longest(cell) == max(prompts) + cell.sampling.max_tokens
        assert replace(work, requests={cell: []}).longest(cell) == 0
