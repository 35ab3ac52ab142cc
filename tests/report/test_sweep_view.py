import math

import pytest
from run_writer import write_run

from rast_eval.report import sweep_view
from rast_eval.report.comparison import p_shown, signed
from rast_eval.report.table import percent, score
from rast_eval.results.sweeps import Setting, evaluate_sweep


@pytest.fixture
def sweep(tmp_path):
    def make(settings, benchmarks=("math500",)):
        cells = [{"arm": "rast", "benchmark": b, "accuracy": 0.5, "problems": 30, "n": 4} for b in benchmarks]
        return evaluate_sweep(
            {Setting(*pair): write_run(tmp_path / str(i), cells, seed=i) for i, pair in enumerate(settings)}
        )

    return make


def test_a_row_a_point_and_what_choosing_costs(sweep):
    found = sweep([(0.5, None), (1.0, None), (1.5, None)])
    points, choices = sweep_view.tables("s: rast", found)
    assert points.title == "s: rast, benchmark math500, outputs 30 × 4"
    assert points.header == ("λ", "T", "Avg.", "± sd", "over λ = 1", "p Holm")
    assert points.keys == 2
    for row, point in zip(points.rows, found.points, strict=True):
        assert row[:4] == (f"{point.weight:g}", "–", score(point.accuracy), percent(point.deviation))
    assert points.rows[1][4:] == ("–", "–")
    assert points.rows[0][4:] == (signed(found.points[0].gain.difference), p_shown(found.points[0].gain.holm))
    (row,), (choice,) = choices.rows, found.choices
    assert row == (
        "math500",
        f"{choice.weight:g}",
        "–",
        "3",
        score(choice.choice.naive),
        score(choice.choice.honest),
        f"{100 * choice.choice.optimism:+.1f}",
    )
    assert "too high because it was chosen" in choices.note


def test_a_sweep_without_the_default_says_what_it_lacks(sweep):
    points, _ = sweep_view.tables("s: rast", sweep([(0.5, None), (1.5, None)]))
    assert "p Holm" not in points.header
    assert sweep_view.NO_REFERENCE in points.note
    heat, _ = sweep_view.tables("s: rast", sweep([(None, 0.5), (None, 1.0)]))
    assert sweep_view.NO_REFERENCE not in heat.note


@pytest.mark.parametrize(
    ("settings", "axis", "labels"),
    [
        ([(0.5, None), (1.0, None)], "λ", ["default"]),
        ([(0.5, 1.0), (1.0, 1.0), (0.5, 0.3), (1.0, 0.3)], "λ", ["default", "T = 0.3", "T = 1"]),
        ([(None, 0.5), (None, 1.0)], "temperature", []),
    ],
)
def test_the_picture_is_figure_6s(sweep, tmp_path, monkeypatch, settings, axis, labels):
    drawn = []
    save = sweep_view.figures.save
    monkeypatch.setattr(sweep_view.figures, "save", lambda figure, stem: drawn.append(figure) or save(figure, stem))
    found = sweep(settings, ("math500", "amc23"))
    file = sweep_view.draw(found, tmp_path / "sweep")
    assert file == tmp_path / "sweep.png"
    assert file.read_bytes()[:4] == b"\x89PNG"
    (figure,) = drawn
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in panels] == ["math500", "amc23"]
    assert {ax.get_xlabel() for ax in panels} == {axis}
    assert sorted(text.get_text() for text in panels[0].texts) == sorted(labels)
    values = sorted(y for line in panels[0].lines for y in line.get_ydata() if line.get_marker() == "o")
    means = sorted(100 * point.accuracy.value for point in found.points if point.benchmark == "math500")
    assert all(math.isclose(a, b) for a, b in zip(values, means, strict=True))
