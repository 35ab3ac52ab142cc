import csv
import io
import json
import math

import pytest
from run_writer import write_run

from rast_eval.analysis.behaviours import count_behaviours
from rast_eval.analysis.length import measure_lengths
from rast_eval.cli import dispatch
from rast_eval.results.metrics import to_jsonable
from rast_eval.results.reader import load_run


@pytest.fixture
def analyze(capsys):
    def call(*arguments):
        assert dispatch(["analyze", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    return call


@pytest.mark.parametrize(("command", "measure"), [("behaviours", count_behaviours), ("length", measure_lengths)])
def test_run_analyses_print_and_write_what_they_measure(tmp_path, analyze, command, measure):
    path = write_run(tmp_path / "r", [{"arm": "rast", "benchmark": "math500", "accuracy": 0.5, "problems": 3, "n": 2}])
    expected = to_jsonable(measure(load_run(path)))
    assert json.loads(analyze(command, path, "-f", "json")) == expected
    assert not (path / "analysis").exists()  # a run is only read
    analyze(command, path, "-o", tmp_path / "kept.json")
    assert json.loads((tmp_path / "kept.json").read_text()) == expected
    shown = list(csv.reader(io.StringIO(analyze(command, path, "-f", "csv"))))
    assert len(shown) == len(expected) + 1
    assert {row[0] for row in shown[1:]} == {"math500"}


def test_memory(analyze, capsys):
    rows = list(csv.DictReader(io.StringIO(analyze("memory", "-f", "csv"))))
    assert [row["system"] for row in rows] == ["32b + Δ14b", "32b + Δ7b", "14b + Δ7b"]
    assert rows[0]["inference"] == "120"
    assert json.loads(analyze("memory", "70b+8b", "-f", "json"))[0]["inference"] == 172
    assert dispatch(["analyze", "memory", "32b"]) == 2
    assert "32b is no pair of sizes" in capsys.readouterr().err


@pytest.fixture
def measured(analyze, tmp_path):
    def call(command):
        printed = analyze(command, "-L", 2, "--max-tokens", 40, "-f", "json", "-o", tmp_path / "x.json")
        assert json.loads((tmp_path / "x.json").read_text()) == json.loads(printed)
        return json.loads(printed)

    return call


def test_path_coverage_on_the_tiny_family(measured):
    found = measured("path-coverage")
    assert [len(paths) for paths in found.values()] == [2, 2]
    agree = {
        arm: sum(a == b for path in paths for a, b in zip(path["tokens"], path["choices"], strict=True))
        for arm, paths in found.items()
    }
    assert agree["base"] < agree["rast"] <= sum(len(path["tokens"]) for path in found["rast"])


def test_similarity_on_the_tiny_family(measured):
    found = measured("similarity")
    assert [(row["larger"], row["smaller"]) for row in found] == [
        ("tiny-l", "tiny-m"), ("tiny-l", "tiny-s"), ("tiny-m", "tiny-s"),
    ]  # fmt: skip
    assert all(0.05 < row["weighted"]["value"] < 1 for row in found)


def test_divergence_on_the_tiny_family(measured):
    found = measured("divergence")
    every = [value for path in found for value in path["kl"]]
    assert len(every) == sum(len(path["tokens"]) for path in found)
    assert all(value > -1e-6 for value in every)
    assert 0.1 < max(every) < math.inf


def test_one_delta_has_no_similarity(capsys):
    assert dispatch(["analyze", "similarity", "--deltas", "tiny-m"]) == 2
    assert "no similarity" in capsys.readouterr().err
