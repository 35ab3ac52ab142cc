"""One run of made-up outputs with its own benchmark, whose every text tries to run a script."""

import json
import threading
from pathlib import Path

import pytest
from run_writer import write_run

from rast_eval.files import replace_file
from rast_eval.inputs import benchmarks
from rast_eval.results.reader import iter_samples, load_run
from rast_eval.results.token_rows import TokenRow, token_file
from rast_eval.view.data import Sources, Viewed
from rast_eval.view.server import ViewServer

ATTACK = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script></script>"
QUESTION = r"Solve $\frac{x}{2} = 3$ for $5 or $7. " + ATTACK
OUTPUT = f"{ATTACK} $\\href{{javascript:alert(1)}}{{x}}$ So it is \\boxed{{{{}}}}.\n\nQuestion: more 7"
YAML = "{name: own, kind: math, count: 12, scorer: simplerl, prompt: tiny, file: [own.jsonl], decoding: {n: 4}}"


def write_rows(folder: Path) -> dict[str, str]:
    """The benchmark `own`; the digests of its rows by id."""
    folder.mkdir()
    (folder / "own.yaml").write_text(YAML)
    rows = [{"id": str(i), "question": f"{i}: {QUESTION}", "answer": "42"} for i in range(12)]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {problem.id: problem.sha256 for problem in benchmarks.load(benchmarks.get("own", folder))}


@pytest.fixture(scope="session")
def run_and_rows(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("viewed")
    digests = write_rows(folder / "rows")
    facts = {"benchmark": "own", "problems": 12, "digests": digests, "stop": ["\n\nQuestion:"]}
    cells = [
        {"arm": "base", "accuracy": 0.3, "n": 1, "greedy": True, "output": "It is {}.", **facts},
        {"arm": "rast", "accuracy": 0.7, "n": 4, "truncated": 0.2, "extracted": 0.8, "output": OUTPUT, **facts,
         "graded_by": ["simplerl", "strict"], "disagree": 5},
        {"arm": "rl", "accuracy": 0.8, "n": 4, "output": OUTPUT, **facts},
    ]  # fmt: skip
    return with_tokens(write_run(folder / "run", cells)), folder / "rows"


def with_tokens(root: Path) -> Path:
    """What `analyze tokens` would leave for one sample: three tokens, the second flipped."""
    run = load_run(root)
    cell = run.cell("rast", "own")
    row = next(row for row in iter_samples(run, cell) if (row["problem_id"], row["sample"]) == ("7", 0))
    top = dict.fromkeys(("base", "expert", "antiexpert", "RAST"), (((1, 0.9), (2, 0.1)),) * 3)
    numbers, flips = (0.0, 1.5, 0.1), (False, True, False)
    texts = {1: ATTACK, 2: " b"}
    line = TokenRow("7", 0, row["output_sha256"], False, (1, 2, 1), top, *(numbers,) * 4, flips, texts).line()
    replace_file(token_file(root, cell), line)
    return root


@pytest.fixture(scope="session")
def shown(run_and_rows) -> Viewed:
    run, rows = run_and_rows
    return Viewed([run], Sources(include_path=rows))


@pytest.fixture(scope="session")
def server(shown):
    with ViewServer(shown, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()
