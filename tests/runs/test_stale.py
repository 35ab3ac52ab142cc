"""Stored samples are neither continued, graded nor set beside others once they answer something else."""

import pytest
from own_runs import ROWS, Loader, run, write_benchmark

from rast_eval.errors import StoreError
from rast_eval.results.comparison import compare_runs
from rast_eval.results.metrics import evaluate_run, evaluate_runs
from rast_eval.results.reader import load_run
from rast_eval.runs.grading import grade_run

OTHER_QUESTION = [{**ROWS[0], "question": "Ann has 9 pens. How many?"}, *ROWS[1:]]
OTHER_GOLD = [*ROWS[:2], {**ROWS[2], "answer": "7"}, ROWS[3]]

pytestmark = pytest.mark.filterwarnings("ignore:sums")


@pytest.fixture
def stored(tmp_path):
    """A finished run of its own rows."""
    run(tmp_path / "run", write_benchmark(tmp_path / "own"))
    return tmp_path


def samples(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*.jsonl"))}


@pytest.mark.parametrize(
    ("rows", "first", "change"),
    [
        (ROWS[::-1], "0", "another question or gold"),
        (OTHER_QUESTION, "0", "another question or gold"),
        (OTHER_GOLD, "2", "another question or gold"),
        (ROWS[:3], "3", "no longer there"),
    ],
)
def test_a_run_on_other_rows_is_refused_before_anything_is_generated(stored, rows, first, change):
    before, load = samples(stored / "run"), Loader()
    write_benchmark(stored / "own", rows)
    with pytest.raises(StoreError, match=rf"problem '{first}' .*{change}") as refused:
        run(stored / "run", stored / "own", load=load, n=3)
    assert "--overwrite" in refused.value.hint
    assert load.loaded == 0
    assert samples(stored / "run") == before


def test_rows_added_at_the_end_continue_and_the_manifest_knows_the_new_file(stored):
    more = [*ROWS, {"question": "Ann has 5 pens and gets 5. How many?", "answer": "10"}]
    load = run(stored / "run", write_benchmark(stored / "own", more, count=5))
    assert load.asked == [("4", 0), ("4", 1)]
    assert load_run(stored / "run").manifest["benchmarks"]["sums"]["count"] == 5


def test_overwrite_replaces_what_is_stale(stored):
    load = run(stored / "run", write_benchmark(stored / "own", ROWS[::-1]), overwrite=True)
    assert len(load.asked) == 8


def test_another_arm_is_not_set_beside_samples_of_other_rows(stored):
    write_benchmark(stored / "own", OTHER_QUESTION)
    for overwrite in (False, True):
        with pytest.raises(StoreError, match="base on sums"):
            run(stored / "run", stored / "own", arms=("rast",), overwrite=overwrite)


def test_another_prompt_of_the_same_text_is_found_by_its_ids(stored, monkeypatch):
    from rast_eval.inputs import prompts

    encode = prompts.encode
    monkeypatch.setattr(prompts, "encode", lambda *args: (*encode(*args), 1))
    with pytest.raises(StoreError, match=r"problem '0' has another prompt now \(4 problems"):
        run(stored / "run", stored / "own", n=3)


def test_stale_outputs_are_not_graded(stored):
    before = samples(stored / "run")
    write_benchmark(stored / "own", OTHER_GOLD)
    with pytest.raises(StoreError, match="problem '2'") as refused:
        grade_run(stored / "run", workers=1)
    assert "--data-dir" in refused.value.hint
    assert samples(stored / "run") == before
    kept = write_benchmark(stored / "kept")
    assert grade_run(stored / "run", "strict", workers=1, data_dir=kept) == 8


def test_runs_on_other_rows_are_not_compared_or_reported_together(stored):
    write_benchmark(stored / "own", OTHER_GOLD)
    run(stored / "second", stored / "own")
    run(stored / "third", stored / "own", arms=("rast",))
    with pytest.raises(StoreError, match="problem '2'"):
        compare_runs(load_run(stored / "run"), load_run(stored / "second"))
    with pytest.raises(StoreError, match="problem '2'"):
        evaluate_runs([stored / "run", stored / "third"])
    assert len(evaluate_runs([stored / "second", stored / "third"]).cells) == 2


def test_a_benchmark_of_other_rows_than_the_known_ones_is_named_in_manifest_and_report(tmp_path):
    folder = write_benchmark(tmp_path / "own", sha256="0" * 64)
    run(tmp_path / "run", folder)
    assert load_run(tmp_path / "run").manifest["benchmarks"]["sums"]["as_known"] is False
    assert any("sha256" in warning for warning in evaluate_run(tmp_path / "run").warnings)
    run(tmp_path / "short", write_benchmark(tmp_path / "own", ROWS[:2]))
    assert any("2 rows where 4 are expected" in warning for warning in evaluate_run(tmp_path / "short").warnings)
