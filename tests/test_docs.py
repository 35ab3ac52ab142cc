"""README and docs as their readers type them: commands run, or say what they need and are at least well formed.

A block without a mark is typed here, page by page in one folder. A mark stands on the line before its block:

    <!-- needs: a GPU -->             its flags are parsed, its make targets and scripts looked for
    <!-- typed by tests/test_x.py --> another test types it
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from rast_eval import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"(?:^<!-- (?P<mark>.*?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^(?:\$ )?(?:rast-eval|make|python|pip|uvx?|docker|lm_eval|inspect|lighteval) ", re.MULTILINE)
GOLDS = ["4", "6", "10", "2"]


class Block(NamedTuple):
    page: Path
    kind: str
    text: str
    mark: str


def blocks(page):
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        kind = found["kind"]
        if kind == "python" or (kind in ("", "sh", "bash") and TYPED.search(found["text"])):
            yield Block(page, kind, found["text"], found["mark"] or "")


BLOCKS = [block for page in PAGES for block in blocks(page)]
RUN = {
    page.relative_to(ROOT).as_posix(): [block for block in BLOCKS if block.page == page and not block.mark]
    for page in PAGES
}


def commands(text):
    """Each command of a block as its words, comments and line breaks gone."""
    for line in text.replace("\\\n", " ").splitlines():
        bare = re.split(r"\s{3,}(?=[a-zλ(0-9])", re.sub(r"\s#.*", "", line.removeprefix("$ ")))[0]
        if TYPED.match(f"{bare} "):
            yield shlex.split(re.split(r"\s*(?:[>|&;]|&&)\s*", bare)[0])


def check_form(words):
    """A command that cannot run here: its flags, its target, its script."""
    if words[0] == "rast-eval" and len(words) > 1 and words[1] not in ("serve", "--help"):
        command = cli._command(words[1])
        arguments = list(words[2:])
        if hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        command.make_context(words[1], arguments)
    elif words[0] == "make":
        text = "".join(path.read_text() for path in [ROOT / "Makefile", *ROOT.glob("*.mk")])
        targets = [word for word in words[1:] if "=" not in word]
        assert all(re.search(rf"\b{re.escape(target)}\b", text) for target in targets), words
    elif words[0] == "python" and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), words


def test_every_block_is_typed_or_says_why_not():
    for block in BLOCKS:
        known = re.fullmatch(r"needs: .+|typed by (tests/\S+\.py)", block.mark)
        assert not block.mark or known, (block.page.name, block.mark)
        assert not known or not known[1] or block.page.name in (ROOT / known[1]).read_text(), block.mark
    assert sum(map(len, RUN.values())) >= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_not_typed_is_well_formed(page):
    for block in BLOCKS:
        if block.page == page and block.mark.startswith("needs") and block.kind != "python":
            for words in commands(block.text):
                check_form(words)


def test_every_page_is_in_the_index_and_in_the_site():
    index, site = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/README.md", "mkdocs.yml"))
    for page in PAGES[1:]:
        assert page.name == "README.md" or f"]({page.name})" in index, page.name
        assert re.search(rf"[\[ ]{page.name}[,\]]", site), page.name
    for page in PAGES:
        for target in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


@pytest.fixture
def folder(tmp_path):
    """What the pages speak of: logs of others, rows of one's own."""
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"problem": f"What is {gold}?", "solution": rf"\boxed{{{gold}}}", "answer": gold} for gold in GOLDS]
    texts = [json.dumps({**row, "unique_id": str(n)}) for n, row in enumerate(rows)]
    (data / "math500.jsonl").write_text("\n".join(texts) + "\n")
    for arm in ("base", "rast"):
        (tmp_path / arm).mkdir()
        for n in range(2):
            outputs = [rf"\boxed{{{gold if arm == 'rast' or n else 0}}}" for gold in GOLDS]
            lines = [
                {"question": row["problem"], "model_output": output, "answer": row["answer"]}
                for row, output in zip(rows, outputs, strict=True)
            ]
            (tmp_path / arm / f"prediction-{n}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    logged = [{"doc_id": n, "doc": row, "target": row["answer"], "resps": [["4", "6"]]} for n, row in enumerate(rows)]
    name = "samples_gsm8k_2026-01-01T00-00-00.000000.jsonl"
    (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in logged))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name, found in RUN.items() if found])
def test_a_page_does_what_it_says(page, folder):
    pytest.importorskip("torch")
    # What a machine lacks is for doctor and a dry run to say, and no fault of the page.
    script = (
        'set -e\nrast-eval() { "$PYTHON" -m rast_eval "$@" || '
        'case "$? $*" in "1 doctor"* | [12]*--dry-run*) ;; *) return 1 ;; esac; }\n'
    )
    for number, block in enumerate(RUN[page]):
        if block.kind == "python":
            (folder / f"{number}.py").write_text(block.text, encoding="utf-8")
            script += f'"$PYTHON" {number}.py\n'
        else:
            script += block.text
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
        "RAST_EVAL_DATA": str(folder / "data"),
    }
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(["bash"], input=script, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
