"""How far a run is, and the sentences that say so while it goes on."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from batch.model import Tally
from batch.recording.daily_quota import QuotaLeft
from batch.sending.gate import Pace
from batch.sending.pace.pacer import Hold, PaceEstimate
from batch.sending.runner import GRACE_S
from batch.sending.sharing import Part, Sharing
from batch.sending.stops import Stop, StopCause
from batch.visible import visible
from batch.wording.amounts import count_of, duration, join_words

_USED_UP_S = 1.0  # a shorter wait for the budget is not worth a sentence
_STILL_PER_S = 0.05  # would be shown as 0.0
_FORECAST_S = 3.0  # reading that took less tells nothing of how long the rest takes
_FAR_S = 24 * 3600.0  # an end that is farther away is not worth a sentence


class SendStep(StrEnum):
    """What a run that sends is at."""

    CANARY = "Canary"  # the first changes go alone
    READING_BACK = "Reading back"  # whether their leads are what was set
    SENDING = "Sending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingProgress:
    """How far the reading is, for people to look at.

    share: of all that is to be read, as far as the server tells; 0 where nothing is known.
    """

    leads: int
    campaigns_read: int
    campaigns: int
    pace: Pace
    share: float = 0.0
    elapsed_s: float = 0.0

    @property
    def left_s(self) -> float:
        """How long the rest takes at the pace so far; 0 where nobody can say."""
        if not self.share or self.elapsed_s < _FORECAST_S:
            return 0.0
        return self.elapsed_s * (1 - self.share) / self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How far a run is, for people to look at.

    tally: every row that has a durable outcome, judged ones too. rows: all of the input.
    sent: the changes that were sent by this command and have a durable outcome. to_send: all that
        it sends if nothing stops it: of a resumed run, what was left.
    step: what it is at. step_done, step_total: how far that is, in changes or leads.
    canary: how many changes go alone first; 0 for none.
    requests: attempts made. refused: those of them that were answered 429.
    rate_per_s: attempts a second of late. elapsed_s: since sending began. left_s: the forecast.
    pace_estimate: what is known of the pace that the server allows.
    outage_s, outage_why: how long the server has been away, 0 if it is there, and what the last
        attempt failed by.
    probe_s, give_up_s: until the server is tried again, and until the run stops if it stays away;
        None where that is not known.
    is_always_served: whether the server has served every request so far.
    is_resting: whether nothing leaves because a person said so.
    quota: what is left of the day's own quota; None where there is none.
    sharing: how the pace is shared with other runs.
    worst: of a run of several workspaces, what is said of those that are worst off.
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
    sent: Tally
    to_send: int
    step_done: int
    step_total: int
    step: SendStep = SendStep.SENDING
    canary: int = 0
    elapsed_s: float = 0.0
    outage_s: float = 0.0
    outage_why: str = ""
    probe_s: float | None = None
    give_up_s: float | None = None
    refused: int = 0
    is_always_served: bool = False
    is_resting: bool = False
    quota: QuotaLeft | None = None
    sharing: Sharing = field(default_factory=Sharing)
    worst: tuple[str, ...] = ()


def allowed_line(moment: Moment) -> str:
    """What the server allows, and what is left of the day's own quota, as far as it is known."""
    own = f"{moment.quota.left:,} of your daily quota left" if moment.quota else ""
    return "; ".join(filter(None, (budget_line(moment.pace_estimate), own)))


def sharing_line(sharing: Sharing) -> str:
    """With whom a run shares its pace, and how; "" where that is with nobody, or not known yet."""
    others = visible(join_words(sharing.others or ("another run",)))
    match sharing.part:
        case Part.LEADS:
            return f"This run keeps to one pace with {others}, and gives the turns."
        case Part.FOLLOWS:
            return f"This run keeps to one pace with {others}, which gives the turns."
        case Part.BY_ITSELF if sharing.per_s is not None:
            return (
                f"The run that gives the turns, {others}, does not answer. This run goes on at its "
                f"share of the pace, {sharing.per_s:,.1f} requests a second at most, until it does."
            )
        case Part.BY_ITSELF:
            return (
                "Another run of this workspace can't be reached: each goes on at a pace of its "
                "own, and each is slower for it."
            )
        case Part.ALONE | Part.SEEKS:
            return ""
    assert_never(sharing.part)


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
    if learnt.limit is None:
        return ""
    if learnt.window_s is None:
        return (
            f"the server allows {learnt.limit:,} at a time"  # it names no window, nor was one seen
        )
    return f"the server allows {learnt.limit:,} in {duration(learnt.window_s)}"


def percent_of(moment: Moment) -> int:
    """How much of the step is done, 0 to 100: 100 only when all of it is."""
    return 100 * moment.step_done // moment.step_total if moment.step_total else 100


def step_count(moment: Moment) -> str:
    """As "120 of 248 changes", or "3 of 20 leads" while they are read back."""
    noun = "lead" if moment.step is SendStep.READING_BACK else "change"
    return f"{moment.step_done:,} of {count_of(moment.step_total, noun)}"


def step_line(moment: Moment) -> str:
    """What a run with a canary is at; "" for one without."""
    if not moment.canary:
        return ""
    match moment.step:
        case SendStep.CANARY:
            return f"The first {count_of(moment.canary, 'change')} of {moment.to_send:,} go alone."
        case SendStep.READING_BACK:
            return "Nothing else is sent until these leads are read back as they were set."
        case SendStep.SENDING:
            return f"The canary holds: {count_of(moment.canary, 'change')} read back as set."


def reading_counts(reading: ReadingProgress) -> tuple[str, str]:
    """How many campaigns and leads were read."""
    campaigns = count_of(reading.campaigns, "campaign")
    return f"{reading.campaigns_read:,} of {campaigns}", f"{count_of(reading.leads, 'lead')} read"


def time_parts(elapsed_s: float, left_s: float) -> tuple[str, ...]:
    """As "25 s elapsed" and "about 26 s left", as far as they are known."""
    elapsed = f"{duration(elapsed_s)} elapsed" if elapsed_s >= 1 else ""
    left = f"about {duration(left_s)} left" if left_s else ""
    return tuple(filter(None, (elapsed, left)))


def waits_for(moment: Moment, *, now: datetime) -> str:
    """What a run that sends waits for, and until when; "" when that is nothing.

    now: in the time zone in which people are to read it.
    """
    if moment.is_resting:
        return "Paused. Nothing is sent until you go on."
    if moment.outage_s:
        ends = ""
        if moment.probe_s is not None and moment.probe_s >= 1:
            ends += f" The next one leaves in {duration(moment.probe_s)}."
        if moment.give_up_s is not None and moment.give_up_s < _FAR_S:
            ends += f" The run stops {clock_time(moment.give_up_s, now=now)} if it stays away."
        return outage_line(moment.outage_s, moment.outage_why) + ends
    if moment.hold and moment.hold_left_s >= 1:
        return hold_line(moment.hold, moment.hold_left_s, now=now)
    return used_up_line(moment.pace_estimate, served=moment.is_always_served, now=now)


def reading_waits_for(pace: Pace, *, now: datetime) -> str:
    """What reading waits for, and until when, as `waits_for`."""
    if pace.outage_s:
        return outage_line(pace.outage_s, pace.outage.why if pace.outage else "")
    if pace.hold and pace.hold_left_s >= 1:
        return hold_line(pace.hold, pace.hold_left_s, now=now)
    return used_up_line(pace.estimate, served=pace.is_always_served, now=now)


def clock_time(in_s: float, *, now: datetime) -> str:
    """As "at 14:05:10", or "on 1 December at 14:05" when that is another day."""
    then = now + timedelta(seconds=in_s)
    if then.date() != now.date():
        return f"on {then.day} {then:%B} at {then:%H:%M}"
    return f"at {then:%H:%M:%S}"


def used_up_line(estimate: PaceEstimate, *, served: bool, now: datetime | None = None) -> str:
    """That the budget in the server's headers is used up; "" while it isn't.

    served: whether the server has served every request so far. now: to say until when, too.
    """
    if estimate.limit is None or estimate.wait_s <= _USED_UP_S + 2 / estimate.rate_per_s:
        return ""
    line = f"Rate limit reached. {_resuming(estimate.wait_s, now)}"
    if served:
        line += " Only its headers say so: the server has served every request."
    return line


def hold_line(hold: Hold, left_s: float, *, now: datetime | None = None) -> str:
    """What holds the run back, and for how much longer. now: to say until when, too."""
    return f"The server asks to wait ({hold.why}). {_resuming(left_s, now)}"


def _resuming(in_s: float, now: datetime | None) -> str:
    at = f", {clock_time(in_s, now=now)}" if now else ""
    return f"Resuming in {duration(in_s)}{at}."


def outage_line(outage_s: float, why: str) -> str:
    """That the server is away, and what is done about it. why: what the last attempt failed by."""
    because = f" ({why})" if why else ""
    return (
        f"The server has been away for {duration(outage_s)}{because}. "
        "Single requests check whether it is back."
    )


def stop_line(stop: Stop | None) -> str:
    """Why the run is stopping; "" when it isn't, or when that can't be seen any more."""
    if stop is None or stop.cause is StopCause.RETRY_BUDGET:
        return ""
    return (
        f"Stopping: {stop.message} Waiting up to {GRACE_S:.0f} s for answers that are on their way."
    )
