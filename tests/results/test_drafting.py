"""What became of drafts goes from the engine through the manifest into the report."""

import json
import math

from own_runs import Loader, run, write_benchmark

from rast_eval.report.run_tables import drafting_table
from rast_eval.results.drafting import draftings
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_run


def drafts(passes, drafted, accepted, length=2):
    told = {"drafter": "tiny-s-rl", "drafted": length, "runner": "V1", "certificate": "vllm-0-cpu-V1.json"}
    return {**told, "acceptance": {"passes": passes, "drafted": drafted, "accepted": accepted}}


def test_sessions_are_added_up_where_they_drafted_alike(tmp_path):
    own = write_benchmark(tmp_path / "own")
    for limit, told in enumerate((drafts(10, [10, 10], [8, 6]), drafts(5, [5, 5], [1, 0])), start=1):
        run(tmp_path / "run", own, ("rast",), Loader(speculation=told), limit=limit)
    (found,) = draftings(load_run(tmp_path / "run"))
    assert (found.arm, found.drafter, found.drafted, found.runner) == ("rast", "tiny-s-rl", "2", "V1")
    assert found.acceptance.passes == 15
    assert found.acceptance.shares == (9 / 15, 6 / 15)
    assert math.isclose(found.acceptance.tokens_per_pass, 2.0)
    other = Loader(speculation=drafts(1, [1, 1, 1], [1, 1, 1], length="auto"))
    run(tmp_path / "run", own, ("rast",), other, limit=3)
    assert [one.drafted for one in draftings(load_run(tmp_path / "run"))] == ["2", "auto"]


def test_the_report_shows_tokens_a_pass(tmp_path):
    own = write_benchmark(tmp_path / "own")
    run(tmp_path / "run", own, ("base",))
    assert drafting_table(evaluate_run(tmp_path / "run")) is None
    run(tmp_path / "run", own, ("rast",), Loader(speculation=drafts(10, [10, 10], [8, 6])))
    metrics = evaluate_run(tmp_path / "run")
    table = drafting_table(metrics)
    assert table.rows == (("RAST", "tiny-s-rl, V1", "2", "2.40", "80.0 60.0"),)
    assert "vllm-0-cpu-V1.json" in table.note
    assert not any("different settings" in warning for warning in metrics.warnings)
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())
