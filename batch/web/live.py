"""What changes on the page while a job is at work, as the texts that it shows."""

from dataclasses import dataclass

from batch.model import Result
from batch.web.board import Stage, View
from batch.wording.amounts import duration
from batch.wording.progress import (
    Moment,
    allowed_line,
    hold_line,
    outage_line,
    pace_words,
    reading_line,
    stop_line,
    used_up_line,
)
from batch.wording.reasons import reason_title


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One moment in words. texts: by the name of their place on the page. percent: 0 to 100."""

    texts: dict[str, str]
    causes: list[tuple[str, str]]
    percent: float
    is_resting: bool
    is_stopping: bool


def live_of(view: View) -> Live:
    """The moment that a view shows."""
    moment = view.moment
    if moment is None:
        reading = reading_line(view.reading) if view.reading else ""
        return Live(
            texts={"reading": reading, "notice": _stopping(view, None)},
            causes=[],
            percent=_share_read(view),
            is_resting=False,
            is_stopping=view.is_stopping,
        )
    tally, done = moment.tally, moment.tally.total()
    texts = {
        "rows": f"{done:,} of {moment.rows:,} rows",
        **{result.value: f"{tally.of(result):,}" for result in Result},
        "pace": pace_words(moment, ""),
        "budget": allowed_line(moment) or "the server does not say",
        "left": f"about {duration(moment.left_s)}" if moment.left_s else "",
        "notice": _stopping(view, moment) or _notice(moment),
    }
    return Live(
        texts=texts,
        causes=causes_of(moment),
        percent=100 * done / moment.rows if moment.rows else 100,
        is_resting=moment.is_resting,
        is_stopping=view.is_stopping or moment.stop is not None,
    )


def causes_of(moment: Moment) -> list[tuple[str, str]]:
    """The errors so far by cause, the most frequent first."""
    found = [
        (count, reason)
        for reason, count in moment.tally.items()
        if count > 0 and reason.result is Result.ERROR
    ]
    return [(reason_title(reason), f"{count:,}") for count, reason in sorted(found, reverse=True)]


def as_json(view: View) -> dict[str, object]:
    """What the page's script is told."""
    live = live_of(view)
    return {
        "number": view.number,
        "stage": view.stage.value,
        "texts": live.texts,
        "causes": live.causes,
        "percent": round(live.percent, 1),
        "resting": live.is_resting,
        "stopping": live.is_stopping,
    }


def _share_read(view: View) -> float:
    if view.stage is not Stage.READING or view.reading is None or not view.reading.campaigns:
        return 0
    return 100 * view.reading.campaigns_read / view.reading.campaigns


def _stopping(view: View, moment: Moment | None) -> str:
    stop = moment.stop if moment else None
    if stop is None and not view.is_stopping:
        return ""
    if moment is None:
        return "Stopping. Nothing was sent."
    return stop_line(stop) or "Stopping. Waiting for answers that are on their way."


def _notice(moment: Moment) -> str:
    """What keeps the run; "" when nothing does."""
    if moment.is_resting:
        return "Paused. Nothing is sent until you go on."
    if moment.outage_s:
        return outage_line(moment)
    if moment.hold and moment.hold_left_s >= 1:
        return hold_line(moment.hold, moment.hold_left_s)
    return used_up_line(moment)
