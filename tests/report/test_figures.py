import itertools
import math

from rast_eval.report import figures
from rast_eval.report.figures import Dot, Panel, Series
from rast_eval.types import Arm


def drawn(figure):
    """Texts and hollow markers of a figure."""
    texts = [t.get_text() for ax in figure.axes for t in ax.texts]
    hollow = [line for ax in figure.axes for line in ax.lines if str(line.get_markerfacecolor()).lower() == "none"]
    return texts, hollow


def test_lines_are_named_at_their_ends_and_the_paper_is_hollow():
    series = [
        Series("base", Arm("base"), [1, 2, 4], [10, 20, 30], [5, 15, 25], [15, 25, 35], [(4, 33)]),
        Series("RAST", Arm("rast"), [1, 2, 4], [40, 50, math.nan]),
    ]
    figure = figures.line_panels([Panel("amc23", series), Panel("b", series)], "k", "pass@k, %", log2=True)
    texts, hollow = drawn(figure)
    assert texts.count("base") == texts.count("RAST") == 2
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in hollow] == [(4, 33)] * 2
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["1", "2", "4"]
    assert "paper" in figure.get_supxlabel()


def test_without_published_values_nothing_is_said_of_them():
    figure = figures.line_panels([Panel("a", [Series("RAST", Arm("rast"), [1], [2])])], "x", "y")
    assert drawn(figure)[1] == []
    assert figure.get_supxlabel() == ""


def test_labels_at_ends_do_not_overlap():
    kinds = [("a", "base"), ("b", "rast"), ("c", "rl")]
    series = [Series(name, Arm(kind), [1, 2], [50, 50 + i / 10]) for i, (name, kind) in enumerate(kinds)]
    figure = figures.line_panels([Panel("p", series)], "x", "y")
    heights = sorted(t.xy[1] for t in figure.axes[0].texts)
    low, high = figure.axes[0].get_ylim()
    assert heights[-1] <= high
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 0.08 * (high - low)


def test_every_style_differs_without_colour():
    for key in ("marker", "line", "color"):
        values = [getattr(style, key) for style in Arm.LOOKS.values()]
        assert len(set(values)) == len(values)


def test_dots_scatter_and_bars():
    dots = [Dot("base", Arm("base"), 95.0, 94.0, 96.0, 95.2), Dot("RAST", Arm("rast"), 96.0)]
    texts, hollow = drawn(figures.dots([("32b", dots)], "PCR, %"))
    assert {"95.00", "96.00"} <= set(texts)
    assert len(hollow) == 1
    points = [Dot("m + Δs", Arm("rast"), 80.0, 70.0, 90.0, 81.0, 0.5, 0.52), Dot("l + Δs", Arm("rast"), math.nan)]
    texts, hollow = drawn(figures.scatter([("cosine", points), ("weighted", points[1:])], "RR"))
    assert texts == ["m + Δs", "paper"]
    assert len(hollow) == 1
    texts, _ = drawn(figures.bars([("branching", dots), ("backtracking", dots)], "an output"))
    assert texts == ["base\n95", "RAST\n96"] * 2


def test_token_heat_keeps_every_token():
    tokens, values = [" First", " we", "\n", "have", " 37"] * 30, [1.3, 0.1, 0.0, 0.2, 0.01] * 30
    figure = figures.token_heat(tokens, values, "KL", "nats", columns=40)
    shown = [t.get_text() for t in figure.axes[0].texts]
    assert sum(text == " First" for text in shown) == 30
    assert "1.3" in shown
    assert all(t.get_position()[0] <= 40 for t in figure.axes[0].texts)


def test_files_are_written_alike_twice(tmp_path):
    def once(name):
        return figures.save(figures.dots([("m", [Dot("base", Arm("base"), 1.0)])], "x"), tmp_path / name)

    first, second = once("a"), once("b")
    assert [file.suffix for file in first] == [".png", ".pdf"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
