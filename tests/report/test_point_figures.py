import math

from figure_checks import assert_readable, hollow_marks, texts

from rast_eval.report import point_figures
from rast_eval.report.point_figures import Dot
from rast_eval.types import Arm

ARMS = [Arm("base"), Arm("rast"), Arm("rl")]
BENCHMARKS = ["MATH-500", "AIME 2024", "AMC 2023", "Minerva Math", "OlympiadBench", "GSM8K"]


def test_dots_write_their_value_above_and_the_papers_hollow():
    rows = [Dot("base", Arm("base"), 95.0, 94.0, 96.0, 95.2), Dot("RAST", Arm("rast"), 100.0, 99.0, 100.0)]
    figure = point_figures.dots([("32b", rows), ("14b", rows)], "PCR, %", (90, 100))
    assert texts(figure).count("95.00") == texts(figure).count("100.00") == 2
    assert hollow_marks(figure) == [(95.2, 0), (95.2, 2)]
    assert figure.axes[0].get_xlim() == (90, 100)
    assert_readable(figure)


def test_points_are_named_where_there_is_room():
    points = [
        Dot("32b + Δ14b", Arm("rast"), 95, 90, 99, 95.6, 0.74, 0.715),
        Dot("32b + Δ7b", Arm("rast"), 82, 78, 86, 83.2, 0.55, 0.517),
        Dot("14b + Δ7b", Arm("rast"), 82.5, 70, 95, 94.4, 0.551, 0.528),
        Dot("nowhere", Arm("rast"), math.nan),
        Dot("paper's own", Arm("rast"), math.nan, paper=60, paper_x=0.7),
    ]
    figure = point_figures.scatter([("cosine", points), ("weighted", points[:3])], "RR")
    assert sorted(texts(figure)) == sorted(
        [p.label for p in points if p.label != "nowhere"] + [p.label for p in points[:3]]
    )
    assert len(hollow_marks(figure)) == 7
    assert_readable(figure)
    for ax in figure.axes:
        outer = ax.get_window_extent()
        for label in ax.texts:
            box = label.get_window_extent()
            assert min(box.x0 - outer.x0, outer.x1 - box.x1) >= 0, label.get_text()


def bar_groups(names):
    return [(name, [Dot(arm.label, arm, 0.4 + i, 0.3 + i, 0.6 + i) for i, arm in enumerate(ARMS)]) for name in names]


def test_bars_are_a_panel_a_measure_a_group_a_benchmark_and_a_bar_an_arm():
    panels = [(name, bar_groups(BENCHMARKS)) for name in ("branching", "backtracking", "self-verification")]
    figure = point_figures.bars(panels, "an output")
    assert [len(ax.patches) for ax in figure.axes] == [18, 18, 18]
    assert [t.get_text() for t in figure.axes[2].get_xticklabels()] == BENCHMARKS
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["base", "RAST", "RL ceiling"]
    assert texts(figure)[:3] == ["0.40", "1.4", "2.4"]
    assert_readable(figure)
    assert_readable(point_figures.bars([(name, bar_groups(BENCHMARKS[:1])) for name, _ in panels], "an output"))


def test_words_stand_in_rows():
    rows = {word: [Dot(arm.label, arm, 0.1 * i) for i, arm in enumerate(ARMS)] for word in ("check", "verify", "test")}
    figure = point_figures.words([("self-verification", rows), ("branching", {})], "an output")
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["check", "verify", "test"]
    assert len(figure.axes[0].lines) == 9
    assert texts(figure) == ["no word of this list occurs"]
    assert_readable(figure)
