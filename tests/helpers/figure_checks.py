"""What every figure has to keep: readable inks, and no text outside of the picture or over another."""

from itertools import combinations

from matplotlib.colors import to_hex
from matplotlib.text import Text

from rast_eval.report.style import contrast

LEAST = 4.5


def texts(figure):
    """Texts inside the axes of a figure."""
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def hollow_marks(figure):
    """Places of the paper's marks."""
    rings = [line for ax in figure.axes for line in ax.lines if str(line.get_markerfacecolor()).lower() == "none"]
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in rings if line.get_path_effects()]


def shown(figure):
    """Every text that is drawn, ticks beyond the axes left out."""
    figure.canvas.draw()
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    clipped = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high or not ax.axison:
                    clipped |= {tick.label1, tick.label2}
    return [t for t in found if t not in clipped]


def behind(box, patches):
    """Colour that a text stands on: of the narrowest patch around its middle, white without one."""
    middle = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    around = [(extent.width, color) for extent, color in patches if extent.contains(*middle)]
    return min(around)[1] if around else "#ffffff"


def assert_readable(figure):
    """Contrast of every text, all texts within the figure, none over another."""
    boxes = [(text, text.get_window_extent()) for text in shown(figure)]
    filled = [p for ax in figure.axes for p in ax.patches if p.get_facecolor()[3] > 0.5]
    patches = [(p.get_window_extent(), to_hex(p.get_facecolor())) for p in filled]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        ratio = contrast(to_hex(text.get_color()), behind(box, patches))
        assert ratio >= LEAST, (text.get_text(), text.get_color(), ratio)
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, text.get_text()
    for (a, first), (b, second) in combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        along = min(first.y1, second.y1) - max(first.y0, second.y0)
        # boxes are a little higher than their letters
        assert across <= 1 or along <= 0.35 * min(first.height, second.height), (a.get_text(), b.get_text())
