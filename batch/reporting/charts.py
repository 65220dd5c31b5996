"""The report's charts, as inline SVG: two kinds of bars, drawn here.

The page's own style colours them, also in the dark and on paper. They have no script, no style and
no text but labels, and each chart has its numbers as text beside it. Drawn here because pygal adds
1.9 MB, takes 130 ms to load and 4 to 10 ms a chart (against 0.5 to 2), and its scripts must be
stripped; Altair with vl-convert takes more than 100 MB.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from batch.reporting.pace_history import PaceHistory

WIDE, NARROW = (760, 250), (360, 230)  # the page's column on a screen or on paper, and on a phone
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

# In px of the drawing. Texts are 12 high, as the page's style has them, and below 8 a character.
_TOP, _BOTTOM, _RIGHT = 8, 30, 18  # on the right there is room for half of the last label
_CHARACTER, _BESIDE = 8, 8
_MARKS = 10  # room below the axis for marks
_MARK = 6
_GAP = 1.0  # between two bars, where they are wide enough for it

_SVG = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" aria-hidden="true" '
    'focusable="false">{}</svg>'
)
_GROUP = Markup('<g class="{}">{}</g>')
_TEXT = Markup('<text x="{}" y="{}">{}</text>')
_LINE = Markup('<path class="{}" d="M{} {}H{}"/>')
_TICK = Markup('<path class="tick" d="M{} {}v4"/>')
_BAR = Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plot:
    """The coordinates of a drawing. ticks: of the vertical axis, from 0 to its end.

    left, right, base: its edges; base is the horizontal axis, whose values go from 0 to length.
    """

    size: tuple[int, int]
    ticks: Sequence[float]
    length: float
    has_marks: bool = False

    @property
    def left(self) -> float:
        return _BESIDE + _CHARACTER * max(len(_number(tick)) for tick in self.ticks)

    @property
    def right(self) -> float:
        return self.size[0] - _RIGHT

    @property
    def base(self) -> float:
        return self.size[1] - _BOTTOM - (_MARKS if self.has_marks else 0)

    def x(self, value: float) -> float:
        return self.left + (self.right - self.left) * value / self.length

    def y(self, value: float) -> float:
        return self.base - (self.base - _TOP) * value / self.ticks[-1]

    def bar(self, start: float, end: float, value: float, *, gap: float = 0.0) -> Markup:
        """A bar on the axis. gap: to the next one."""
        x, width = self.x(start), self.x(end) - self.x(start)
        free = min(gap, width / 5)
        height = self.base - self.y(value)
        return _BAR.format(*map(_px, (x + free / 2, self.base - height, width - free, height)))

    def mark(self, start: float, end: float) -> Markup:
        """A mark below the axis."""
        width = max(_MARK, self.x(end) - self.x(start) - _GAP)
        x = (self.x(start) + self.x(end) - width) / 2
        return _BAR.format(*map(_px, (x, self.base + 3, width, _MARK)))

    def drawn(
        self, labels: Iterable[tuple[float, str]], series: Iterable[tuple[str, Markup]]
    ) -> Markup:
        """The whole drawing. labels: of the horizontal axis. series: each with its CSS class."""
        guides = [
            (_LINE.format("guide", _px(self.left), _px(y), _px(self.right)) if tick else Markup())
            + _TEXT.format(_px(self.left - _BESIDE), _px(y + 4), _number(tick))
            for tick, y in ((tick, self.y(tick)) for tick in self.ticks)
        ]
        below = self.size[1] - _BOTTOM + 20
        names = [
            _TICK.format(_px(self.x(at)), _px(self.base))
            + _TEXT.format(_px(self.x(at)), _px(below), label)
            for at, label in labels
        ]
        axis = _LINE.format("base", _px(self.left), _px(self.base), _px(self.right))
        groups = [
            _GROUP.format("axis y", _joined(guides)),
            *(_GROUP.format(name, bars) for name, bars in series),
            _GROUP.format("axis x", axis + _joined(names)),
        ]
        return _SVG.format(*self.size, _joined(groups))


def pace_chart(history: PaceHistory, *, size: tuple[int, int], scale: int = 1) -> Markup:
    """Leads over time, with hold-backs and refusals. scale: 1 for a second, 60 for a minute.

    Classes: s0 are hold-backs, as bands behind the bars; s1 leads; s2 marks below the axis where
    there were refusals. A mark tells no number: one refusal among hundreds must be seen, too.
    """
    bars = history.bars
    ticks = nice_ticks(max(bar.leads_per_s for bar in bars) * scale, at_most=4)
    # A last bar that is cut off by the run's end may reach a little further than that.
    length_s = max(history.length_s, bars[-1].end_s)
    plot = _Plot(size=size, ticks=ticks, length=length_s, has_marks=history.refused > 0)
    times = clock_ticks(history.length_s, at_most=7 if size[0] > NARROW[0] else 4)
    bands = [plot.bar(*hold, ticks[-1]) for hold in history.holds]
    leads = [
        plot.bar(bar.start_s, bar.end_s, bar.leads_per_s * scale, gap=_GAP)
        for bar in bars
        if bar.leads
    ]
    marks = [plot.mark(bar.start_s, bar.end_s) for bar in bars if bar.refused]
    return plot.drawn(
        [(time, clock(time)) for time in times],
        [("s0", _joined(bands)), ("s1", _joined(leads)), ("s2", _joined(marks))],
    )


def latency_chart(bins: Sequence[tuple[str, int]], *, size: tuple[int, int]) -> Markup:
    """How many leads took how long. bins: labels and counts, in order."""
    ticks = nice_ticks(max(n for _, n in bins), at_most=4, whole=True)
    plot = _Plot(size=size, ticks=ticks, length=len(bins))
    every = 2 if size[0] <= NARROW[0] and len(bins) > _MOST_NARROW_LABELS else 1
    labels = [(at + 0.5, label) for at, (label, _) in enumerate(bins)]
    bars = [plot.bar(at + 0.1, at + 0.9, n) for at, (_, n) in enumerate(bins) if n]
    return plot.drawn(labels[::every], [("s1", _joined(bars))])


def nice_ticks(top: float, *, at_most: int, whole: bool = False) -> list[float]:
    """Round numbers from 0 to at least `top`, in at most `at_most` steps."""
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
    """Round times from 0, in at most `at_most` steps."""
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


def _px(value: float) -> str:
    """A place in the drawing, to a tenth of a px."""
    return f"{value:.1f}".removesuffix(".0")


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup().join(parts)
