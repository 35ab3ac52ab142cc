"""One run of made-up outputs with its own benchmark, whose every text tries to run a script."""

import json
import threading
from pathlib import Path

import pytest
from run_writer import write_run

from rast_eval.inputs import benchmarks
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
    return write_run(folder / "run", cells), folder / "rows"


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
