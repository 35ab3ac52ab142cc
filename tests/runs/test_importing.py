"""Logs of other programs become runs on which every reader works, and leave them again as they were."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rast_eval.cli import dispatch
from rast_eval.errors import DataError
from rast_eval.results.reader import iter_samples, load_grades, load_run
from rast_eval.runs.exporting import export_run

pytestmark = pytest.mark.slow

DOCS = [("2 + 2?", "4"), ("3 + 3?", "6"), ("5 + 5?", "10"), ("1 + 1?", "2")]
SCHEMAS = json.loads((Path(__file__).parents[1] / "cases" / "schemas.json").read_text())


def write(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def boxed(answer):
    return rf"It is \boxed{{{answer}}}."


@pytest.fixture
def lm_eval_log(tmp_path):
    """Two filters over four documents, each with one wrong and three right repeats; the last part of a data set."""
    folder = tmp_path / "org__model"
    folder.mkdir()
    asked = {"until": ["Q:"], "do_sample": True, "temperature": 0.7, "max_gen_toks": 64}
    rows = [
        {
            "doc_id": 40 + i,
            "doc": {"question": question, "answer": gold},
            "target": gold,
            "arguments": {"gen_args_0": {"arg_0": f"Q: {question}", "arg_1": asked}},
            "resps": [[boxed(9), *[boxed(gold)] * 3]],
            "filter": name,
        }
        for name in ("strict-match", "flexible-extract")
        for i, (question, gold) in enumerate(DOCS)
    ]
    return write(folder / "samples_sums_2026-01-01T00-00-00.000000.jsonl", rows)


@pytest.fixture
def own_sums(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "sums.yaml").write_text(
        "name: sums\nkind: math\ncount: 4\nscorer: simplerl\nfile: [sums.jsonl]\ndecoding: {n: 2}\n"
    )
    write(folder / "sums.jsonl", [{"id": str(i), "question": q, "answer": a} for i, (q, a) in enumerate(DOCS)])
    return ["-b", "sums", "--include-path", str(folder)]


def imported(*arguments):
    code = dispatch(["import", *map(str, arguments), "--workers", "1"])
    root = Path(arguments[arguments.index("-o") + 1])
    return code, load_run(root) if code == 0 else None


def test_repeats_are_samples_and_filters_count_once(lm_eval_log, tmp_path, capsys):
    code, run = imported(lm_eval_log, "-o", tmp_path / "run")
    assert code == 0
    cell = run.cells[0]
    assert (cell.name, cell.n, cell.problem_count, cell.system.label) == ("base/sums", 4, 4, "model")
    assert (cell.sampling.temperature, cell.sampling.max_tokens, cell.backend) == (0.7, 64, "lm-eval")
    grades = load_grades(run, cell)
    assert grades.correct.mean() == 0.75
    assert grades.problem_ids == ("40", "41", "42", "43")
    assert "4 rows hold the same outputs" in capsys.readouterr().err
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    assert dispatch(["score", str(moved), "--scorer", "strict", "--workers", "1"]) == 0
    assert dispatch(["report", str(moved), "--scorer", "both", "--format", "json"]) == 0
    assert dispatch(["verify", str(moved)]) == 0


def test_grade_counts_what_import_counts(lm_eval_log, capsys):
    assert dispatch(["grade", lm_eval_log, "--summary", "--workers", "1"]) == 0
    printed = capsys.readouterr()
    assert "16 rows, 75.00 % correct (12)" in printed.err
    assert "16 more rows hold the same outputs under another filter" in printed.err
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [row["sample"] for row in rows[:4]] == [0, 1, 2, 3]
    assert sum(row.get("again", False) for row in rows) == 16


def test_the_authors_files_are_one_sample_each(tmp_path, own_sums):
    files = [
        write(
            tmp_path / f"prediction-{j}.jsonl",
            [
                {"question": f"<user>\n{question}", "model_output": boxed(gold if i >= j else 7), "answer": gold}
                for i, (question, gold) in enumerate(DOCS)
            ],
        )
        for j in range(2)
    ]
    base = imported(*files, "-o", tmp_path / "run", "--base", "32b", "--delta", "14b", "--arm", "base", *own_sums)
    rast = imported(*files[:1], "-o", tmp_path / "run", "--base", "32b", "--delta", "14b", *own_sums)
    assert base[0] == rast[0] == 0
    run = rast[1]
    assert [cell.name for cell in run.cells] == ["base/sums", "rast/sums"]
    assert run.cells[1].system.label == "32b + Δ14b"
    assert load_grades(run, run.cells[0]).correct.tolist() == [[True, False], [True, True], [True, True], [True, True]]
    again = imported(files[1], "-o", tmp_path / "again", "--base", "32b", "--delta", "14b", *own_sums)[1]
    assert dispatch(["compare", str(run.path), str(again.path)]) == 0


def test_a_shown_question_decides_over_counts_and_order(tmp_path, own_sums, capsys):
    choice = {"message": {"role": "assistant", "content": boxed(10)}, "stop_reason": "stop"}
    rows = [
        {"id": 1, "epoch": 1, "input": "Say it: 5 +  5?", "target": "10", "output": {"choices": [choice]}},
        {"id": 2, "epoch": 1, "input": "8 + 8?", "target": "16", "output": {"choices": [choice]}},
    ]
    code, run = imported(write(tmp_path / "log.jsonl", rows), "-o", tmp_path / "run", *own_sums)
    assert code == 0
    assert [row["problem_id"] for row in iter_samples(run, run.cells[0])] == ["2"]
    assert "sums has no problem with its question, '8 + 8?'" in capsys.readouterr().err


def test_what_cannot_be_a_run_is_refused(tmp_path, capsys):
    good = {"output": "4", "gold": "4", "problem_id": "a"}
    cases = [
        ([], "holds no row"),
        ([{"output": "4"}], "no `gold`"),
        ([{"text": "4", "gold": "4"}], "no text under"),
    ]
    for number, (rows, told) in enumerate(cases):
        file = write(tmp_path / f"{number}.jsonl", rows)
        assert dispatch(["import", file, "-o", str(tmp_path / "run")]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert len(error.strip().splitlines()) == 2
    assert not list((tmp_path / "run").glob("[!.]*/*/*"))
    file = write(tmp_path / "two.jsonl", [good, {**good, "gold": "5"}, good])
    code, run = imported(file, "-o", tmp_path / "run")
    assert (code, run.cells[0].n) == (0, 2)
    assert "has the gold '5' here, and '4' elsewhere" in capsys.readouterr().err
    other = write(tmp_path / "other.jsonl", [{**good, "output": "5"}])
    assert dispatch(["import", other, "-o", str(tmp_path / "run")]) == 2
    assert "made with other settings" in capsys.readouterr().err
    assert dispatch(["import", other, "-o", str(tmp_path / "run"), "--overwrite"]) == 0


@pytest.mark.parametrize("name", ["lm-eval", "inspect", "every-eval-ever", "parquet"])
def test_a_run_leaves_and_comes_back_as_it_was(name, lm_eval_log, tmp_path):
    _, run = imported(lm_eval_log, "-o", tmp_path / "run")
    files = export_run(run.path, name, tmp_path / name)
    assert files
    for path in files:
        documents = [] if path.suffix == ".parquet" else path.read_text().splitlines()
        documents = [path.read_text()] if path.suffix == ".json" else documents
        for document in documents:
            jsonschema.validate(json.loads(document), SCHEMAS[f"{name}{path.suffix}"])
    logs = [path for path in files if name != "every-eval-ever" or path.suffix == ".jsonl"]
    code, back = imported(*logs, "-o", tmp_path / "back")
    assert code == 0
    ours, theirs = (load_grades(each, each.cells[0]) for each in (run, back))
    assert ours.correct.tolist() == theirs.correct.tolist()
    assert ours.predictions == theirs.predictions
    assert ours.problem_ids == theirs.problem_ids


def test_rows_that_changed_are_not_exported(lm_eval_log, tmp_path, capsys):
    _, run = imported(lm_eval_log, "-o", tmp_path / "run")
    rows = tmp_path / "run" / "rows" / "sums.jsonl"
    rows.write_text(rows.read_text().replace("2 + 2?", "2 + 3?"))
    with pytest.raises(DataError, match="is another here"):
        export_run(run.path, "inspect", tmp_path / "out")
    assert dispatch(["export", str(run.path), "--to", "inspekt"]) == 2
    assert "Did you mean inspect" in capsys.readouterr().err
