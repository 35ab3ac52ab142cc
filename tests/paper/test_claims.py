"""The table of the paper's claims names every target and says one of three things of each line."""

from pathlib import Path

import pytest

from rast_eval.paper import prose, published, targets
from rast_eval.paper.contradictions import contradictions
from rast_eval.paper.released import FACTS

PAGE = Path(__file__).parents[2] / "docs/claims.md"
WORDS = {"agrees", "differs", "cannot be known"}


CONTRADICTED = {
    "95.3 in Table 1, 95.6": "95.6 and 83.2 against 95.3",
    "81.9 in Table 1, 83.2": "95.6 and 83.2 against 95.3",
    "33.1 % is no share of 675": "33.1 of 675",
    "62.9 % is no share of 500": "62.9 of 500",
    "multiples of 1/5,000": "24 of 26 values are multiples of 1/5,000",
    "7 of 24 points": "7 of 24 points",
    "91.9 is the RL ceiling": "91.9 is the RL ceiling",
    "26.9 on 32b, 37.0 on 14b, 45.0 on 7b": "26.9, 37.0, 45.0 on 32B, 14B, 7B",
    "5 to 13 points": "5 to 13 points",
    "† says": "A.2 says that (b)",
    "one base and one RL row": "compare arms under two prompts",
    "336 GB for three": "112 GB for one model, 336 for three",
    "160 GB on 4x80GB": "on 4x80GB within 32B + Δ14B",
    "0.127 nats": "0.127 nats",
}
"""What the audit says, and what the page says of it."""

PLACES = {
    "Tables 1, 2": ("§3.1", "A.2, Figure 7"),
    "Tables 1–3": ("§3.1",),
    "Table 2": ("§3.1", "Table 2"),
    "§4.2, coverage of RAST": ("§4.2",),
    "Models": ("§3.1",),
    "A.2, prompts": ("A.2, Figure 7",),
    "§3.1": ("–",),
}
"""Where the page speaks of a fact of the released code, if not under the fact's own name."""


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


def test_every_contradiction_of_the_audit_is_a_difference(rows):
    differing = [" ".join(row) for row in rows if row[3] == "differs"]
    for sentence in contradictions():
        told = [said for part, said in CONTRADICTED.items() if part in sentence]
        assert told, sentence
        assert any(said in row for said in told for row in differing), sentence


def test_what_the_released_code_does_otherwise_is_said_at_its_place(rows):
    for fact in FACTS:
        places = PLACES.get(fact.where, (fact.where,))
        said = [row for row in rows if row[0] in places and ("released" in row[4] or "script" in row[4])]
        assert said, fact.where


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
