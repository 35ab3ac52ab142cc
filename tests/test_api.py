"""The public face: which names, what importing them costs, that every example runs, and what the tables hold."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from run_writer import write_run

import rast_eval
from rast_eval.errors import StoreError, UsageError
from rast_eval.results.metrics import evaluate_run
from rast_eval.results.reader import load_grades

ROOT = Path(rast_eval.__file__).parent
NAMES = [
    "EngineConfig",
    "Grade",
    "LoadedRun",
    "Models",
    "RastEvalError",
    "RunConfig",
    "fuse",
    "grade",
    "load",
    "models",
    "run",
]
WITH_EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


def examples(path: Path) -> list[doctest.DocTest]:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


def test_the_public_names():
    assert rast_eval.__all__ == NAMES
    assert set(NAMES) <= set(dir(rast_eval))
    with pytest.raises(AttributeError, match="no attribute 'plan'"):
        rast_eval.plan  # noqa: B018


def test_type_checkers_see_every_name():
    tree = ast.parse(Path(rast_eval.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = [alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(NAMES)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("", {"numpy", "pandas", "torch", "transformers", "yaml", "rich", "typer"}),
        ("rast_eval.RunConfig(rast_eval.models('32b', ['14b']))", {"torch", "transformers", "vllm", "datasets"}),
        ("rast_eval.load; rast_eval.grade", {"torch", "transformers", "vllm", "datasets"}),
    ],
)
def test_importing_it_loads_nothing_that_is_not_used(code, heavy):
    script = f"import sys, rast_eval\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "rast_eval" in done.stdout.split()
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_shows_an_example(name):
    assert ">>> import rast_eval" in getattr(rast_eval, name).__doc__


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_in_docstrings_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner, said = doctest.DocTestRunner(), []
    for test in examples(path):
        runner.run(test, out=said.append)
    assert runner.tries > 0
    assert runner.failures == 0, "".join(said)


@pytest.mark.slow
def test_the_readme_s_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT.parent / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len([line for line in block.splitlines() if line]) <= 5
    names: dict[str, object] = {}
    exec(block, names)
    assert isinstance(names["run"], rast_eval.LoadedRun)


@pytest.fixture
def run(tmp_path):
    cells = [
        {"arm": arm, "benchmark": "math500", "accuracy": accuracy, "problems": 5, "n": 2, "truncated": 0.3,
         "graded_by": ["simplerl", "strict"]}
        for arm, accuracy in (("base", 0.3), ("rast", 0.7))
    ]  # fmt: skip
    cells.append({"arm": "rast", "benchmark": "mbpp_plus", "accuracy": 0.5, "problems": 3, "n": 1, "graded_by": []})
    return rast_eval.load(write_run(tmp_path / "r", cells))


def test_samples_and_grades_are_the_stored_rows(run):
    samples, grades = run.samples(), run.grades()
    assert len(samples) == 2 * 5 * 2 + 3
    assert len(grades) == 2 * 5 * 2
    for cell in run.cells[:2]:
        matrix = load_grades(run, cell)
        own = samples[(samples.arm == cell.arm) & (samples.benchmark == cell.benchmark)]
        assert own.num_tokens.tolist() == matrix.num_tokens.ravel().tolist()
        assert (own.finish_reason == "length").tolist() == matrix.truncated.ravel().tolist()
        mine = grades[grades.arm == cell.arm]
        assert mine.correct.tolist() == matrix.correct.ravel().tolist()
        assert mine.vote.fillna(-1).tolist() == matrix.votes.ravel().tolist()
    joined = samples.merge(grades, on=["arm", "benchmark", "problem_id", "sample"])
    assert len(joined) == len(grades)


def test_parts_of_a_run_and_another_scorer(run):
    assert set(run.samples(arm="rast").benchmark) == {"math500", "mbpp_plus"}
    assert len(run.samples(arm="rast", benchmark="mbpp_plus")) == 3
    assert len(run.samples(arm="rl")) == 0
    assert set(run.grades(scorer="strict").scorer) == {"strict"}
    assert len(run.grades(benchmark="mbpp_plus")) == 0
    assert run.grades(benchmark="mbpp_plus").columns.tolist() == run.grades().columns.tolist()


def test_a_grade_of_another_output_is_left_out(run):
    file = run.path / "samples/rast/math500.jsonl"
    first, rest = file.read_text(encoding="utf-8").split("\n", 1)
    row = json.loads(first)
    row |= {"output": "another"}
    del row["output_sha256"]
    file.write_text(json.dumps(row) + "\n" + rest, encoding="utf-8")
    before = len(rest.splitlines()) + 1
    found = run.grades(arm="rast", benchmark="math500")
    assert len(found) == before - 1
    assert not ((found.problem_id == row["problem_id"]) & (found["sample"] == row["sample"])).any()


def test_metrics_are_those_of_the_report(run):
    found = run.metrics(ks=[1, 2])
    for cell in evaluate_run(run.path).cells:
        rows = found[(found.arm == cell.arm) & (found.benchmark == cell.benchmark)].set_index(["metric", "k"]).value
        assert rows["accuracy"].item() == pytest.approx(cell.accuracy.value)
        assert rows["pass", 2] == pytest.approx(cell.pass_at[2].value)
        assert rows["truncated"].item() == pytest.approx(cell.shares.truncated)


def test_mistakes_are_those_of_the_command_line(run, tmp_path):
    with pytest.raises(StoreError, match="holds no run"):
        rast_eval.load(tmp_path)
    with pytest.raises(UsageError, match="Did you mean simplerl"):
        run.metrics(scorer="simplrl")


def test_grade_takes_one_gold_for_each_output():
    with pytest.raises(ValueError, match="zip"):
        rast_eval.grade(["1", "2"], ["1"])
    strict, simplerl = (rast_eval.grade(["n^2+n"], ["n(n+1)"], scorer=name)[0] for name in ("strict", "simplerl"))
    assert (strict.correct, simplerl.correct) == (True, False)
    assert rast_eval.grade(["5 said the user, or 6"], [6], prompt="abel")[0].correct
