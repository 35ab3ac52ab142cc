"""docs/run-format.md shows what a run writes: the same fields, digests that hold."""

import json
import re
from pathlib import Path

import pytest
from own_runs import run, write_benchmark

from rast_eval.results.digests import belongs
from rast_eval.results.lines import read_grade, read_sample
from rast_eval.runs.plan import request_seed
from rast_eval.types import Cell

PAGE = (Path(__file__).parents[2] / "docs" / "run-format.md").read_text()
SAMPLE, GRADE, MANIFEST = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("format")
    run(folder / "run", write_benchmark(folder / "own"))
    return folder / "run"


def first(path):
    return json.loads(path.read_text().splitlines()[0])


def test_lines_have_the_fields_of_the_page_in_their_order(written):
    assert list(first(written / "samples/base/sums.jsonl")) == list(SAMPLE)
    assert list(first(written / "grades/base/sums.simplerl.jsonl")) == list(GRADE)
    for name in (*SAMPLE, *GRADE):
        assert re.search(rf"^\| .*\b{name}\b.* \|", PAGE, re.MULTILINE), name


def test_the_rows_of_the_page_hold(written):
    assert read_sample(json.dumps(SAMPLE).encode() + b"\n") == SAMPLE
    assert belongs(read_grade(json.dumps(GRADE).encode() + b"\n"), SAMPLE["output_sha256"], "simplerl")
    assert SAMPLE["seed"] == request_seed(0, SAMPLE["benchmark"], SAMPLE["problem_id"], SAMPLE["sample"])


def test_the_manifest_has_the_fields_of_the_page(written):
    manifest = json.loads((written / "manifest.json").read_text())
    assert list(manifest) == list(MANIFEST)
    assert list(manifest["sessions"][0]) == list(MANIFEST["sessions"][0])
    assert list(manifest["sessions"][0]["hardware"]) == list(MANIFEST["sessions"][0]["hardware"])
    assert list(manifest["benchmarks"]["sums"]) == list(MANIFEST["benchmarks"]["tiny-arith"])
    assert list(manifest["prompts"]["tiny"]) == list(MANIFEST["prompts"]["tiny"])
    (cell,) = MANIFEST["cells"]
    assert json.loads(json.dumps(Cell.from_json(cell).to_json())) == cell
