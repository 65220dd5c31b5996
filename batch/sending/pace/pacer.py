"""When the next attempt may leave: at the pace of the server's budgets, outside hold-backs.

A pure state machine: time is an argument, in seconds of a monotonic clock, and nothing here sleeps.
Turns are spaced by GCRA with a burst of one: one each `1 / rate`, none saved up while idle. The
rate is what `quotas.py` learns from headers, else what `search.py` finds. Who takes the next turn
is the gate's business.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from batch.model import Budget
from batch.sending.pace.quotas import Quotas
from batch.sending.pace.search import START_PER_S, Found, Search

LEAST_PER_S = 1 / 86400
SPENT_SPACING_S = 1.0  # between turns while nothing remains, whatever headers say of the reset
USED_S = 0.05  # a turn taken so late was waited for: timers of a busy machine are as late
PROBE_S = 1.0  # after refusals in a row, a request waits so long for the answer to the one before
ALONE_AT_GUESS = 10  # requests after refusals that leave one by one while the limit is a guess
PROBE_SPACING_S = 0.01  # in which it is looked whether that has come
UNIT_OPEN_S = 2.5  # in which a reset may be seconds or milliseconds: until then nothing grows
MISLED_S = 600.0  # headers that promised what was refused are ignored for so long


class Source(StrEnum):
    """Where the present rate comes from."""

    SETTING = "setting"
    HEADERS = "headers"
    SEARCH = "search"  # found by trying, since no answer tells it


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold-back of all requests: since and until when (seconds), and why, in words."""

    since: float
    until: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceEstimate:
    """What is known of the pace that the server allows.

    rate_per_s: attempts a second in the long run. wait_s: seconds until the next may leave; more
    than a spacing if a budget is used up. limit, window_s, remaining: of the tightest budget in
    headers; None without one, or while a window's length is not known.
    good_per_s: a rate that went well; None if none is known yet.
    refill: while a budget is used up, the requests that are back at the end of wait_s; they leave
    at own_per_s, the rate without headers, if they are enough for the rest. None else.
    """

    source: Source
    rate_per_s: float
    wait_s: float = 0.0
    limit: int | None = None
    window_s: float | None = None
    remaining: int | None = None
    good_per_s: float | None = None
    refill: int | None = None
    own_per_s: float = inf


class Pacer:
    """Gives out turns; one for the whole job.

    rate_per_s: attempts a second at most; None to find the rate.
    good_per_s: a rate that went well with this server before; used until headers tell one.
    headroom: share of the server's budget that is left to others.
    backoff_base_s, backoff_max_s: hold-backs for which the server names no time double from the
        base up to the maximum while nothing is served, with jitter over their upper half.
    draw: uniform in [0, 1).
    """

    def __init__(
        self,
        rate_per_s: float | None,
        *,
        headroom: float = 0.0,
        good_per_s: float | None = None,
        backoff_base_s: float,
        backoff_max_s: float,
        draw: Callable[[], float],
    ) -> None:
        self._set_per_s = rate_per_s
        self._headroom = headroom
        self._search = Search(good_per_s)
        self._to_come: Callable[[], float] = lambda: inf
        self._others_to_come: Callable[[], float] = lambda: 0.0
        self._spread_s = inf
        self._quotas = self._no_quotas()
        self._misled_until = self._open_until = float("-inf")
        self._sent = self._in_flight = 0
        self._backoff_base_s = backoff_base_s
        self._backoff_max_s = backoff_max_s
        self._draw = draw
        self._slot_at = float("-inf")  # when the last turn was due
        self._is_used = False
        self._refusals = 0
        self._in_a_row = 0  # refusals without a later request served
        self._alone = 0  # requests to come that each wait for the answer to the one before
        self._refused_at = self._probing_until = float("-inf")
        self._held_since: float | None = None
        self._hold: Hold | None = None

    def expect(self, to_come: Callable[[], float], *, spread_s: float = inf) -> None:
        """Say how much is still to be asked: what a budget covers, it does not slow.

        to_come: requests that have no final answer yet; inf where nobody knows.
        spread_s: what remains of a longer window is not spread over it, since nobody waits.
        """
        self._to_come = to_come
        self._spread_s = self._quotas.spread_s = spread_s

    def expect_others(self, to_come: Callable[[], float]) -> None:
        """Say how much others are still to ask at this pace, as in `expect`."""
        self._others_to_come = to_come

    def to_come(self) -> float:
        """Requests of this job alone that are still to be asked; inf where nobody knows."""
        return self._to_come()

    def _left(self) -> float:
        return self._to_come() + self._others_to_come()

    def set_bounds(self, rate_per_s: float | None, *, headroom: float) -> None:
        """Change how fast turns may come at most, and what is left to others; the pace goes on.

        rate_per_s, headroom: as they were first given. A rate that was set is no limit of the
        server's: a search goes on from there as quickly as one that has found none.
        """
        if rate_per_s is None and self._set_per_s is not None and self._search.good_per_s is None:
            self._search.rate_per_s = max(self._search.rate_per_s, self._set_per_s)
        self._set_per_s = rate_per_s
        if headroom != self._headroom:
            self._headroom = headroom
            self._quotas.set_headroom(headroom)

    @property
    def found(self) -> Found:
        """What the search for the rate has come to."""
        return self._search.found

    def keep_to(self, found: Found) -> None:
        """Search on from what another run's search has come to; headers count as before."""
        self._search.keep_to(found)
        if not self._quotas:
            self._quotas = self._no_quotas()

    def note_turn(self, now: float, *, is_used: bool) -> None:
        """Count a turn that was given elsewhere. is_used: whether it was waited for."""
        self._slot_at, self._is_used = now, is_used

    @property
    def is_used(self) -> bool:
        """Whether the last turn was waited for."""
        return self._is_used

    @property
    def in_flight(self) -> int:
        """Attempts that have begun and are not over."""
        return self._in_flight

    def spent_s(self, now: float) -> float:
        """Seconds until a budget that is used up is whole again; 0 while none is.

        Requests in flight don't count: their answers may bring news.
        """
        if not self._quotas or self._quotas.rate_per_s(now, in_flight=0, own_per_s=1.0) > 0:
            return 0.0
        return self._quotas.refilled_at(now, in_flight=0) - now

    @property
    def _is_searching(self) -> bool:
        """Whether the rate without headers counts, and is to be found."""
        return self._set_per_s is None and not self._quotas.are_slower(self._left())

    @property
    def _own_per_s(self) -> float:
        """The rate without headers."""
        return self._search.rate_per_s if self._set_per_s is None else self._set_per_s

    def rate_per_s(self, now: float) -> float:
        """Turns a second at present; 0 while nothing may leave."""
        if not self._quotas:
            most = START_PER_S if now < self._open_until else inf
            return min(most, self._own_per_s)
        allowed = self._quotas.rate_per_s(
            now,
            in_flight=self._in_flight,
            to_come=self._left(),
            own_per_s=self._own_per_s,
        )
        return allowed if self._set_per_s is None else min(allowed, self._set_per_s)

    def wait_s(self, now: float) -> float:
        """Seconds until the next turn, as known now; 0 if it has come."""
        due = self._due(now)
        hold = self.current_hold(now)
        if now < self._probing_until and not hold:
            return max(PROBE_SPACING_S, due - now)
        return max(0.0, max(due, hold.until) - now if hold else due - now)

    def take_turn(self, now: float) -> None:
        """Take the turn that has come; the next comes a spacing later."""
        due = self._due(now)
        late_s = now - due
        self._is_used = late_s <= max(USED_S, self._quotas.lateness_s)
        self._slot_at = due if late_s <= self._quotas.lateness_s else now
        if self._in_a_row >= 2:  # one alone finds out whether they are served again
            self._alone = ALONE_AT_GUESS if self._search.is_guess else 1
        if self._alone:
            self._probing_until = now + PROBE_S

    def begin_attempt(self) -> None:
        """Count an attempt that leaves."""
        self._sent += 1
        self._in_flight += 1

    def end_attempt(self) -> None:
        """Count an attempt that is over, whatever its answer."""
        self._in_flight -= 1

    def observe(self, now: float, budgets: Sequence[Budget], *, sent_at: float) -> None:
        """Learn from what an answer says of the server's budgets."""
        known = [budget for budget in budgets if budget.is_unit_known]
        if budgets:
            self._open_until = now + UNIT_OPEN_S if len(known) < len(budgets) else float("-inf")
        if now < self._misled_until or not (known or self._quotas):
            return
        if not self._quotas and self._search.is_slow_unasked:
            self._search = Search()
            self._quotas = self._no_quotas()
        taken = self._sent - self._in_flight
        self._quotas.observe(now, known, sent_at=sent_at, taken=taken)
        if self._quotas.are_silent:
            self._ignore_budgets(now)

    def hold(
        self, now: float, retry_after_s: float | None, why: str, *, sent_at: float | None = None
    ) -> Hold:
        """Hold all requests back, never shorter than asked. The hold-back in force.

        retry_after_s: seconds that the server asked for; None if it named no time.
        sent_at: when a request left that was refused for its pace; None if none was.
        """
        is_searching = self._is_searching
        if sent_at is not None and self._quotas:
            self._quotas.report_refusal(now, sent_at=sent_at)
            if self._quotas.are_misleading and self._set_per_s is None:
                self._misled_until = now + MISLED_S
                self._ignore_budgets(now)
        if sent_at is not None and is_searching:
            self._search.report_refusal(now, sent_at=sent_at, wait_s=retry_after_s)
        if sent_at is not None:
            self._in_a_row += 1
            self._refused_at = now
            self._probing_until = float("-inf")
        current = self.current_hold(now)
        if retry_after_s is None:
            retry_after_s = 0.0 if current else self._own_hold_s()
        if self._held_since is None:
            self._held_since = now
        until = now + retry_after_s
        if current and until <= current.until:
            return current
        self._hold = Hold(since=self._held_since, until=until, why=why)
        return self._hold

    def report_served(self, now: float, *, sent_at: float = float("inf")) -> None:
        """Count a served request: the next hold-back is the shortest again."""
        self._refusals = 0
        if sent_at >= self._refused_at:
            self._in_a_row = 0
            self._alone = max(0, self._alone - 1)
            self._probing_until = float("-inf")
        self._held_since = None
        if self._quotas:
            self._quotas.report_served()
        if self._is_searching:
            is_used = self._is_used and now >= self._open_until
            self._search.report_served(now, is_used=is_used, sent_at=sent_at)

    def current_hold(self, now: float) -> Hold | None:
        """The hold-back in force, if any."""
        if self._hold is None or now >= self._hold.until:
            return None
        return self._hold

    def estimate(self, now: float) -> PaceEstimate:
        """The present estimate of the pace."""
        wait_s = self.wait_s(now)
        if not self._quotas:
            source = Source.SEARCH if self._set_per_s is None else Source.SETTING
            return PaceEstimate(
                source=source,
                rate_per_s=self._own_per_s,
                wait_s=wait_s,
                good_per_s=self._search.good_per_s,
            )
        tightest = self._quotas.tightest
        is_slower = self._quotas.are_slower(self._left())
        rate = tightest.even_per_s if is_slower else self._own_per_s
        good = tightest.even_per_s if tightest.is_known else None
        is_spent = is_slower and not tightest.rate_per_s(now, in_flight=0)
        return PaceEstimate(
            source=Source.HEADERS,
            rate_per_s=rate if self._set_per_s is None else min(rate, self._set_per_s),
            wait_s=wait_s,
            limit=tightest.limit,
            window_s=tightest.window_s if tightest.is_window_known else None,
            remaining=tightest.remaining,
            good_per_s=good if is_slower else self._search.good_per_s,
            refill=max(1, int(tightest.even_per_s * tightest.window_s)) if is_spent else None,
            own_per_s=self._own_per_s,
        )

    def _due(self, now: float) -> float:
        """When the next turn comes."""
        rate = self.rate_per_s(now)
        if rate > 0:
            return self._slot_at + 1 / max(rate, LEAST_PER_S)
        refilled_at = self._quotas.refilled_at(now, in_flight=self._in_flight)
        return max(refilled_at, self._slot_at + SPENT_SPACING_S)

    def _ignore_budgets(self, now: float) -> None:
        """Forget all headers, and search from the present rate."""
        self._search = Search(max(LEAST_PER_S, self._quotas.long_run_per_s(now)))
        self._quotas = self._no_quotas()

    def _no_quotas(self) -> Quotas:
        return Quotas(headroom=self._headroom, start_per_s=self._own_per_s, spread_s=self._spread_s)

    def _own_hold_s(self) -> float:
        ceiling = min(self._backoff_max_s, self._backoff_base_s * 2.0 ** min(self._refusals, 60))
        self._refusals += 1
        # Half of it is fixed: a hold-back of nearly nothing would only bring the next refusal.
        return ceiling * (0.5 + 0.5 * self._draw())
