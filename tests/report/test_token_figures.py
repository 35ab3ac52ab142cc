from figure_checks import assert_readable, texts

from rast_eval.report.token_figures import TokenText, largest_labels, token_figure

WORDS = [" First", " we", "\n", "check", " 37", " again"]
VALUES = [1.3, 0.1, 0.0, 0.9, 0.01, 1.2]


def test_every_token_is_kept_and_nothing_reaches_over_another():
    tokens, values = WORDS * 30, VALUES * 30
    figure = token_figure([TokenText("KL", tokens, values, largest_labels(values))], columns=40)
    shown = texts(figure)
    assert shown.count(" First") == shown.count("check") == 30
    assert "1.3" in shown
    assert all(t.get_position()[0] <= 40 for t in figure.axes[0].texts)
    assert_readable(figure)


def test_two_texts_stand_side_by_side():
    figure = token_figure(
        [TokenText("The base's output", WORDS * 9), TokenText("RAST's output", WORDS * 5, VALUES * 5)]
    )
    left, right = figure.axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["The base's output", "RAST's output"]
    assert left.get_position().x1 <= right.get_position().x0
    assert not left.patches
    assert_readable(figure)


def test_adjacent_tokens_that_differ_are_two_boxes():
    figure = token_figure([TokenText("t", ["ab", "cd", "e"], [1.0, 1.0, 0.0], ["other", "another", ""])])
    first, second = sorted(figure.axes[0].patches, key=lambda patch: patch.get_x())
    assert first.get_x() + first.get_width() < second.get_x()
    assert {"other", "another"} <= set(texts(figure))
    assert_readable(figure)


def test_labels_are_given_to_the_largest_only():
    values = [0.001] * 50 + [1.0, 0.5, 0.02]
    assert [label for label in largest_labels(values) if label] == ["1", "0.5"]
    assert largest_labels([]) == []
    assert largest_labels([0.0, 0.0]) == ["", ""]
