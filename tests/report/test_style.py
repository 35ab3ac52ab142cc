import re
from pathlib import Path

import pytest

from rast_eval.report import page, style
from rast_eval.types import Arm

LEAST = 4.5


def test_contrast_is_that_of_the_standard():
    assert style.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert style.contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert style.contrast("#E69F00", "#FFFFFF") == pytest.approx(2.25, abs=0.01)


@pytest.mark.parametrize("ink", [*(look.ink for look in Arm.LOOKS.values()), style.INK, style.SOFT_INK])
def test_every_ink_can_be_read_on_white(ink):
    assert style.contrast(ink, "#FFFFFF") >= LEAST


def test_an_ink_is_its_arms_colour_darkened():
    for look in Arm.LOOKS.values():
        color, ink = ([int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shade in (look.color, look.ink))
        assert color.index(max(color)) == ink.index(max(ink))
        assert style.luminance(look.ink) <= style.luminance(look.color)


def test_every_style_differs_without_colour():
    for key in ("marker", "line", "color", "hatch", "ink"):
        values = [getattr(look, key) for look in Arm.LOOKS.values()]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("value", [i / 40 for i in range(41)])
def test_a_shaded_token_can_be_read(value):
    background = style.shade(value, 1.0)
    assert style.contrast(style.ink_on(background), background) >= LEAST
    assert style.shade(0.0, 0.0) == "#FFFFFF"


def test_every_colour_of_text_on_a_page_can_be_read_by_day_and_by_night():
    css = Path(page.__file__).with_name("page.css").read_text()
    found = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", css)}
    full = {
        name: ["#" + "".join(2 * digit for digit in c[1:]) if len(c) == 4 else c for c in pair]
        for name, pair in found.items()
    }
    named = set(re.findall(r"(?<![-\w])color: var\(--(\w+)\)", css))
    assert {"ink", "soft", "link"} <= named <= set(full)
    for name in named:
        for text, ground in zip(full[name], full["page"], strict=True):
            assert style.contrast(text, ground) >= LEAST, name


@pytest.mark.parametrize(
    ("wanted", "places"),
    [([1, 1, 1], [1, 2, 3]), ([9, 9, 9], [8, 9, 10]), ([0, 5, 10], [0, 5, 10]), ([-4], [0]), ([], [])],
)
def test_labels_are_spread_out_within_their_room(wanted, places):
    assert style.spread_out(wanted, 1, 0, 10) == places


def test_more_labels_than_room_stand_at_equal_distances():
    assert style.spread_out([5, 5, 5], 9, 0, 10) == [0, 5, 10]
