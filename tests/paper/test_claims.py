"""The table of the paper's claims names every target and says one of three things of each line."""

from pathlib import Path

import pytest

from rast_eval.paper import prose, published, targets

PAGE = Path(__file__).parents[2] / "docs/claims.md"
WORDS = {"agrees", "differs", "cannot be known"}


@pytest.fixture(scope="module")
def rows():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("where", "---")]


def test_every_line_says_one_of_three_things(rows):
    assert len(rows) > 50
    assert {row[3] for row in rows} == WORDS
    assert [row for row in rows if len(row) != 5] == []
    assert [row[0] for row in rows if row[3] == "differs" and not row[4]] == []


def test_every_target_has_its_line(rows):
    named = " ".join(row[2] for row in rows)
    assert [name for name in targets.TARGETS if f"`{name}`" not in named and name != "table5"] == []
    assert any("table5" in row[4] for row in rows)


def test_every_file_that_is_named_exists(rows):
    root = PAGE.parent.parent
    files = {word.strip("`,") for row in rows for word in row[2].split() if "/" in word and "*" not in word}
    kept = [name for name in files if not ((root / name).exists() or (root / "rast_eval" / name).exists()
                                            or (root / "prompts" / name).exists())]  # fmt: skip
    assert kept == []


def test_the_counts_are_those_of_the_printed_numbers():
    text = PAGE.read_text(encoding="utf-8")
    rast = [s for s in published.table1() if s.system == "rast"]
    above = sum(s.average.value > published.score("base", s.base, s.benchmark).average.value for s in rast)
    beyond = sum(s.average.value > published.score("rl", s.base, s.benchmark).average.value for s in rast)
    assert f"{above} of {len(rast)} cells of Table 1" in text
    assert f"{beyond} of {len(rast)} cells: " in text
    saved = [round(100 * (1 - m.rast_gb.value / m.rl_gb.value)) for m in published.table4()]
    assert "{}, {} and {} % by Table 4".format(*saved) in text
    last = [p for p in published.figure3() if p.k == 32]
    assert (
        f"above RL in {sum(p.rast > p.rl for p in last)} benchmarks, equal in {sum(p.rast == p.rl for p in last)}"
        in text
    )
    for base in ("7b", "14b", "32b"):
        assert f"{prose.COVERAGE[base, 'base']:.2f}" in text
