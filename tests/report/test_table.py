"""How a table is drawn: nothing is cut at any width, and no text steers what draws it."""

import csv
import io

import pytest
from rich.console import Console

from rast_eval.report.table import Table, csv_table, fits, latex, latex_table, markdown, markdown_table, render_table

FIGURES = ["12.5 ± 1.4"] * 6

WIDE = Table(
    "Wide",
    ("benchmark name", "arm", "one\nAvg.", "one\nRR.", *(f"k={2**i}" for i in range(6))),
    (
        ("olympiadbench with tools", "RAST\n32b + Δ14b", "85.2 ± 2.8\nseeds ± 0.9", "95.9 [90.4, 101.7]", *FIGURES),
        ("amc23", "base", "–", "–", *["7.0"] * 6),
    ),
    "What it means.",
    keys=2,
)  # fmt: skip


def drawn(table, width):
    console = Console(width=width, record=True, file=io.StringIO())
    render_table(table, console)
    return console.export_text(), console


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 300])
def test_no_width_loses_a_value(width):
    text, _ = drawn(WIDE, width)
    assert max(map(len, text.splitlines())) <= width
    squeezed = "".join(text.split())
    for row in (WIDE.header, *WIDE.rows):
        for value in row[WIDE.keys :]:
            assert all("".join(line.split()) in squeezed for line in value.split("\n"))
    assert squeezed.count("12.5±1.4") == 6


def test_a_table_that_fits_is_drawn_whole_and_its_keys_give_way_first():
    text, console = drawn(WIDE, 300)
    assert fits(WIDE, console)
    assert text.count("benchmark name") == 1
    least = max(map(len, (line.rstrip() for line in text.splitlines())))
    assert drawn(WIDE, least + 1)[0].count("k=32") == 1
    narrower = drawn(WIDE, least - 4)[0]
    assert narrower.count("arm") == 1, "the keys wrap, and the table stays in one part"
    assert drawn(WIDE, 80)[0].count("arm") > 1, "in parts, each with its keys"


def test_specials_are_escaped():
    hostile = Table(
        "*bold* | <b>", ("=1+1", "v"), (("[x](http://e)", "-0.5"), ("\x1b[31mred", "@SUM(A1)"), ("a_b & 5 % {x}", "+3"))
    )
    rows = list(csv.reader(io.StringIO(csv_table(hostile))))
    assert rows[0] == ["'=1+1", "v"]
    assert [row[1] for row in rows[1:]] == ["-0.5", "'@SUM(A1)", "+3"]
    assert markdown(hostile.title) == r"\*bold\* \| \<b>"
    assert r"[x\](http://e)" in markdown_table(hostile)
    assert r"a\_b \& 5 \% \{x\}" in latex_table(hostile)
    assert latex("\\ ~^ Δ") == r"\textbackslash{} \textasciitilde{}\textasciicircum{} $\Delta$"
    for text in (drawn(hostile, 80)[0], markdown_table(hostile), csv_table(hostile), latex_table(hostile)):
        assert "\x1b" not in text
