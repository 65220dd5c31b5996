"""How far a run is, and the sentences that say so while it goes on."""

from dataclasses import dataclass

from batch.model import Tally
from batch.recording.daily_quota import QuotaLeft
from batch.sending.gate import Pace
from batch.sending.pace.pacer import Hold, PaceEstimate
from batch.sending.runner import GRACE_S
from batch.sending.stops import Stop, StopCause
from batch.wording.amounts import count_of, duration

_USED_UP_S = 1.0  # a shorter wait for the budget is not worth a sentence
_STILL_PER_S = 0.05  # would be shown as 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingProgress:
    """How far the reading is, for people to look at."""

    leads: int
    campaigns_read: int
    campaigns: int
    pace: Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How far a run is, for people to look at.

    tally: every row that has a durable outcome, judged ones too. rows: all of the input.
    requests: attempts made. refused: those of them that were answered 429.
    rate_per_s: attempts a second of late. left_s: the forecast.
    pace_estimate: what is known of the pace that the server allows.
    outage_s, outage_why: how long the server has been away, 0 if it is there, and what the last
        attempt failed by.
    is_always_served: whether the server has served every request so far.
    is_resting: whether nothing leaves because a person said so.
    quota: what is left of the day's own quota; None where there is none.
    """

    rows: int
    tally: Tally
    requests: int
    rate_per_s: float
    left_s: float
    hold: Hold | None
    hold_left_s: float
    stop: Stop | None
    pace_estimate: PaceEstimate
    outage_s: float = 0.0
    outage_why: str = ""
    refused: int = 0
    is_always_served: bool = False
    is_resting: bool = False
    quota: QuotaLeft | None = None


def allowed_line(moment: Moment) -> str:
    """What the server allows, and what is left of the day's own quota, as far as it is known."""
    own = f"{moment.quota.left:,} of your daily quota left" if moment.quota else ""
    return "; ".join(filter(None, (budget_line(moment.pace_estimate), own)))


def pace_words(moment: Moment, what: str) -> str:
    """As "9.5 requests a second", or the wait for the next where none has left of late.

    what: " requests", or nothing where that is clear.
    """
    wait_s = max(moment.hold_left_s, moment.pace_estimate.wait_s)
    if moment.rate_per_s < _STILL_PER_S and wait_s >= 1:
        return f"next request in {duration(wait_s)}"
    return f"{moment.rate_per_s:,.1f}{what} a second"


def reading_line(reading: ReadingProgress) -> str:
    """As "12,300 leads read; 2 of 3 campaigns whole; 9.5 requests a second"."""
    line = (
        f"{count_of(reading.leads, 'lead')} read; "
        f"{reading.campaigns_read:,} of {count_of(reading.campaigns, 'campaign')} whole; "
        f"{reading.pace.rate_per_s:,.1f} requests a second"
    )
    if reading.pace.hold_left_s >= 1:
        line += f"; held back for {reading.pace.hold_left_s:.0f} s more"
    return line


def budget_line(learnt: PaceEstimate) -> str:
    """What the server's headers allow; "" where they don't say."""
    if learnt.limit is None or learnt.window_s is None:
        return ""
    return f"the server allows {learnt.limit:,} in {duration(learnt.window_s)}"


def used_up_line(moment: Moment) -> str:
    """That the budget in the server's headers is used up; "" while it isn't."""
    learnt = moment.pace_estimate
    if learnt.limit is None or learnt.wait_s <= _USED_UP_S + 2 / learnt.rate_per_s:
        return ""
    line = f"Rate limit reached. Resuming in {duration(learnt.wait_s)}."
    if moment.is_always_served:
        line += " Only its headers say so: the server has served every request."
    return line


def hold_line(hold: Hold, left_s: float) -> str:
    """What holds the run back, and for how much longer."""
    return f"The server asks to wait ({hold.why}). Resuming in {duration(left_s)}."


def outage_line(moment: Moment) -> str:
    """That the server is away, and what is done about it."""
    why = f" ({moment.outage_why})" if moment.outage_why else ""
    return (
        f"The server has been away for {duration(moment.outage_s)}{why}. "
        "Single requests check whether it is back."
    )


def stop_line(stop: Stop | None) -> str:
    """Why the run is stopping; "" when it isn't, or when that can't be seen any more."""
    if stop is None or stop.cause is StopCause.RETRY_BUDGET:
        return ""
    return (
        f"Stopping: {stop.message} Waiting up to {GRACE_S:.0f} s for answers that are on their way."
    )
