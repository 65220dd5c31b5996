"""A server with a limiter, and the pacer in front of it, in a time of their own.

Discrete events on a heap: what leaves arrives after half its latency, and its answer comes after
the other half. The limiters and the spelling of headers are the sandbox's, which knows nothing of
the pacer; the headers are read by the program's own reader.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from batch.api.answer import read_answer
from batch.api.budgets import read_budgets
from batch.api.excerpt import Redactor
from batch.api.headers import ServerClock
from batch.api.reset_units import ResetUnits
from batch.api.wire import Reply
from batch.model import Change
from batch.sandbox.answers import ErrorShape, Refusal, refuse_pace
from batch.sandbox.limits import Limiter, make_limiter
from batch.sandbox.telling import Spelling, http_date, spell
from batch.sending.pace.pacer import Pacer
from batch.sending.retry import is_hold

BEGAN_UNIX_S = 1_790_000_000.25
LONGEST_SLEEP_S = 0.5  # as the gate's
CHANGE = Change(lines=(2,), campaign_id="c" * 24, campaign_lead_id="1" * 24, ai_tag="Lead")
CONFIRMED = b'{"success": true, "data": {"aiTag": "Lead"}}'
NO_KEY = Redactor("no key at all")


@dataclass(slots=True)
class Seen:
    """What the server saw: when each request arrived, and whether it was admitted."""

    arrived: list[float] = field(default_factory=list)
    admitted: list[bool] = field(default_factory=list)

    def between(self, start: float, end: float) -> tuple[int, int]:
        """Requests admitted and refused in a span of time."""
        both = zip(self.arrived, self.admitted, strict=True)
        inside = [ok for at, ok in both if start <= at < end]
        return sum(inside), len(inside) - sum(inside)

    def most_in(self, window_s: float, *, after: float = 0.0) -> int:
        """The most requests, refused ones too, in any span as long as the window."""
        times = [at for at in self.arrived if at >= after]
        most, first = 0, 0
        for last, at in enumerate(times):
            while times[first] <= at - window_s:
                first += 1
            most = max(most, last - first + 1)
        return most


class World:
    """One key's server, and the workers of one job.

    spellings: of the server's headers; may be set anew on the way, as may the limiter.
    latency: seconds from a request's leaving to its answer's coming, asked for each.
    began_s: how much of the server's time has passed before ours begins. began_unix_s: the Unix
    time of its beginning.
    refusal: how the server refuses.
    skew_s: how far our wall clock is ahead of the server's. has_date: whether answers have `Date`.
    """

    def __init__(
        self,
        limiter: str,
        *spellings: Spelling,
        latency: Callable[[], float] = lambda: 0.02,
        workers: int = 32,
        skew_s: float = 0.0,
        began_s: float = 0.0,
        began_unix_s: float = BEGAN_UNIX_S,
        has_date: bool = True,
        refusal: Refusal = Refusal.STATUS,
    ) -> None:
        self.limiter: Limiter = make_limiter(limiter)
        self.spellings = spellings
        self.seen = Seen()
        self.left: list[float] = []  # when each request left us
        self.asked: list[tuple[float, float]] = []  # until when a Retry-After holds, and since when
        self.now = 0.0
        self._latency = latency
        self._free = workers
        self._skew_s = skew_s
        self._began_s = began_s
        self._began_unix_s = began_unix_s
        self._has_date = has_date
        self._refusal = refusal
        self._units = ResetUnits(clock=lambda: self.now)
        self._clock = ServerClock(clock=lambda: self.now, own_unix_s=self._own_unix_s)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._is_turn_due = False

    def run(self, pacer: Pacer, seconds: float) -> None:
        """Send for so long; called again it goes on."""
        until = self.now + seconds
        self._turn_at(pacer, self.now)
        while self._events and self._events[0][0] < until:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self.now = until

    def idle(self, pacer: Pacer, seconds: float) -> None:
        """Nobody has anything to send for so long."""
        self._free -= 1_000_000
        self.run(pacer, seconds)
        self._free += 1_000_000

    def others_take(self, requests: int) -> None:
        """Other users of the key send, right now."""
        for _ in range(requests):
            self.limiter.take(self.now + self._began_s)

    def _at(self, at: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), happen))

    def _turn_at(self, pacer: Pacer, at: float) -> None:
        if not self._is_turn_due:
            self._is_turn_due = True
            self._at(at, lambda: self._turn(pacer))

    def _turn(self, pacer: Pacer) -> None:
        self._is_turn_due = False
        if self._free <= 0:
            return
        wait_s = pacer.wait_s(self.now)
        if wait_s > 0:
            self._turn_at(pacer, self.now + min(wait_s, LONGEST_SLEEP_S))
            return
        pacer.take_turn(self.now)
        pacer.begin_attempt()
        self.left.append(self.now)
        self._free -= 1
        sent_at, half_s = self.now, self._latency() / 2
        self._at(self.now + half_s, lambda: self._arrive(pacer, sent_at, half_s))
        self._turn_at(pacer, self.now)

    def _arrive(self, pacer: Pacer, sent_at: float, half_s: float) -> None:
        budget = self.limiter.take(self.now + self._began_s)
        self.seen.arrived.append(self.now)
        self.seen.admitted.append(budget.admitted)
        unix_s = self._began_unix_s + self._began_s + self.now
        headers = {"date": http_date(int(unix_s))} if self._has_date else {}
        reply = Reply(http_status=200, headers=headers, body=CONFIRMED)
        if not budget.admitted:
            refused = refuse_pace(budget, self._refusal, ErrorShape.TEXT)
            reply = replace(reply, http_status=refused.status_code, body=bytes(refused.body))
        if budget.admitted or self._refusal is not Refusal.PLAIN:
            for name, value in spell(budget, self.spellings, now_s=unix_s).items():
                headers[name.lower()] = value
        self._at(self.now + half_s, lambda: self._take(pacer, sent_at, reply))

    def _take(self, pacer: Pacer, sent_at: float, reply: Reply) -> None:
        """As the client, the gate and the attempts do."""

        def server_now_s() -> float:
            self._clock.observe(reply.headers.get("date", ""))
            return self._clock.now_s()

        self._free += 1
        pacer.end_attempt()
        budgets = read_budgets(
            reply.headers, server_now_s=server_now_s, redactor=NO_KEY, units=self._units
        )
        pacer.observe(self.now, budgets, sent_at=sent_at)
        answer = read_answer(
            CHANGE,
            reply,
            redactor=NO_KEY,
            elapsed_ms=0,
            sent_at_ms=0,
            now=datetime.fromtimestamp(self._own_unix_s(), UTC),
        )
        if is_hold(answer):
            asked_s = answer.retry_after_s
            if asked_s is not None:
                self.asked.append((self.now + asked_s, self.now))
            pacer.hold(self.now, asked_s, "HTTP 429", sent_at=sent_at)
        else:
            pacer.report_served(self.now, sent_at=sent_at)
        self._turn_at(pacer, self.now)

    def _own_unix_s(self) -> float:
        return self._began_unix_s + self._began_s + self.now + self._skew_s


def make_pacer(
    rate_per_s: float | None = None, *, headroom: float = 0.05, good_per_s: float | None = None
) -> Pacer:
    """A pacer with the settings that a user gets who sets none, but for what is given."""
    return Pacer(
        rate_per_s,
        headroom=headroom,
        good_per_s=good_per_s,
        backoff_base_s=0.5,
        backoff_max_s=30.0,
        draw=random.Random(1).random,  # noqa: S311 - the same at each run
    )
