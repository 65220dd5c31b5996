"""What runs that share one pace say to each other, one line of JSON each, and what it means.

Pure. Whatever comes in is checked here, and what is no such line is a ValueError. Times are of the
system's monotonic clock, which all processes of a machine share. Nothing that is said here makes a
run faster than its own rate: that bound is kept where it was set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from batch.model import Budget
from batch.sending.pace.pacer import Pacer

LONGEST_LINE = 16_384  # bytes; the budgets of one answer are the longest thing to say
MOST_IN_FLIGHT = 10_000  # requests of one run
_FAR_S = 1e9  # seconds; longer ones are no times

_Seconds = Annotated[float, Field(ge=-_FAR_S, le=_FAR_S)]
_Rate = Annotated[float, Field(gt=0, le=1e6)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Count = Annotated[int, Field(ge=0, le=MOST_IN_FLIGHT)]
_Name = Annotated[str, Field(max_length=100)]


class _Said(BaseModel):
    # Built when first used: 20 ms that a run which is alone does not need.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True
    )


class Hello(_Said):
    """A run comes in. now: its clock. in_flight: its requests that have no answer yet."""

    kind: Literal["hello"] = "hello"
    pid: int
    name: _Name
    now: float
    rate_per_s: _Rate | None
    headroom: _Share
    in_flight: _Count


class Ask(_Said):
    """A run wants one turn. to_come: requests that it has still to make; None if unknown."""

    kind: Literal["ask"] = "ask"
    to_come: Annotated[float, Field(ge=0)] | None


class Turn(_Said):
    """One request may leave now. at: when that was. is_used: whether turns are waited for."""

    kind: Literal["turn"] = "turn"
    at: float
    is_used: bool


class Ended(_Said):
    """A request is over, or its turn was not wanted any more."""

    kind: Literal["ended"] = "ended"


class _Told(_Said):
    name: _Name
    limit: Annotated[int, Field(gt=0, le=10**12)]
    remaining: Annotated[int, Field(ge=-(10**12), le=10**12)]
    reset_s: _Seconds
    reset_at: Annotated[float, Field(ge=0, le=1e11)] | None
    window_s: Annotated[float, Field(gt=0, le=_FAR_S)] | None
    is_unit_known: bool = True


class Seen(_Said):
    """What an answer says of the server's budgets. sent_at: when its request left."""

    kind: Literal["seen"] = "seen"
    sent_at: float
    budgets: Annotated[tuple[_Told, ...], Field(max_length=16)]


class Served(_Said):
    """A request was served."""

    kind: Literal["served"] = "served"
    sent_at: float


class Held(_Said):
    """An answer holds all requests back.

    asked_s: seconds that the server asked for, if it named any. until: when the hold-back ends.
    """

    kind: Literal["held"] = "held"
    sent_at: float | None  # of a request that was refused for its pace; None if none was
    asked_s: Annotated[float, Field(ge=0, le=_FAR_S)] | None
    until: float
    why: Annotated[str, Field(max_length=200)]


class Findings(_Said):
    """`Found`, as it is said."""

    rate_per_s: _Rate
    good_per_s: _Rate | None
    limit_per_s: _Rate | None
    limits: Annotated[int, Field(ge=0)]
    measure_after: Annotated[float, Field(ge=0)]
    is_guess: bool
    is_measured: bool
    is_certain: bool


class State(_Said):
    """What all keep to, said by the run that leads.

    runs: how many they are. rate_per_s: of all together. set_per_s, headroom: as a Pacer takes
    them. in_flight: requests of the leader alone. found: what the search for a rate has come to.
    """

    kind: Literal["state"] = "state"
    pid: int
    name: _Name
    runs: Annotated[int, Field(ge=1, le=1000)]
    rate_per_s: _Rate
    set_per_s: _Rate | None
    headroom: _Share
    in_flight: _Count
    found: Findings
    hold_until: float | None
    why: Annotated[str, Field(max_length=200)] = ""


Fact = Seen | Served | Held
Said = Hello | Ask | Turn | Ended | Fact | State


@cache
def _said() -> TypeAdapter[Said]:
    return TypeAdapter(Annotated[Said, Field(discriminator="kind")])


def line_of(said: Said) -> bytes:
    """What is said, as a line."""
    return said.model_dump_json().encode() + b"\n"


def read_line(line: bytes) -> Said:
    """What a line says. Raises ValueError for any that is not one of ours."""
    return _said().validate_json(line)


def seen(budgets: Sequence[Budget], *, sent_at: float) -> Seen | None:
    """What to say of an answer's budgets; None where that can't be said."""
    try:
        told = [_Told.model_validate(each, from_attributes=True) for each in budgets]
        return Seen(sent_at=sent_at, budgets=tuple(told))
    except ValueError:
        return None


def learn(pacer: Pacer, fact: Fact, *, now: float) -> None:
    """Learn from the answer that another run got, as the pacer does from one's own."""
    match fact:
        case Seen():
            budgets = [Budget(**dict(each)) for each in fact.budgets]
            pacer.observe(now, budgets, sent_at=min(now, fact.sent_at))
        case Served():
            pacer.report_served(now, sent_at=min(now, fact.sent_at))
        case Held():
            sent_at = None if fact.sent_at is None else min(now, fact.sent_at)
            pacer.hold(now, fact.asked_s, fact.why, sent_at=sent_at)
            keep_hold(pacer, fact.until, fact.why, now=now)


def keep_hold(pacer: Pacer, until: float, why: str, *, now: float) -> None:
    """Hold all requests back until then, if nothing holds them for longer."""
    current = pacer.current_hold(now)
    if now < until < now + _FAR_S and (current is None or current.until < until):
        pacer.hold(now, until - now, why)


def together(rates: Sequence[float | None]) -> float | None:
    """The rate that several runs may have together; None where one of them has no bound."""
    known = [rate for rate in rates if rate is not None]
    return sum(known) if len(known) == len(rates) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """A run as it comes in. name: for people. rate_per_s, headroom: as its pacer was given them."""

    name: str
    rate_per_s: float | None
    headroom: float


def name_of(said: Hello | State) -> str:
    """The run that says so, for people."""
    return f"{said.name} (process {said.pid})"


class Part(StrEnum):
    """What a run's part is in a shared pace."""

    ALONE = "alone"
    LEADS = "leads"  # gives the turns
    FOLLOWS = "follows"  # is given them
    SEEKS = "seeks"  # looks for who gives them, or for nobody doing so
    BY_ITSELF = "by itself"  # nobody gives them, and the run that should is still there


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How a run shares its pace, for people to read.

    others: the other runs, or the one that leads. per_s: requests a second of one by itself, at
    most; None where that is its own pace.
    """

    part: Part = Part.ALONE
    others: tuple[str, ...] = ()
    per_s: float | None = None
