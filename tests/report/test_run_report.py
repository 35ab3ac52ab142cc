import csv
import io
import itertools
import re
from dataclasses import replace
from html import escape

import pytest
from rich.console import Console
from run_writer import write_run

from rast_eval.report import run_report, run_tables, table, wording
from rast_eval.results.metrics import evaluate_run

TRIO = [("base", 0.35), ("rast", 0.8), ("rl", 0.9)]


def cells(benchmark, n=4, problems=30):
    return [{"arm": a, "benchmark": benchmark, "accuracy": x, "problems": problems, "n": n} for a, x in TRIO]


@pytest.fixture
def one(tmp_path):
    return evaluate_run(write_run(tmp_path / "demo", cells("tiny-arith")))


@pytest.fixture
def many(tmp_path):
    benchmarks = ("math500", "aime24", "amc23", "minerva", "olympiadbench", "gsm8k")
    return evaluate_run(write_run(tmp_path / "big", [c for b in benchmarks for c in cells(b)]))


def terminal(metrics, width):
    console = Console(width=width, record=True, file=io.StringIO())
    run_report.render_terminal(metrics, console)
    return console.export_text()


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_output_fits_and_loses_no_figure(one, many, width):
    for metrics in (one, many):
        main = run_report.main_table(metrics)
        form = main if table.fits(main, Console(width=width)) else run_tables.list_table(metrics)
        tables = [form, *run_tables.detail_tables(metrics)]
        text = terminal(metrics, width)
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        flat = " ".join(text.split())
        for shown in tables:
            values = [value for row in shown.rows for cell in row[shown.keys :] for value in cell.split("\n")]
            assert len(values) > 3
            assert all(value in text for value in values)
        assert "RR. = recovery rate" in flat


def test_terminal_says_what_happened(one):
    flat = " ".join(terminal(one, 100).split())
    rast = one.cell("rast", "tiny-arith")
    assert "RAST takes the base from" in flat
    assert f"{table.rate(rast.recovery)} % of the way to the RL ceiling's" in flat
    assert "demo: tiny-arith, 30 problems × 4 samples" in flat


def test_wide_terminals_get_the_papers_form(many):
    header = next(line for line in terminal(many, 200).splitlines() if "math500" in line)
    assert header.split() == [*many.benchmarks, "average"]


def test_markdown_tables_are_well_formed(many):
    lines = run_report.to_markdown(many).splitlines()
    assert lines[0] == "# big: 6 benchmarks"
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    assert len(rows) == 2 + len(many.arms)
    assert {row.count("|") for row in rows} == {len(many.benchmarks) + 3}


def test_markdown_and_html_hold_the_same_blocks(one, tmp_path):
    run_report.write_report(one, tmp_path)
    markdown, html = ((tmp_path / f"report.{kind}").read_text() for kind in ("md", "html"))
    assert markdown == run_report.to_markdown(one)
    tables = [block for block in run_report.blocks(one) if isinstance(block, table.Table)]
    assert [t.title for t in tables] == [
        "",  # the page's own
        "RAST against the other arms, outputs 30 × 4",
        "pass@k and majority@k",
        "Shares in percent, outputs 30 × 4",
    ]
    for shown in tables:
        for text in (shown.title, *(cell for row in shown.rows for cell in row)):
            assert table.markdown(text).replace("\n", "<br>") in markdown
            assert escape(text) in html
    title = "demo: tiny-arith, 30 problems × 4 samples"
    assert [text.count(title) for text in (markdown, html.replace(f"<title>{title}</title>", ""))] == [1, 1]


def test_html_has_the_figures_and_leads_to_the_samples(one, tmp_path):
    run_report.write_report(one, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert text.count("data:image/png;base64,") == 2
    assert (tmp_path / "figures/pass_at_k.png").is_file()
    addresses = re.findall(r'href="http://127.0.0.1:8421/#b=tiny-arith&amp;f=(.*?)"', text)
    assert {"rast%3Ark", "base%3Ark", "rl%3Ack"} <= set(addresses)


def test_latex_and_csv_hold_what_the_terminal_shows(one, many):
    for metrics in (replace(one, warnings=("30 % of it is missing.",)), many):
        text = run_report.to_latex(metrics)
        assert table.latex(wording.headline(metrics)) in text
        assert re.findall("% Warning: (.*)", text) == list(metrics.warnings)
        for shown in (run_tables.paper_table(metrics), *run_tables.detail_tables(metrics)):
            for cell in (shown.title, *(cell for row in shown.rows for cell in row)):
                assert table.latex(cell) in text
        frame = list(csv.DictReader(io.StringIO(run_report.to_csv([metrics]))))
        assert [row["note"] for row in frame if row["metric"] == "warning"] == list(metrics.warnings)
        keys = ("value", "low", "high", "seeds_low", "seeds_high", "p_value", "p_holm", "detectable")
        numbers = [scale * float(row[key]) for row in frame for key in keys for scale in (1, 100) if row[key]]
        for shown in (run_tables.list_table(metrics), *run_tables.detail_tables(metrics)):
            for cell in (cell for row in shown.rows for cell in row[shown.keys :]):
                for value in re.findall(r"[-+]?\d+\.\d+", re.sub("± .*", "", cell)):
                    assert any(abs(float(value) - number) < 0.051 for number in numbers), cell
        assert {row["problems"] for row in frame if row["system"]} == {"30"}
        assert {row["samples"] for row in frame if row["system"]} == {"4"}


def test_several_runs_in_one_table(one, many):
    shown = run_tables.runs_table({"demo": one, "big": many})
    assert len(shown.rows) == len(one.cells) + len(many.cells)
    assert shown.rows[1][:4] == ("tiny-arith", "demo", "RAST", "30 × 4")
    assert shown.rows[1][4] == table.score(one.cell("rast", "tiny-arith").accuracy)


def test_latex_has_two_columns_a_benchmark(many):
    text = table.latex_table(run_tables.paper_table(many))
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "&" in line]
    assert rows[0].count(r"\multicolumn{2}{c}") == len(many.benchmarks)
    assert {line.count("&") for line in rows[1:]} == {2 * len(many.benchmarks)}
    assert rows[1].startswith("Arm & Avg. & RR. & Avg.")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    rast = many.cell("rast", "math500")
    assert table.latex(f"{table.score(rast.accuracy)} & {table.rate(rast.recovery)}").replace(r"\&", "&") in text


def test_csv_is_tidy(one):
    rows = list(csv.DictReader(io.StringIO(run_report.to_csv([one]))))
    rast = one.cell("rast", "tiny-arith")
    figures = {(r["arm"], r["metric"], r["k"]): r["value"] for r in rows}
    assert float(figures["rast", "accuracy", ""]) == rast.accuracy.value
    assert float(figures["rast", "pass", "4"]) == rast.pass_at[4].value
    assert float(figures["rast", "recovery", ""]) == rast.recovery.value
    assert len(figures) == len(rows)


def test_greedy_runs_have_no_subset_table(tmp_path):
    metrics = evaluate_run(write_run(tmp_path / "greedy", cells("tiny-arith", n=1)))
    assert run_tables.subset_table(metrics) is None
    assert "majority@" not in terminal(metrics, 80)


def test_scorers_side_by_side(tmp_path):
    both = [{**c, "graded_by": ["simplerl", "strict"]} for c in cells("math500")]
    path = write_run(tmp_path / "r", both)
    table = run_tables.scorers_table(evaluate_run(path, "simplerl"), evaluate_run(path, "strict"))
    assert [row[:2] for row in table.rows] == [("math500", "base"), ("math500", "RAST"), ("math500", "RL ceiling")]
    assert {row[4] for row in table.rows} == {"+0.0"}
