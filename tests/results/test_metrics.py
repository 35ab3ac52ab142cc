import dataclasses
import json
import math
import random

import numpy as np
import pytest
from run_writer import Judge, write_run

from rast_eval import statistics
from rast_eval.errors import NothingScored, StoreError
from rast_eval.results.cell_metrics import cell_warnings
from rast_eval.results.digests import grade_line
from rast_eval.results.metrics import evaluate_run, evaluate_runs, require_scored, to_jsonable, write_metrics
from rast_eval.results.reader import iter_samples, load_grades, load_run
from rast_eval.types import Grade

TRIO = [("base", 0.35), ("rast", 0.8), ("rl", 0.9)]


def trio(benchmark="tiny-arith", problems=30, n=4, **more):
    return [{"arm": a, "benchmark": benchmark, "accuracy": x, "problems": problems, "n": n, **more} for a, x in TRIO]


def verdicts(path, arm, benchmark="tiny-arith"):
    run = load_run(path)
    return load_grades(run, run.cell(arm, benchmark))


def test_every_figure_is_the_statistic_of_its_matrix(tmp_path):
    path = write_run(tmp_path / "r", trio())
    cell = evaluate_run(path).cell("rast", "tiny-arith")
    found = verdicts(path, "rast")
    assert cell.accuracy == statistics.accuracy(found.correct)
    assert list(cell.pass_at) == list(cell.majority_at) == [1, 2, 4]
    assert cell.pass_at[2].value == pytest.approx(statistics.pass_at_k(found.correct, 2).mean())
    assert cell.majority_at[4].value == pytest.approx(statistics.majority_at_k(found.correct, found.votes, 4).mean())
    assert cell.mean_tokens == pytest.approx(found.num_tokens.mean())
    means = [verdicts(path, arm).correct.mean(axis=1) for arm, _ in TRIO]
    assert cell.recovery == statistics.recovery(*means)


def test_greedy_base_against_sampled_arms(tmp_path):
    base, rast, rl = trio()
    path = write_run(tmp_path / "r", [{**base, "n": 1, "greedy": True}, {**base, "arm": "base@sampled"}, rast, rl])
    metrics = evaluate_run(path)
    greedy = verdicts(path, "base").correct.mean()
    gap = verdicts(path, "rl").correct.mean() - greedy
    expected = (verdicts(path, "rast").correct.mean() - greedy) / gap
    assert metrics.cell("rast", "tiny-arith").recovery.value == pytest.approx(expected)
    assert metrics.arms == ("base", "base@sampled", "rast", "rl")
    assert metrics.cell("base", "tiny-arith").accuracy.method == "wilson"
    assert metrics.cell("base", "tiny-arith").decoding == "greedy"


def test_recovery_is_computed_on_shared_problems_only(tmp_path):
    base, rast, rl = trio(problems=10)
    path = write_run(tmp_path / "r", [base, {**rast, "problems": 8, "ids": [str(i) for i in range(2, 10)]}, rl])
    metrics = evaluate_run(path)
    by_arm = [verdicts(path, arm).by_problem for arm, _ in TRIO]
    common = [[arm[str(i)] for i in range(2, 10)] for arm in by_arm]
    assert metrics.cell("rast", "tiny-arith").recovery == statistics.recovery(*common)
    assert any("8 problems that base, rast and rl share" in warning for warning in metrics.warnings)


def test_average_row_is_stratified_and_paper_takes_the_mean_of_ratios(tmp_path):
    path = write_run(tmp_path / "r", [*trio("math500"), *trio("amc23", problems=20)])
    ours, theirs = evaluate_run(path), evaluate_run(path, estimator="paper")
    triples = [[verdicts(path, arm, b).correct.mean(axis=1) for arm, _ in TRIO] for b in ("math500", "amc23")]
    assert ours.average_recovery["rast"] == statistics.average_recovery(triples)
    rates = [theirs.cell("rast", b).recovery.value for b in ("math500", "amc23")]
    assert theirs.average_recovery["rast"].value == pytest.approx(sum(rates) / 2)
    found = verdicts(path, "rast", "math500")
    assert theirs.cell("rast", "math500").pass_at[2].value == statistics.pass_at_k_paper(found.correct, 2).mean()


def test_without_a_ceiling_there_is_no_recovery(tmp_path):
    metrics = evaluate_run(write_run(tmp_path / "r", trio()[:2]))
    assert metrics.cell("rast", "tiny-arith").recovery is None
    assert metrics.average_recovery == {}


def test_asked_ks_beyond_n_are_undefined_and_null(tmp_path):
    path = write_run(tmp_path / "r", trio())
    metrics = evaluate_run(path, ks=[1, 8])
    assert math.isnan(metrics.cell("rast", "tiny-arith").pass_at[8].value)
    text = write_metrics(metrics, path).read_text()
    assert "NaN" not in text
    assert json.loads(text)["cells"][0]["pass_at"]["8"]["value"] is None


def test_shares_warn_at_their_limits(tmp_path):
    base, rast, rl = trio(problems=60)
    path = write_run(tmp_path / "r", [{**base, "truncated": 0.3}, {**rast, "extracted": 0.1}, {**rl, "planned": 70}])
    metrics = evaluate_run(path)
    text = "\n".join(metrics.warnings)
    found = verdicts(path, "base")
    assert f"base on tiny-arith: {found.truncated.mean():.1%} of the outputs were cut at 64 tokens" in text
    for tokens, ending in ((64, "cut at 64 tokens."), (40, "cut at 64 tokens, or before that by the context of the")):
        ended = dataclasses.replace(found, num_tokens=np.full_like(found.num_tokens, tokens))
        assert ending in "\n".join(cell_warnings(metrics.cell("base", "tiny-arith"), ended))
    assert "rast on tiny-arith: an answer could be extracted from" in text
    assert "rl on tiny-arith: 60 of 70 problems are done" in text
    shares = metrics.cell("rast", "tiny-arith").shares
    statuses = np.array(verdicts(path, "rast").status)
    assert shares.extracted == pytest.approx((statuses == "ok").mean())
    assert metrics.cell("rl", "tiny-arith").shares.truncated == 0


def test_clean_runs_do_not_warn(tmp_path):
    assert evaluate_run(write_run(tmp_path / "r", trio())).warnings == ()


def test_differing_prompts_are_named(tmp_path):
    base, rast, rl = trio()
    metrics = evaluate_run(write_run(tmp_path / "r", [base, {**rast, "prompt": "abel"}, rl]))
    assert metrics.warnings == (
        "tiny-arith: the arms were asked under different prompts (base qwen-boxed, rast abel, rl qwen-boxed).",
    )


def test_nothing_extracted_is_an_error_after_everything_is_there(tmp_path):
    base, rast, rl = trio()
    metrics = evaluate_run(write_run(tmp_path / "r", [{**base, "accuracy": -9, "extracted": 0.0}, rast, rl]))
    assert metrics.unscored == ("base on tiny-arith",)
    assert metrics.cell("base", "tiny-arith").majority_at[4].value == 0
    assert any("NO answer" in warning for warning in metrics.warnings)
    require_scored(metrics)
    empty = evaluate_run(write_run(tmp_path / "s", [{**c, "accuracy": -9, "extracted": 0.0} for c in (base, rast, rl)]))
    with pytest.raises(NothingScored, match="base on tiny-arith") as error:
        require_scored(empty)
    assert error.value.exit_code == 1


def test_graders_without_votes_have_no_majority(tmp_path):
    cells = [{**cell, "scorer": "evalplus", "votes": False} for cell in trio("mbpp_plus")]
    assert evaluate_run(write_run(tmp_path / "r", cells)).cell("rast", "mbpp_plus").majority_at == {}


def test_an_ungraded_run_is_refused_and_a_partly_graded_one_named(tmp_path):
    path = write_run(tmp_path / "r", trio())
    (path / "grades/rl/tiny-arith.simplerl.jsonl").write_text("")
    assert "rl on tiny-arith: no problem graded yet; 120 of 120 samples are there." in evaluate_run(path).warnings
    (path / "grades/rl/tiny-arith.simplerl.jsonl").unlink()
    assert "rl on tiny-arith: no problem graded yet; 120 of 120 samples are there." in evaluate_run(path).warnings
    for arm in ("base", "rast"):
        (path / f"grades/{arm}/tiny-arith.simplerl.jsonl").write_text("")
    with pytest.raises(StoreError, match="no problem whose samples are all graded"):
        evaluate_run(path)


def test_jsonable_keeps_structure():
    assert to_jsonable({1: (math.inf, 2, "x")}) == {"1": [None, 2, "x"]}


def test_several_runs_together(tmp_path):
    base, rast, rl = trio()
    apart = [write_run(tmp_path / "a", [base, rl]), write_run(tmp_path / "b", [rast])]
    metrics = evaluate_runs(apart, name="both")
    means = [
        verdicts(path, arm).correct.mean(axis=1)
        for path, arm in zip((*apart, apart[0]), ("base", "rast", "rl"), strict=True)
    ]
    assert metrics.run == "both"
    assert metrics.arms == ("base", "rast", "rl")
    assert metrics.cell("rast", "tiny-arith").recovery == statistics.recovery(*means)


def test_a_preset_chooses_its_estimator(tmp_path):
    path = write_run(tmp_path / "r", trio())
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "preset": "paper"}))
    assert evaluate_run(path).estimator == "paper"
    assert evaluate_run(path, estimator="unbiased").estimator == "unbiased"


def test_the_average_says_over_how_many_benchmarks(tmp_path):
    cells = [*trio("math500"), *trio("amc23"), *trio("gsm8k")[:2]]
    metrics = evaluate_run(write_run(tmp_path / "r", cells))
    assert metrics.average_recovery["rast"].benchmarks == 2
    one = evaluate_run(write_run(tmp_path / "s", [*trio("math500"), *trio("gsm8k")[:2]]))
    assert one.average_recovery["rast"].benchmarks == 1
    assert one.average_recovery["rast"].value == one.cell("rast", "math500").recovery.value


def test_a_ceiling_below_the_base_is_named_and_gives_no_rate(tmp_path):
    base, rast, rl = trio()
    metrics = evaluate_run(write_run(tmp_path / "r", [{**base, "accuracy": 0.9}, rast, {**rl, "accuracy": 0.3}]))
    assert math.isnan(metrics.cell("rast", "tiny-arith").recovery.value)
    gap = 100 * (metrics.cell("base", "tiny-arith").accuracy.value - metrics.cell("rl", "tiny-arith").accuracy.value)
    assert metrics.warnings == (
        f"tiny-arith: the RL ceiling is {gap:.1f} points below the base, so rast has no recovery rate there.",
    )


def test_boxes_and_answers_right_though_cut_stand_beside_the_scores(tmp_path):
    base, rast, rl = trio(problems=40)
    path = write_run(tmp_path / "r", [{**base, "boxed": 0.5}, {**rast, "truncated": 0.4}, rl])
    metrics = evaluate_run(path)
    found = verdicts(path, "base")
    assert metrics.cell("base", "tiny-arith").shares.boxed == found.boxed.mean()
    assert 0.3 < found.boxed.mean() < 0.7
    assert math.isnan(metrics.cell("rast", "tiny-arith").shares.boxed)
    cut = verdicts(path, "rast")
    assert metrics.cell("rast", "tiny-arith").shares.cut_but_right == (cut.truncated & cut.correct).mean() > 0.1


def test_a_cell_that_may_stop_early_carries_the_interval_of_every_look(tmp_path):
    base, rast, rl = trio()
    path = write_run(tmp_path / "r", [base, {**rast, "until": 4.0}, rl])
    cell = evaluate_run(path).cell("rast", "tiny-arith")
    assert cell.stopped == statistics.rounds_sequence(verdicts(path, "rast").correct, 0.04)
    assert evaluate_run(path).cell("base", "tiny-arith").stopped is None


def test_outputs_that_could_not_be_judged_are_a_share_and_a_warning(tmp_path):
    path = write_run(tmp_path / "r", trio(problems=10, n=2))
    file = path / "grades/rast/tiny-arith.simplerl.jsonl"
    first, *rest = file.read_text().splitlines(keepends=True)
    row = json.loads(first)
    died = grade_line(
        Grade(row["problem_id"], row["sample"], "", False, "error"), row["output_sha256"], Judge("simplerl")
    )
    file.write_text("".join([json.dumps(died) + "\n", *rest]))
    metrics = evaluate_run(path)
    assert metrics.cell("rast", "tiny-arith").shares.errors == 1 / 20
    assert metrics.cell("base", "tiny-arith").shares.errors == 0
    assert any("rast on tiny-arith: 5.00% of the outputs could not be judged" in text for text in metrics.warnings)


def test_grades_of_other_outputs_count_as_none_and_are_named(tmp_path):
    path = write_run(tmp_path / "r", trio(problems=10, n=2))
    file = path / "grades/rast/tiny-arith.simplerl.jsonl"
    lines = [{**json.loads(line), "output_sha256": "0" * 64} for line in file.read_text().splitlines()]
    for stale, told in ((3, "3 grades were altered or judge another output"), (20, "no grade judges the outputs")):
        rows = [*lines[:stale], *({**row, "output_sha256": _digest(path, row)} for row in lines[stale:])]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        metrics = evaluate_run(path)
        assert any(told in text for text in metrics.warnings)
        found = metrics.cell("rast", "tiny-arith")
        assert (found.problems if found else 0) == (20 - stale) // 2


def _digest(path, grade):
    key = (grade["problem_id"], grade["sample"])
    run = load_run(path)
    rows = iter_samples(run, run.cell("rast", "tiny-arith"))
    return next(row["output_sha256"] for row in rows if (row["problem_id"], row["sample"]) == key)


def test_the_order_of_the_lines_changes_no_digit(tmp_path):
    path = write_run(tmp_path / "r", [{"arm": "rast", "benchmark": "math500", "accuracy": 0.7, "problems": 23, "n": 3}])
    before = to_jsonable(evaluate_run(path).cells)
    file = path / "samples/rast/math500.jsonl"
    for seed in range(5):
        lines = file.read_text().splitlines(keepends=True)
        random.Random(seed).shuffle(lines)
        file.write_text("".join(lines))
        assert to_jsonable(evaluate_run(path).cells) == before


def test_a_benchmark_older_than_the_models_is_named(tmp_path):
    cells = [
        {"arm": "base", "benchmark": name, "accuracy": 0.5, "problems": 4, "n": 1} for name in ("math500", "aime25")
    ]
    path = write_run(tmp_path / "r", cells)
    file = path / "manifest.json"
    for before, now, told in (
        ("tiny-m", "Qwen/Qwen2.5-32B", "Older than the models (2024-09), so perhaps in their training data: math500"),
        (
            "Qwen/Qwen2.5-32B",
            "hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo",
            "(2025-03), so perhaps in their training data: math500 (2021-03), aime25",
        ),
        ("hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo", "allenai/Olmo-3-1025-7B", "math500 (2021-03), aime25 (2025-02)."),
        ("allenai/Olmo-3-1025-7B", "own/model", None),
    ):
        file.write_text(file.read_text().replace(f'"path": "{before}"', f'"path": "{now}"'))
        older = [text for text in evaluate_run(path).warnings if text.startswith("Older")]
        assert (told is None and not older) or (told in older[0] and ("aime25" in older[0]) == ("aime25" in told))
