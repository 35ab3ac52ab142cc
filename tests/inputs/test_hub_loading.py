"""The hub's own clients, on a hub of this machine: what is asked for, fetched, cached and said where there is none."""

import base64
import gzip
import json
import pickle
import random
import shutil
import subprocess
import sys
import zlib

import pytest
from loopback_hub import LoopbackHub, client_environment, closed_endpoint

from rast_eval.errors import SandboxError
from rast_eval.inputs import resources
from rast_eval.scoring.code.lcb_tests import read_tests
from rast_eval.scoring.code.livecodebench import LiveCodeBench
from rast_eval.scoring.code.sandbox.bwrap import require_bwrap
from rast_eval.types import Problem, Sample

pytestmark = pytest.mark.slow

LCB_FILES = {"test.jsonl": 400, "test2.jsonl": 111, "test3.jsonl": 101, "test4.jsonl": 101, "test5.jsonl": 167}
LONG = 12 << 20
"""More bytes than `datasets` reads at a time, as the longest private tests have."""

GSM8K_CARD = """\
---
configs:
- config_name: socratic
  data_files: [{split: test, path: socratic/test-*}]
- config_name: main
  data_files: [{split: train, path: main/train-*}, {split: test, path: main/test-*}]
---
# Generated
"""


def lcb_row(number):
    """Row `number`: add it to the integer on stdin. Real columns, and types that change between files and rows."""
    cases = [{"input": f"{i}\n", "output": f"{i + number}\n", "testtype": "stdin"} for i in range(3)]
    if number == 500:
        noise = base64.b64encode(random.Random(0).randbytes(LONG)).decode()
        cases.append({"input": f"4\n{noise}", "output": f"{4 + number}", "testtype": "stdin"})
    return {
        "question_title": f"Add {number}",
        "question_content": "\ud800 lone half" if number == 700 else f"Read an integer and print it plus {number}.",
        "platform": "atcoder",
        "question_id": f"add_{number}",
        "contest_id": number if number <= 400 else f"c{number}",
        "contest_date": "2024-01-01T00:00:00" + (".250000" if number % 7 == 0 else ""),
        "starter_code": None if number <= 400 else "",
        "difficulty": "easy",
        "public_test_cases": json.dumps(cases[:1]),
        "private_test_cases": base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases[1:])))).decode(),
        "metadata": "{}" if number <= 600 else {},
    }


MIXED = [
    {"task_id": f"t/{i}", "prompt": "p", "plus_input": [[1, 2.5], [[v], "s"]]} for i, v in enumerate((10**30, "x"))
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    lcb, gsm8k, model = (
        root / name for name in ("datasets/livecodebench/code_generation_lite", "datasets/openai/gsm8k", "models/own/s")
    )
    lcb.mkdir(parents=True)
    (lcb / "code_generation_lite.py").write_text("raise SystemExit('a loading script was run')\n")
    rows = map(lcb_row, range(1, 881))
    for name, count in LCB_FILES.items():
        (lcb / name).write_text("".join(json.dumps(next(rows)) + "\n" for _ in range(count)))
    (lcb / "mixed.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in MIXED).encode()))
    for part, count in {"main/train": 7, "main/test": 5, "socratic/test": 3}.items():
        write_parquet(gsm8k / f"{part}-00000-of-00001.parquet", part, count)
    (gsm8k / "README.md").write_text(GSM8K_CARD)
    shutil.copytree(resources.embedded_checkpoints() / "s-base", model)
    with LoopbackHub(root) as running:
        yield running


def write_parquet(path, part, count):
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "question": [f"{part}: {i}+1?" for i in range(count)],
        "answer": [f"Sum.\n#### {i + 1}" for i in range(count)],
    }
    parquet.write_table(pyarrow.table(columns), path)


def client(endpoint, home, *arguments, **extra):
    environment = client_environment(endpoint, home) | extra
    command = [sys.executable, *map(str, arguments)]
    home.mkdir(exist_ok=True)
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert "Retrying" not in done.stderr, done.stderr
    return done


def ask(endpoint, home, code, **extra):
    """What `code` stores in `answer`, run where `hub` is the only hub, and its stderr."""
    start = "import json; from dataclasses import asdict, replace; from rast_eval.inputs import benchmarks\n"
    done = client(endpoint, home, "-c", f"{start}{code}\nprint(json.dumps(answer))", **extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.fixture(scope="module")
def livecodebench(hub, tmp_path_factory):
    home = tmp_path_factory.mktemp("lcb")
    code = "answer = [asdict(p) for p in benchmarks.load(benchmarks.get('livecodebench'))]"
    return home, code, *ask(hub.url, home, code)


def test_livecodebench_comes_from_its_five_files_unchanged(hub, livecodebench):
    home, code, problems, stderr = livecodebench
    assert "arning" not in stderr
    assert [problem["metadata"] for problem in problems] == [lcb_row(number) for number in range(1, 881)]
    assert [problem["id"] for problem in problems[:2]] == ["add_1", "add_2"]
    asked = len(hub.log)
    assert ask(hub.url, home, code, HF_HUB_OFFLINE="1") == (problems, "")
    assert len(hub.log) == asked


def test_livecodebench_tests_decode_to_what_was_encoded(livecodebench):
    row = livecodebench[2][499]["metadata"]
    cases = read_tests("add_500", row)
    assert cases.outputs == ("500\n", "501\n", "502\n", "504")
    assert [len(text) for text in cases.inputs] == [2, 2, 2, 2 + (LONG + 2) // 3 * 4]


@pytest.mark.parametrize(("number", "correct"), [(7, True), (8, False)])
def test_a_fetched_livecodebench_problem_grades(number, correct, livecodebench):
    try:
        require_bwrap()
    except SandboxError as problem:
        pytest.skip(f"needs bubblewrap: {problem.message}")
    problem = Problem(**livecodebench[2][6])
    output = f"```python\nprint(int(input()) + {number})\n```"
    (grade,) = LiveCodeBench().grade([Sample(problem, 0, output)], workers=1)
    assert grade.correct is correct


def test_a_file_behind_a_url_is_read_as_it_is_and_asked_for_once(hub, tmp_path):
    url = f"{hub.storage}/storage/datasets/livecodebench/code_generation_lite/mixed.gz"
    code = f"""
b = benchmarks.get("humaneval_plus")
b = replace(b, count=2, sha256=None, hub=replace(b.hub, data_files=("{url}",)))
answer = [dict(p.metadata) for p in benchmarks.load(b)]"""
    assert ask(closed_endpoint(), tmp_path / "home", code)[0] == MIXED
    asked = len(hub.log)
    assert ask(closed_endpoint(), tmp_path / "home", code, HF_HUB_OFFLINE="1") == (MIXED, "")
    assert len(hub.log) == asked


def test_a_repositorys_configuration_loads_at_a_revision_and_then_without_the_hub(hub, tmp_path):
    commit = hub.repository("datasets", "openai/gsm8k").commit
    code = """
b = replace(benchmarks.get("gsm8k"), count=5, sha256=None)
answer = [[[p.question, p.gold] for p in benchmarks.load(replace(b, hub=replace(b.hub, revision=r)))] for r in %r]"""
    expected = [[f"main/test: {i}+1?", str(i + 1)] for i in range(5)]
    answer, stderr = ask(hub.url, tmp_path / "home", code % ["main", commit])
    assert answer == [expected, expected]
    assert "arning" not in stderr
    answer, stderr = ask(closed_endpoint(), tmp_path / "home", code % ["main"])
    assert answer == [expected]
    assert "cannot be reached" in stderr


def test_a_checkpoint_loads_at_the_commit_it_is_pinned_to_and_runs_offline_afterwards(hub, tmp_path):
    pytest.importorskip("torch")
    code = """
from rast_eval.inputs import hub
from rast_eval.types import ModelRef
ref = hub.pin(ModelRef("own/s"))
to_fetch = hub.download_bytes(ref)
from rast_eval.decoding.loading import end_token_ids, load_model, load_tokenizer
weights = load_model(ref, "float32", "cpu").num_parameters()
tokens = len(load_tokenizer(ref))
answer = [ref.revision, list(end_token_ids(ref)), tokens > 1, to_fetch // 2 == weights, hub.is_cached(ref)]"""
    home = tmp_path / "home"
    commit = hub.repository("models", "own/s").commit
    assert ask(hub.url, home, code) == ([commit, [0], True, True, True], "")
    asked = len(hub.log)
    run = ["-m", "rast_eval", "run", "--base", "own/s", "--delta", "none", "-b", "tiny-arith", "-L", "1", "--n", "1"]
    done = client(hub.url, home, *run, "--offline", "-o", tmp_path / "run")
    assert done.returncode in (0, 1), done.stderr  # 1: this model's only answer may hold no number
    assert len((tmp_path / "run/samples/base/tiny-arith.jsonl").read_text().splitlines()) == 1
    assert len(hub.log) == asked
    manifest = (tmp_path / "run/manifest.json").read_text()
    assert f'"revision": "{commit}"' in manifest


MODEL = ["--base", "own/absent", "--delta", "none", "-b", "tiny-arith"]


@pytest.mark.parametrize(
    ("there", "flags", "said"),
    [
        (False, ["-b", "gsm8k"], "gsm8k could not be fetched from the hub (openai/gsm8k)"),
        (False, ["-b", "livecodebench"], "livecodebench could not be fetched from the hub"),
        (False, MODEL, "own/absent is not in the local hub cache and the hub cannot be reached."),
        (True, ["-b", "math500"], "math500 could not be fetched from the hub (HuggingFaceH4/MATH-500)"),
        (True, MODEL, "There is no checkpoint own/absent, neither a folder nor on the hub."),
    ],
)
def test_an_absent_hub_or_repository_is_said_in_two_sentences(there, flags, said, hub, tmp_path):
    if "--base" in flags:
        pytest.importorskip("torch")
    endpoint = hub.url if there else closed_endpoint()
    done = client(endpoint, tmp_path / "home", "-m", "rast_eval", "run", *flags, "-L", "1", "-o", tmp_path / "run")
    assert (done.returncode, done.stdout) == (2, "")
    *before, message, hint = done.stderr.splitlines()
    assert message.startswith(f"rast-eval: {said}")
    assert hint.endswith(".")
    assert len(before) == (0 if there else 1)
    assert all("cannot be reached" in line for line in before)
