import json

import pytest
from run_writer import write_run

from rast_eval.errors import UsageError
from rast_eval.paper.beside import beside_paper, beside_table, identify
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run

ARMS = [("base", 0.686, 1), ("rast", 0.807, 4), ("rl", 0.813, 4)]


def paper_run(path, arms=ARMS, benchmark="math500", weight=1.0):
    cells = [{"arm": a, "benchmark": benchmark, "accuracy": x, "problems": 80, "n": n} for a, x, n in arms]
    write_run(path, cells)
    manifest = json.loads((path / "manifest.json").read_text())
    for cell in manifest["cells"]:
        size = "hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo" if cell["arm"] == "rl" else "Qwen/Qwen2.5-32B"
        cell["system"]["base"] = {"path": size, "name": ""}
        for delta in cell["system"]["deltas"]:
            delta.update(antiexpert={"path": "Qwen/Qwen2.5-14B", "name": "14b"}, weight=weight)
    (path / "manifest.json").write_text(json.dumps(manifest))
    return load_run(path)


def test_a_run_is_matched_with_its_row(tmp_path):
    run = paper_run(tmp_path / "r")
    assert identify(run) == ("32b", "14b")
    rows = beside_paper(run, evaluate_run(run.path))
    assert [(r.arm, r.figure, r.paper) for r in rows] == [
        ("base", "Avg.", 68.6),
        ("rast", "Avg.", 80.7),
        ("rast", "RR.", 95.3),
        ("rl", "Avg.", 81.3),
    ]
    for row in rows:
        assert row.inside == (row.low <= row.paper + 0.05 and row.paper - 0.05 <= row.high)
    notes = {(r.arm, r.figure): r.note for r in rows}
    assert notes["rl", "Avg."] == "SimpleRL-Zoo states 82.4"
    assert notes["rast", "Avg."] == ""
    assert beside_table("t", rows).rows[1][5].startswith(("+", "-"))


def test_far_values_are_outside(tmp_path):
    run = paper_run(tmp_path / "r", [("base", 0.1, 4)])
    (row,) = beside_paper(run, evaluate_run(run.path))
    assert row.inside is False


def test_without_a_ceiling_the_published_one_is_taken(tmp_path):
    run = paper_run(tmp_path / "r", ARMS[:2])
    rates = [r for r in beside_paper(run, evaluate_run(run.path)) if r.figure == "RR."]
    accuracy = evaluate_run(run.path)
    rast, base = (accuracy.cell(arm, "math500").accuracy.value for arm in ("rast", "base"))
    assert rates[0].note == "reference error ignored"
    assert rates[0].ours == pytest.approx(100 * (rast - base) / (0.813 - base))
    only = paper_run(tmp_path / "s", ARMS[1:2])
    rates = [r for r in beside_paper(only, evaluate_run(only.path)) if r.figure == "RR."]
    rast = evaluate_run(only.path).cell("rast", "math500").accuracy.value
    assert rates[0].ours == pytest.approx(100 * (rast - 0.686) / (0.813 - 0.686))


def test_runs_the_paper_does_not_have_are_refused(tmp_path):
    tiny = load_run(
        write_run(tmp_path / "t", [{"arm": "rast", "benchmark": "x", "accuracy": 1, "problems": 2, "n": 1}])
    )
    with pytest.raises(UsageError, match="no row for base tiny-m with delta tiny-s"):
        identify(tiny)
    with pytest.raises(UsageError, match="no row for base"):
        identify(paper_run(tmp_path / "w", weight=0.5, arms=ARMS[1:2]))
    other = paper_run(tmp_path / "o", benchmark="mbpp_plus")
    with pytest.raises(UsageError, match="none of the benchmarks"):
        beside_paper(other, evaluate_run(other.path))
