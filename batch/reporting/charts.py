"""The report's charts, as inline SVG. The only door to pygal.

pygal was chosen over Altair with vl-convert: with what they need, 2 MB to install against more than
100, a chart of 3 to 13 kB in 6 to 15 ms, and an SVG whose parts have names, so that the page's own
style can colour it, also in the dark and on paper. Its scripts, styles and hints are taken out:
the page is to have no script, and each chart has its numbers as text beside it.
"""

import re
import sys
from collections.abc import Sequence
from xml.etree.ElementTree import Element, tostring

import pygal
from markupsafe import Markup
from pygal.style import Style

from batch.reporting.overtime import Overtime

# pygal puts a finder for plug-ins of its own among Python's, in a form that Python warns of at
# every import after it.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
]

WIDE, NARROW = (760, 250), (360, 230)  # the page's column on a screen or on paper, and on a phone
_PARTS_LEFT_OUT = ("defs", "title", "desc")
_OVERLAYS = ("overlay", "titles")
_LABEL_PX = 12
MARK_SHARE = 0.05  # of the chart's height
_STEPS = (1, 2, 5)
_MOST_NARROW_LABELS = 6
_CLOCK_STEPS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    21600,
    43200,
    86400,
)
_LONG_NUMBER = re.compile(r"(?<!\d)(\d++\.\d)\d+")


def pace_chart(overtime: Overtime, *, size: tuple[int, int], scale: int = 1) -> Markup:
    """Leads over time, with hold-backs and refusals. scale: 1 for a second, 60 for a minute.

    Series 0 are the hold-backs, as bands behind the bars; 1 the leads. 2 marks, below the axis,
    where there were refusals: one among hundreds must be seen, too, so a mark tells no number.
    """
    bars = overtime.bars
    top = max(bar.leads_per_s for bar in bars) * scale
    ticks = nice_ticks(top, at_most=4)
    chart = _chart(pygal.Histogram, size)
    chart.y_labels = ticks
    chart.value_formatter = _number
    chart.x_labels = clock_ticks(overtime.length_s, at_most=7 if size[0] > NARROW[0] else 4)
    chart.x_value_formatter = clock
    chart.range = (-MARK_SHARE * ticks[-1], ticks[-1])
    chart.add("held back", [(ticks[-1], *hold) for hold in overtime.holds])
    chart.add(
        "leads", [(bar.leads_per_s * scale, bar.start_s, bar.end_s) for bar in bars if bar.leads]
    )
    chart.add(
        "refused",
        [(-MARK_SHARE * ticks[-1], bar.start_s, bar.end_s) for bar in bars if bar.refused],
    )
    # An invisible one, so that the axis is as long as the run.
    chart.add("", [(0, 0, overtime.length_s)])
    return _svg(chart)


def latency_chart(bins: Sequence[tuple[str, int]], *, size: tuple[int, int]) -> Markup:
    """How many leads took how long. bins: each with its label, in order."""
    ticks = nice_ticks(max(n for _, n in bins), at_most=4, whole=True)
    chart = _chart(pygal.Bar, size)
    chart.y_labels = ticks
    chart.range = (0, ticks[-1])
    chart.value_formatter = _number
    chart.x_labels = [label for label, _ in bins]
    if size[0] <= NARROW[0] and len(bins) > _MOST_NARROW_LABELS:
        chart.x_labels_major_every = 2
        chart.show_minor_x_labels = False
    chart.add("leads", [n for _, n in bins])
    return _svg(chart)


def nice_ticks(top: float, *, at_most: int, whole: bool = False) -> list[float]:
    """Round numbers from 0 to one that is not below `top`: as few as `at_most` steps."""
    step, power = 1.0, -2.0
    while True:
        for each in _STEPS:
            step = each * 10**power
            if step * at_most >= top and (step >= 1 or not whole):
                count = 1
                while step * count < top:
                    count += 1
                return [round(step * n, 6) for n in range(count + 1)]
        power += 1


def clock_ticks(length_s: float, *, at_most: int) -> list[float]:
    """Round times from 0, as many as fit."""
    step = next((s for s in _CLOCK_STEPS_S if length_s / s <= at_most), None)
    if step is None:
        step = 86400 * (int(length_s / 86400 / at_most) + 1)
    return [float(n * step) for n in range(int(length_s / step) + 1)]


def clock(seconds: float) -> str:
    """A time since the beginning, as "45 s", "5 min", "1:30 h" or "2 d 6 h"."""
    if seconds < 120 and (seconds % 60 or not seconds):
        return f"{seconds:g} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if rest_s:
        return f"{minutes}:{rest_s:02} min"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours}:{minutes:02} h" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _chart(kind: type[pygal.Histogram], size: tuple[int, int]) -> pygal.Histogram:
    width, height = size
    style = Style(label_font_size=_LABEL_PX, major_label_font_size=_LABEL_PX)
    return kind(
        width=width,
        height=height,
        style=style,
        js=(),
        show_legend=False,
        no_prefix=True,
        disable_xml_declaration=True,
        margin=6,
        truncate_label=-1,
        spacing=6,
    )


def _svg(chart: pygal.Histogram) -> Markup:
    root = chart.render_tree()
    _strip(root)
    root.attrib.pop("id", None)
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    drawn = _LONG_NUMBER.sub(r"\1", tostring(root, encoding="unicode"))
    return Markup(drawn)  # noqa: S704 - our own drawing, whose texts are escaped by then


def _strip(node: Element) -> None:
    """Take out what the page must not have, or has no use for."""
    for child in list(node):
        name = str(child.tag)
        words = child.get("class", "").split()
        if (
            callable(child.tag)  # as of a comment
            or name in _PARTS_LEFT_OUT
            or any(word.endswith("overlay") or word in _OVERLAYS for word in words)
        ):
            node.remove(child)
        else:
            if name == "rect" and "rect" in words:
                child.set("class", "bar")
            _strip(child)
