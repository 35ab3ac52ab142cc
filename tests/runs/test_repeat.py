"""`run --from RUN`: the commands behind a run again, with other flags winning."""

import json
import shutil

import pytest
from own_runs import ROWS, Loader, write_benchmark

from rast_eval import cli
from rast_eval.results.reader import load_run
from rast_eval.runs import runner
from rast_eval.runs.repeat import commands

pytestmark = pytest.mark.slow


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Type a command after `rast-eval run` in a folder of its own; every model answers 2."""
    monkeypatch.chdir(tmp_path)
    write_benchmark(tmp_path / "own")
    run = runner.run
    monkeypatch.setattr(runner, "run", lambda *args, **kwargs: run(*args, **{**kwargs, "load": Loader()}))
    return lambda text: cli.dispatch(["run", *text.split()])


OWN = "-b sums --include-path own --data-dir own"


def keys(root, arm):
    rows = (json.loads(line) for line in (root / "samples" / arm / "sums.jsonl").open())
    return sorted((row["problem_id"], row["sample"], row["seed"]) for row in rows)


def test_every_command_behind_a_run_is_repeated_in_a_new_folder(typed, tmp_path):
    assert typed(f"{OWN} --arms base --n 1 -o first") == 0
    assert typed(f"{OWN} --arms base --n 3 -o first") == 0
    assert typed(f"{OWN} --arms rast --lambda 0.5 --seed 7 -o first") == 0
    assert len(commands(load_run(tmp_path / "first"))) == 2, "the first command was superseded"
    assert typed("--from first -o second") == 0
    first, second = load_run(tmp_path / "first"), load_run(tmp_path / "second")
    assert second.cells == first.cells
    for arm in ("base", "rast"):
        assert keys(tmp_path / "second", arm) == keys(tmp_path / "first", arm)
    assert typed("--from first") == 0
    (third,) = (tmp_path / "results").iterdir()
    assert third.name.endswith("-first")
    assert load_run(third).cells == first.cells


def test_shards_are_one_command(typed, tmp_path):
    for index in range(2):
        typed(f"{OWN} --arms base --shard {index}/2 -o first")
    assert typed("--from first -o second") == 0
    assert keys(tmp_path / "second", "base") == sorted(
        (row["problem_id"], row["sample"], row["seed"])
        for path in (tmp_path / "first/samples/base").iterdir()
        for row in map(json.loads, path.open())
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--lambda 2", "tiny-l + 2Δtiny-m"),
        ("--delta tiny-s:0.25", "tiny-l + 0.25Δtiny-s"),
        ("--base tiny-m --delta tiny-s", "tiny-m + Δtiny-s"),
        ("--expert tiny-s --antiexpert tiny-s --lambda 3", "tiny-l + 3Δtiny-s"),
        ("--n 1", "tiny-l + Δtiny-m"),
    ],
)
def test_other_flags_win(typed, tmp_path, flags, expected):
    typed(f"{OWN} --arms rast -o first")
    assert typed(f"--from first -o second {flags}") == 0
    (cell,) = load_run(tmp_path / "second").cells
    assert cell.system.label == expected
    assert cell.n == (1 if "--n" in flags else 2)


def test_what_changed_since_is_refused_by_name(typed, tmp_path, capsys):
    from rast_eval.inputs import resources

    shutil.copytree(resources.embedded_checkpoints() / "s-base", tmp_path / "copy")
    typed(f"{OWN} --base copy --arms base -o first")
    write_benchmark(tmp_path / "own", ROWS[::-1])
    assert typed("--from first -o second") == 2
    assert "the rows of sums changed" in capsys.readouterr().err
    assert not (tmp_path / "second").exists()
    write_benchmark(tmp_path / "own")
    with (tmp_path / "copy" / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert typed("--from first -o second") == 2
    assert "weights of copy changed" in capsys.readouterr().err
    assert typed("--from first -o second --base tiny-m") == 0


def test_a_programs_own_models_are_not_repeated_by_flags(typed, tmp_path, capsys):
    typed(f"{OWN} --arms base -o first")
    path = tmp_path / "first" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["sessions"][0]["arguments"] = None
    path.write_text(json.dumps(manifest))
    assert typed("--from first -o second") == 2
    assert "Repeat the program" in capsys.readouterr().err
