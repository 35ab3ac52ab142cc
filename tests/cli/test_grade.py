"""`rast-eval grade`: rows come back in order with their grades, whatever is in them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rast_eval.cli import dispatch
from rast_eval.logs.rows import Adapter
from rast_eval.runs.grade_file import Tally, grade_lines

pytestmark = pytest.mark.slow


def write(path, rows):
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return str(path)


def grade(capfd, *arguments):
    code = dispatch(["grade", *arguments])
    out, err = capfd.readouterr()
    assert out.isascii()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_all_layouts_come_back_in_order_with_all_fields(tmp_path, capfd):
    rows = [
        {"output": r"\boxed{7}", "gold": "7", "id": 3, "unknown": [1, {"a": None}]},
        {"output": "it is 18", "gold_raw": "9 * 2 = 18\n#### 18", "benchmark": "gsm8k"},
        {"model_output": r"\boxed{\frac12}", "answer": "0.5", "question": "?"},
        {"resps": [["so\n#### 5"]], "target": "2 + 3\n#### 5", "doc": {"question": "?"}, "doc_id": 0},
        {"output": r"\boxed{8}", "gold": 7, "prediction": "old"},
        {"output": "", "gold": "7"},
        {"output": "no idea", "gold": "7"},
    ]
    code, graded, err = grade(capfd, write(tmp_path / "o.jsonl", rows), "--workers", "1")
    assert code == 0
    assert err == ""
    assert [row["correct"] for row in graded] == [True, True, True, True, False, False, False]
    assert [row["prediction"] for row in graded] == ["7", "18", r"\frac{1}{2}", "5", "8", "", ""]
    assert [row["status"] for row in graded] == ["ok"] * 5 + ["no_answer"] * 2
    for row, back in zip(rows, graded, strict=True):
        assert {key: back[key] for key in row if key != "prediction"} == {
            k: v for k, v in row.items() if k != "prediction"
        }


def test_bad_lines_are_named_and_kept(tmp_path, capfd):
    lines = [
        b"not json\n", b"[1]\n", b'{"output": "5"}\n', b'{"gold": "5"}\n', b'{"output": 5, "gold": "5"}\n', b"\n",
        b'{"output": "5", "gold": {"a": 1}}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"output": "5", "gold": "5"}',
    ]  # fmt: skip
    code, graded, err = grade(capfd, write(tmp_path / "o.jsonl", lines), "--workers", "1", "--summary")
    assert code == 1
    assert len(graded) == len(lines)
    assert [row["correct"] for row in graded] == [False] * 9 + [True]
    assert [row["status"] for row in graded] == ["error"] * 9 + ["ok"]
    assert graded[0] == {"line": 1, "status": "error", "correct": False}
    assert graded[8] == {"line": 9, "status": "error", "correct": False}
    assert graded[2]["output"] == "5"
    for number in range(1, 10):
        assert f"line {number}:" in err
    assert "10 rows, 10.00 % correct (1); error 9, ok 1" in err


def test_surrogates_and_null_bytes_survive(tmp_path, capfd):
    text = "\0 \ud800 é \u2028 \\boxed{5}\udfff"
    raw = b'{"output": "\x00\\\\boxed{5}\t", "gold": "5"}\n'
    code, graded, _ = grade(capfd, write(tmp_path / "o.jsonl", [{"output": text, "gold": "5", "\ud800": text}, raw]))
    assert code == 0
    assert graded[0]["output"] == graded[0]["\ud800"] == text
    assert graded[0]["correct"]
    assert graded[1]["output"] == "\0\\boxed{5}\t"


def test_golds_from_the_benchmark(tmp_path, capfd):
    problems = [
        {"problem": f"{n}?", "solution": rf"\boxed{{{n}}}", "answer": str(n), "unique_id": f"u{n}"} for n in range(3)
    ]
    (tmp_path / "data").mkdir()
    write(tmp_path / "data/math500.jsonl", problems)
    rows = [
        {"output": "0"},
        {"output": "1"},
        b"broken\n",
        {"output": "2", "problem_id": "u2"},
        {"output": "2", "problem_id": "u9"},
        {"output": "2"},
        {"output": "9", "gold": "9"},
    ]
    file = write(tmp_path / "o.jsonl", rows)
    with pytest.warns(UserWarning, match="3 rows where 500 are expected"):
        code, graded, err = grade(capfd, file, "--benchmark", "math500", "--data-dir", str(tmp_path / "data"))
    assert code == 1
    assert [row["correct"] for row in graded] == [True, True, False, True, False, False, True]
    assert "no problem 'u9'" in err
    assert "no row 5" in err


def test_the_prompt_decides_where_outputs_are_cut(tmp_path, capfd):
    file = write(tmp_path / "o.jsonl", [{"output": "5 said the user, or 6", "gold": "5"}])
    assert grade(capfd, file)[1][0]["correct"]
    assert not grade(capfd, file, "--prompt", "abel")[1][0]["correct"]


def test_units_stay_for_minerva(tmp_path, capfd):
    file = write(tmp_path / "o.jsonl", [{"output": r"\boxed{5 m/s}", "gold": "5 m/s"}])
    assert grade(capfd, file, "--benchmark", "minerva_math")[1][0]["prediction"] == "5m/s"
    assert grade(capfd, file)[1][0]["prediction"] == "5/"


def test_strict_differs(tmp_path, capfd):
    file = write(
        tmp_path / "o.jsonl", [{"output": r"\boxed{10}", "gold": "0.1"}, {"output": r"\boxed{n^2+n}", "gold": "n(n+1)"}]
    )
    assert [row["correct"] for row in grade(capfd, file)[1]] == [True, False]
    assert [row["correct"] for row in grade(capfd, file, "--scorer", "strict")[1]] == [False, True]


def test_mistakes_of_the_user(tmp_path, capfd):
    file = write(tmp_path / "o.jsonl", [{"output": "5", "gold": "5"}])
    for arguments in (
        ["missing.jsonl"],
        [file, "--benchmark", "mat500"],
        [file, "--scorer", "simplrl"],
        [file, "--workers", "0"],
    ):
        code, rows, err = grade(capfd, *arguments)
        assert (code, rows) == (2, [])
        assert len(err.strip().splitlines()) == 2
    assert "Did you mean math500" in grade(capfd, file, "--benchmark", "mat500")[2]


@pytest.mark.slow
def test_batches_change_nothing(monkeypatch):
    lines = [json.dumps({"output": rf"\boxed{{{n % 7}x}}", "gold": "x3"}).encode() for n in range(50)]
    whole = list(grade_lines(lines, Adapter(), "simplerl", 1, Tally()))
    monkeypatch.setattr("rast_eval.runs.grade_file._BATCH_BYTES", 300)
    assert list(grade_lines(lines, Adapter(), "simplerl", 2, Tally())) == whole
    assert sum(json.loads(line)["correct"] for line in whole) == 7


def test_heavy_libraries_stay_out(tmp_path):
    file = write(tmp_path / "o.jsonl", [{"output": "5", "gold": "5"}, {"output": r"\boxed{x+1}", "gold": "1+x"}])
    script = (
        "import sys\nfrom rast_eval.cli import dispatch\n"
        f"assert dispatch(['grade', {file!r}]) == 0\n"
        "heavy = {'torch', 'transformers', 'vllm', 'datasets', 'sympy', 'numpy', 'pandas'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["correct"] for line in done.stdout.splitlines()] == [True, True]


USER = {"output": r"Each user pays 3, so \boxed{42}", "gold": "42"}


def test_a_template_of_ones_own_cuts_where_it_says(tmp_path, capfd):
    own = tmp_path / "own"
    own.mkdir()
    (own / "plain.jinja").write_text("---\ndescription: nothing around\n---\n{{ problem }}\n")
    (own / "so.jinja").write_text("---\ndescription: ends at a word\nstop: ', so'\n---\n{{ problem }}\n")
    file = write(tmp_path / "o.jsonl", [USER])
    include = ["--include-path", str(own)]
    for prompt, prediction in (("plain", "42"), ("tiny", "42"), ("so", "3"), ("abel", "42"), ("qwen-boxed", "")):
        assert grade(capfd, file, *include, "--prompt", prompt)[1][0]["prediction"] == prediction
    assert grade(capfd, file)[1][0]["status"] == "no_answer"


def test_an_answer_behind_a_stop_word_is_told(tmp_path, capfd):
    file = write(tmp_path / "o.jsonl", [USER, {"output": r"\boxed{4} said the user", "gold": "4"}])
    code, graded, err = grade(capfd, file)
    assert (code, [row["status"] for row in graded]) == (0, ["no_answer", "ok"])
    assert "1 output holds a box behind a stop word" in err
    assert "'user' 1" in err
    assert grade(capfd, file, "--prompt", "tiny")[2] == ""


def test_an_empty_file_is_no_score(tmp_path, capfd):
    code, graded, err = grade(capfd, write(tmp_path / "o.jsonl", []), "--summary")
    assert (code, graded) == (0, [])
    assert "o.jsonl holds no row" in err
    assert "0 rows: nothing was graded" in err
    assert "nan" not in err


def test_a_prompt_nobody_knows_is_refused(tmp_path, capfd):
    file = write(tmp_path / "o.jsonl", [USER])
    for name in ("nope", "abell", "../prompts/abel"):
        code, rows, err = grade(capfd, file, "--prompt", name)
        assert (code, rows) == (2, [])
        assert f"There is no prompt named {name!r}" in err


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "sums.yaml").write_text(
        "name: sums\nkind: math\ncount: 2\nscorer: simplerl\nprompt: tiny\nfile: [sums.jsonl]\n"
        "columns: {question: [task], answer: [target], id: [key]}\ngold: after-hashes\n"
        "decoding: {n: 2, temperature: 1.0, top_p: 1.0, max_tokens: 8}\n"
    )
    rows = [{"task": f"1+{n}?", "target": f"easy\n#### {1 + n}", "answer": "9", "key": f"k{n}"} for n in range(2)]
    write(folder / "sums.jsonl", rows)
    return folder


def test_a_benchmark_of_ones_own(tmp_path, capfd, own):
    rows = [
        {"output": "1"},
        {"output": "9"},
        {"output": "2", "problem_id": "k1"},
        {"output": "1", "problem_id": "k0", "benchmark": "sums"},
        {"output": "it is 5", "gold_raw": "2 + 3\n#### 5"},
    ]
    include = ["--include-path", str(own)]
    code, graded, err = grade(capfd, write(tmp_path / "o.jsonl", rows), "-b", "sums", *include)
    assert (code, err) == (0, "")
    assert [row["correct"] for row in graded] == [True, False, True, True, True]
    named = write(tmp_path / "n.jsonl", rows[3:4])
    assert grade(capfd, named, *include)[1][0]["correct"]
    assert grade(capfd, named)[0] == 1
    assert grade(capfd, named, "-b", "sums")[0] == 2


def test_a_scorer_that_cannot_judge_the_benchmark_is_refused(tmp_path, capfd):
    file = write(tmp_path / "o.jsonl", [USER])
    for benchmark, scorer, offered in (
        ("gsm8k", "evalplus", "simplerl, strict"),
        ("humaneval_plus", "strict", "evalplus"),
    ):
        code, rows, err = grade(capfd, file, "-b", benchmark, "--scorer", scorer)
        assert (code, rows) == (2, [])
        assert f"The scorer {scorer} cannot judge {benchmark}.\nType --scorer with one of {offered}." in err
