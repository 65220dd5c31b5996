"""What changes on the page while a job is at work, as the texts that it shows."""

from dataclasses import dataclass
from datetime import datetime

from batch.model import Result
from batch.visible import visible_lines
from batch.web.board import Stage, View
from batch.wording.amounts import duration
from batch.wording.progress import (
    Moment,
    allowed_line,
    pace_words,
    percent_of,
    reading_counts,
    reading_waits_for,
    sharing_line,
    step_count,
    step_line,
    stop_line,
    time_parts,
    waits_for,
)
from batch.wording.reasons import reason_title


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One moment in words. texts: by the name of their place on the page. percent: 0 to 100."""

    texts: dict[str, str]
    causes: list[tuple[str, str]]
    percent: int
    is_resting: bool
    is_stopping: bool


def live_of(view: View, *, now: datetime) -> Live:
    """The moment that a view shows. now: in the time zone of whoever looks at it."""
    moment = view.moment
    if moment is None:
        return _before_sending(view, now=now)
    is_stopping = view.is_stopping or moment.stop is not None
    is_told = not (moment.outage_s or is_stopping)
    texts = {
        "done": f"{percent_of(moment)}%: {step_count(moment)}",
        "step": " ".join(filter(None, (step_line(moment), sharing_line(moment.sharing)))),
        "success": f"{moment.sent.success:,}",
        "error": f"{moment.sent.error:,}",
        "to_go": f"{moment.to_send - moment.sent.total():,}",
        "pace": pace_words(moment, ""),
        "budget": allowed_line(moment) or "the server does not say",
        "elapsed": duration(moment.elapsed_s),
        "left": f"about {duration(moment.left_s)}" if moment.left_s and is_told else "",
        "notice": _stopping(view, moment) or waits_for(moment, now=now),
    }
    return Live(
        texts=texts,
        causes=causes_of(moment),
        percent=percent_of(moment),
        is_resting=moment.is_resting,
        is_stopping=is_stopping,
    )


def _before_sending(view: View, *, now: datetime) -> Live:
    texts, share, notice = {"reading": ""}, 0.0, _stopping(view, None)
    if reading := view.reading:
        pace = f"{reading.pace.rate_per_s:,.1f} requests a second"
        times = time_parts(reading.elapsed_s, reading.left_s)
        texts["reading"] = " · ".join((*reading_counts(reading), *times, pace))
        share = reading.share if view.stage is Stage.READING else 0.0
        notice = notice or reading_waits_for(reading.pace, now=now)
    return Live(
        texts={**texts, "notice": notice},
        causes=[],
        percent=int(100 * share),
        is_resting=False,
        is_stopping=view.is_stopping,
    )


def causes_of(moment: Moment) -> list[tuple[str, str]]:
    """What the server refused so far by cause, the most frequent first."""
    found = [
        (count, reason)
        for reason, count in moment.sent.items()
        if count > 0 and reason.result is Result.ERROR
    ]
    return [(reason_title(reason), f"{count:,}") for count, reason in sorted(found, reverse=True)]


def as_json(view: View, *, now: datetime) -> dict[str, object]:
    """What the page's script is told."""
    live = live_of(view, now=now)
    return {
        "number": view.number,
        "stage": view.stage.value,
        "gone": [visible_lines(note) for note in view.notes_gone],
        "texts": live.texts,
        "causes": live.causes,
        "percent": live.percent,
        "resting": live.is_resting,
        "stopping": live.is_stopping,
    }


def _stopping(view: View, moment: Moment | None) -> str:
    stop = moment.stop if moment else None
    if stop is None and not view.is_stopping:
        return ""
    if moment is None:
        return "Stopping. Nothing was sent."
    return stop_line(stop) or "Stopping. Waiting for answers that are on their way."
