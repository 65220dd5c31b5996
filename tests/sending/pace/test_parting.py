"""Whether workspaces of one key get paces of their own, in virtual time.

Each case is a server's limiter, whose it is, and what must come of it in 60 s.
"""

import heapq
import itertools
import math
import random
from collections.abc import Callable
from functools import partial

import pytest

from batch.model import Budget
from batch.sandbox.limits import Limiter, make_limiter
from batch.sending.pace.parting import KeyPace, Member
from tests.support.pace_world import make_pacer

LATENCY_S = 0.05
BY_KEY_AFTER_S = 30.0


class Key:
    """One key's server and the workspaces that send by it, in a time of their own."""

    def __init__(self, limiter: str, by: str, workspaces: int, *, tells: bool = True) -> None:
        self.pace = KeyPace(make_pacer())
        self.sent: list[tuple[float, bool]] = []  # when a request arrived, and whether admitted
        self.states = [False]  # whether the paces were parted, in order
        self._members = [Member(self.pace, make_pacer()) for _ in range(workspaces)]
        self._limiter, self._by, self._tells = limiter, by, tells
        self._limiters: dict[int, Limiter] = {}
        self._random = random.Random(1)  # noqa: S311 - the same at each run
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._now = 0.0

    def run(self, seconds: float) -> None:
        for number in range(len(self._members)):
            self._after(self._random.random() / 100, partial(self._turn, number))
        while self._events[0][0] < seconds:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
            if self.pace.is_parted != self.states[-1]:
                self.states.append(self.pace.is_parted)

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._order), happen))

    def _turn(self, number: int) -> None:
        member, sent_at = self._members[number], self._now
        wait_s = member.wait_s(self._now)
        if wait_s <= 0:
            member.take_turn(self._now)
            member.begin_attempt()
            way_s = LATENCY_S / 2 * (0.8 + 0.4 * self._random.random())
            self._after(way_s, lambda: self._arrive(number, sent_at))
        jitter_s = 1e-4 * (1 + self._random.random())
        self._after(min(max(0.0, wait_s), 0.5) + jitter_s, lambda: self._turn(number))

    def _arrive(self, number: int, sent_at: float) -> None:
        by_key = self._by == "key" or (self._by == "both" and self._now > BY_KEY_AFTER_S)
        owner = -1 if by_key else number
        limiter = self._limiters.setdefault(owner, make_limiter(self._limiter))
        budget = limiter.take(self._now + 3.3)
        self.sent.append((self._now, budget.admitted))
        told = Budget(
            name="x",
            limit=budget.limit,
            remaining=budget.remaining,
            reset_s=float(math.ceil(budget.reset_s)),
        )
        wait_s = float(math.ceil(budget.retry_after_s))
        self._after(
            LATENCY_S / 2,
            lambda: self._answer(number, sent_at, told, None if budget.admitted else wait_s),
        )

    def _answer(self, number: int, sent_at: float, told: Budget, wait_s: float | None) -> None:
        member = self._members[number]
        member.end_attempt()
        member.observe(self._now, [told] if self._tells else [], sent_at=sent_at)
        if wait_s is None:
            member.report_served(self._now, sent_at=sent_at)
        else:
            member.hold(self._now, wait_s, "HTTP 429", sent_at=sent_at)

    def served_per_s(self, start: float, end: float) -> float:
        return sum(ok for at, ok in self.sent if start <= at < end) / (end - start)

    @property
    def refused_share(self) -> float:
        return sum(not ok for _, ok in self.sent) / len(self.sent)


@pytest.mark.parametrize("workspaces", [2, 5, 20])
@pytest.mark.parametrize("limiter", ["fixed:50/10s", "fixed:300/min"])
def test_budgets_of_workspaces_are_found_and_each_is_used(limiter: str, workspaces: int) -> None:
    key = Key(limiter, "workspace", workspaces)
    key.run(60)
    assert key.states == [False, True]
    assert key.refused_share <= 0.01
    assert key.served_per_s(30, 60) >= 0.97 * 0.95 * 5 * workspaces


@pytest.mark.parametrize("workspaces", [2, 5, 20])
@pytest.mark.parametrize(
    ("limiter", "per_s"),
    [
        ("fixed:50/10s", 5),
        ("fixed:300/min", 5),
        ("fixed:50/s", 50),
        ("sliding:50/10s", 5),
        ("bucket:50/10s", 5),
        ("bucket:10/s,burst=100", 10),
        ("bucket:100/min,burst=100", 100 / 60),
    ],
)
def test_a_budget_of_all_is_never_parted(limiter: str, per_s: float, workspaces: int) -> None:
    key = Key(limiter, "key", workspaces)
    key.run(60)
    assert key.states == [False]
    assert key.refused_share <= 0.01
    assert key.served_per_s(30, 60) >= 0.97 * 0.95 * per_s


@pytest.mark.parametrize("limiter", ["sliding:50/10s", "bucket:10/s,burst=100", "fixed:50/s"])
def test_what_is_no_proof_parts_nothing(limiter: str) -> None:
    key = Key(limiter, "workspace", 20)
    key.run(60)
    assert key.states == [False]


def test_without_headers_nothing_is_parted() -> None:
    key = Key("fixed:50/10s", "workspace", 20, tells=False)
    key.run(60)
    assert key.states == [False]


def test_parted_paces_that_meet_one_budget_are_joined_again() -> None:
    key = Key("fixed:50/10s", "both", 20)
    key.run(60)
    assert key.states == [False, True, False]
    assert key.pace.joined == 1
    assert key.served_per_s(50, 60) >= 0.9 * 0.95 * 5
    refused = [at for at, ok in key.sent if not ok]
    assert max(refused) < BY_KEY_AFTER_S + 15


def test_a_single_workspace_that_is_refused_joins_nothing() -> None:
    key = KeyPace(make_pacer())
    one, two = Member(key, make_pacer()), Member(key, make_pacer())
    key.is_parted = True
    for at in (1.0, 1.2):
        one.hold(at, 1.0, "HTTP 429", sent_at=at - 0.05)
    two.hold(3.0, 1.0, "HTTP 429", sent_at=2.95)
    assert key.is_parted
    one.hold(3.5, 1.0, "HTTP 429", sent_at=3.45)
    assert not key.is_parted
