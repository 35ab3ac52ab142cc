import math

import pytest
from figure_checks import assert_readable, hollow_marks, texts

from rast_eval.report import figures
from rast_eval.report.figures import Panel, Series, estimated
from rast_eval.statistics import Estimate
from rast_eval.types import Arm

BASE, RAST, RL = Arm("base@sampled"), Arm("rast"), Arm("rl")


def test_lines_are_named_at_their_ends_and_the_paper_is_hollow():
    series = [
        Series("base", BASE, [1, 2, 4], [10, 20, 30], [5, 15, 25], [15, 25, 35], [(4, 33)]),
        Series("RAST", RAST, [1, 2, 4], [40, 50, math.nan]),
    ]
    figure = figures.line_panels([Panel("AMC 2023", series), Panel("b", series)], "k", "pass@k, %", log2=True)
    assert texts(figure).count("base") == texts(figure).count("RAST") == 2
    assert hollow_marks(figure) == [(4, 33)] * 2
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["1", "2", "4"]
    assert "paper" in figure.get_supxlabel()
    assert_readable(figure)


def test_the_papers_marks_stand_over_ours_and_apart_from_one_another():
    """At one k three arms nearly coincide, in the paper and here."""
    series = [Series(arm.label, arm, [4, 8], [50, 60], paper=[(4, 50.2)]) for arm in (BASE, RAST, RL)]
    figure = figures.line_panels([Panel("p", series)], "k", "y", log2=True)
    places = sorted(x for x, _ in hollow_marks(figure))
    assert places[0] < places[1] == 4 < places[2]
    rings = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
    others = [line for line in figure.axes[0].lines if line not in rings]
    assert min(ring.get_zorder() for ring in rings) > max(line.get_zorder() for line in others)
    assert all(ring.get_path_effects() for ring in rings)


def test_without_published_values_nothing_is_said_of_them():
    figure = figures.line_panels([Panel("a", [Series("RAST", RAST, [1], [2])])], "x", "y")
    assert hollow_marks(figure) == []
    assert figure.get_supxlabel() == ""


@pytest.mark.parametrize("ends", [(50, 50.1, 50.2), (100, 100, 100), (0, 0, 0), (0, 50, 100)])
def test_labels_at_ends_lie_within_the_axes_and_do_not_overlap(ends):
    series = [
        estimated(arm.label, arm, [(1, Estimate(0.5, 0.2, 0.8, 0.1, "t")), (2, Estimate(e / 100, 0.0, 1.0, 0.1, "t"))])
        for arm, e in zip((BASE, RAST, RL), ends, strict=True)
    ]
    figure = figures.line_panels([Panel("p", series)], "x", "y")
    low, high = figure.axes[0].get_ylim()
    assert low > -5
    assert high < 105
    heights = [t.xy[1] for t in figure.axes[0].texts]
    assert low <= min(heights)
    assert max(heights) <= high
    assert max(figure.axes[0].get_yticks()) <= 100
    assert_readable(figure)


def test_an_interval_is_cut_at_what_a_share_can_be():
    series = estimated("RAST", RAST, [(1, Estimate(0.98, 0.95, 1.01, 0.02, "t"))], spread=[0.01])
    assert (list(series.low), list(series.high), list(series.spread)) == ([95.0], [100.0], [1.0])


def sweep(values, spread, axis):
    x = [0.5 * (i + 1) for i in range(len(values))]
    low, high = [v - 3 for v in values], [v + 3 for v in values]
    return Panel(axis, [Series("RAST", RAST, x, values, low, high, [(0.5, 71)], spread)], xlabel=axis)


def test_a_sweep_shows_spread_peak_and_differences_on_one_scale():
    panels = [sweep([60, 75, 70], [1, 2, 0.5], "λ"), sweep([79, 80, 60], [1, 1, 1], "temperature τ")]
    lower = [sweep([-15, 0, -5], (), "λ"), sweep([1, 0, -19], (), "temperature τ")]
    figure = figures.sweep_figure(panels, "tiny-arith (generated word problems), Avg. in %", lower)
    assert len(figure.axes) == 4
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[2].get_ylim() == figure.axes[3].get_ylim()
    stars = [line for ax in figure.axes for line in ax.lines if line.get_marker() == "*"]
    assert [(s.get_xdata()[0], s.get_ydata()[0]) for s in stars] == [(1.0, 75), (1.0, 80)]
    sizes = figure.axes[0].collections[-1].get_sizes()
    assert sizes.argmax() == 1
    assert texts(figure).count("default") == 2
    assert "spread" in figure.get_supxlabel()
    assert_readable(figure)


def test_a_sweep_of_several_lines_names_them():
    lines = [Series(f"T = {t}", RAST, [0.5, 1.0], [50 + t, 60 + t]) for t in (1, 2)]
    figure = figures.sweep_figure([Panel("math", lines, xlabel="λ")], "Avg.")
    assert {"T = 1", "T = 2"} <= set(texts(figure))
    assert not any(line.get_marker() == "*" for line in figure.axes[0].lines)
    assert_readable(figure)


def test_files_are_written_alike_twice_and_marked_where_asked(tmp_path):
    def once(name, mark=""):
        panel = Panel("a", [Series("RAST", RAST, [1, 2], [2, 3])])
        return figures.save(figures.line_panels([panel], "x", "y"), tmp_path / name, mark)

    first, second, marked = once("a"), once("b"), once("c", "SIMULATED: by nobody")
    assert [file.suffix for file in first] == [".png", ".pdf"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert marked[0].read_bytes() != first[0].read_bytes()
