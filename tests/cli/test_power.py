import csv
import io
import json

import pytest
from own_runs import write_benchmark
from run_writer import write_run

from rast_eval import statistics
from rast_eval.cli import dispatch
from rast_eval.results.reader import load_grades, load_run

pytestmark = pytest.mark.slow


@pytest.fixture
def power(capsys):
    def call(*arguments, code=0):
        assert dispatch(["power", *map(str, arguments)]) == code
        return capsys.readouterr()

    return call


def test_a_benchmark_that_cannot_answer_says_so(power):
    shown = " ".join(power("-b", "aime24", "--detect", 2).out.split())
    spread = statistics.spread_of_assumptions(0.52, 0.5)
    floor = statistics.smallest_difference(spread, 30, float("inf"))
    assert statistics.samples_needed(0.02, spread, 30) is None
    assert f"aime24 cannot answer: its 30 problems find {100 * floor:.1f} points at best" in shown
    assert "assumed accuracies 0.520 and 0.500" in shown


def test_the_table_is_the_statistics(power):
    rows = list(csv.DictReader(io.StringIO(power("-b", "math500", "--detect", "±3", "-f", "csv").out)))
    spread = statistics.spread_of_assumptions(0.53, 0.5)
    assert [row["n"] for row in rows] == ["1", "4", "8", "16", "32", "64", "∞"]
    for row in rows[:-1]:
        n = int(row["n"])
        assert row["finds 3 points"] == f"{100 * statistics.detection_power(0.03, spread, 500, n):.1f}"
        assert row["finds at least"] == f"{100 * statistics.smallest_difference(spread, 500, n):.1f}"
        assert row["problems needed"] == f"{statistics.problems_needed(0.03, spread, n):,}"


def test_a_pilot_shows_how_much_problems_and_samples_vary(power, tmp_path):
    cells = [
        {"arm": arm, "benchmark": "math500", "accuracy": x, "problems": 40, "n": 4}
        for arm, x in (("base", 0.3), ("rast", 0.5), ("rl", 0.6))
    ]
    path = write_run(tmp_path / "pilot", cells)
    gain, gap = json.loads(power("--from", path, "--detect", 4, "-f", "json").out)
    run = load_run(path)
    base, rast, rl = (load_grades(run, run.cell(arm, "math500")).correct for arm in ("base", "rast", "rl"))
    assert gain["samples_needed"] == statistics.samples_needed(0.04, statistics.spread_of_pilot(rast, base), 500)
    assert gap["difference"] == pytest.approx(rl.mean() - base.mean())
    assert (gain["asks"], gap["asks"]) == ("RAST − base", "RL ceiling − base")
    shown = " ".join(power("--from", path, "--detect", 4).out.split())
    assert "a pilot of 40 problems × 4 and 4 samples" in shown
    assert "and so bounds a recovery rate" in shown


def test_a_pilots_own_benchmark_is_found_where_the_pilot_had_it(power, tmp_path):
    cells = [
        {"arm": arm, "benchmark": "sums", "accuracy": x, "problems": 8, "n": 4}
        for arm, x in (("base", 0.3), ("rast", 0.5))
    ]
    path = write_run(tmp_path / "pilot", cells)
    assert "There is no benchmark named 'sums'" in power("--from", path, code=2).err
    write_benchmark(tmp_path / "own")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["benchmarks"] = {"sums": {"include_path": str(tmp_path / "own"), "count": 8, "expected_count": 8}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    assert "sums" in power("--from", path).out


def test_a_pilot_without_the_arms_is_refused(power, tmp_path):
    path = write_run(tmp_path / "p", [{"arm": "base", "benchmark": "math500", "accuracy": 0.3, "problems": 4, "n": 2}])
    assert "holds no graded arms base and rast on math500" in power("--from", path, code=2).err


def test_an_assumed_gap_asks_for_a_bounded_recovery_rate(power):
    gain, gap = json.loads(power("-b", "aime24", "--accuracy", 20, "--gap", 25, "-f", "json").out)
    spread = statistics.spread_of_assumptions(0.45, 0.2)
    assert gap["samples_needed"] == statistics.samples_needed(0.25, spread, 30)
    assert gain["samples_needed"] is None
    assert gap["efforts"][-1]["samples"] is None
