"""One pace for all workspaces of a key, parted once answers show that each has its own budget.

Pure. While they are together all requests keep to one pacer, and each workspace's own pacer only
learns. The evidence is two answers of one workspace, two seconds and more apart in one window that
has a fixed end: its remaining fell by exactly its own requests, though others certainly sent
meanwhile. Sliding windows, buckets and windows of a few seconds give none, nor do answers without
headers: they stay together.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from batch.model import Budget
from batch.sending.pace.pacer import Hold, PaceEstimate, Pacer
from batch.sending.pace.sample import Sample

# Between two answers; in less, whole seconds can't tell a fixed end from a moving one.
APART_S = 2.0
OTHERS = 5  # requests of others in between; of fewer, others' news may just not have arrived
PIECES = 6  # of evidence in a row; twice as many after each time that they had to be joined
WORKSPACES = 2  # that the pieces must come from
TOGETHER_S = 1.0  # two workspaces refused within it have one budget
FALLS = 2  # pieces of evidence against parted paces: remaining fell by others' requests, too
REMEMBERED = 5_000  # served requests


@dataclass(frozen=True, slots=True)
class _Served:
    member: "Member"
    sent_at: float
    at: float


class KeyPace:
    """The pace of one key. joint: the pacer of all its workspaces while they are together."""

    def __init__(self, joint: Pacer) -> None:
        self.joint = joint
        self.is_parted = False
        self.joined = 0  # times that parted paces were joined again
        self._needed = PIECES
        self._pieces: list[Member] = []
        self._falls = 0
        self._served: deque[_Served] = deque(maxlen=REMEMBERED)
        self._refused: tuple[Member, float] | None = None

    def note_served(self, member: "Member", now: float, *, sent_at: float) -> None:
        """Count a request that a budget has admitted."""
        self._served.append(_Served(member, sent_at, now))

    def judge(self, member: "Member", first: Sample, last: Sample, *, own: int) -> bool:
        """Weigh two answers of a workspace, with `own` requests of it from one to the other.

        False while they are too near to each other to tell anything.
        """
        if last.sent_at - first.at < APART_S:
            return False
        others = sum(
            each.member is not member and each.sent_at >= first.at and each.at <= last.sent_at
            for each in self._served
        )
        if others < OTHERS:
            return False
        fell = first.budget.remaining - last.budget.remaining
        if self.is_parted:
            self._falls += fell >= own + others
            if self._falls >= FALLS:
                self._turn(is_parted=False)
        elif fell != own:
            self._pieces = []
        else:
            self._pieces.append(member)
            is_enough = len(self._pieces) >= self._needed
            if is_enough and len(set(self._pieces)) >= WORKSPACES:
                self._turn(is_parted=True)
        return True

    def forget(self) -> None:
        """Forget the evidence: the end of the window moves, so that nothing follows from it."""
        self._pieces = []

    def note_refusal(self, member: "Member", now: float) -> None:
        """Join them where two workspaces are refused within a second."""
        before, self._refused = self._refused, (member, now)
        if self.is_parted and before and before[0] is not member and now - before[1] <= TOGETHER_S:
            self._turn(is_parted=False)

    def _turn(self, *, is_parted: bool) -> None:
        if not is_parted:
            self._needed *= 2
            self.joined += 1
        self.is_parted, self._pieces, self._falls, self._refused = is_parted, [], 0, None


class Member(Pacer):
    """The pace of one workspace: its own, or that of its key. own: learns from its answers alone.

    The joint pacer hears of every answer in any case: while other runs share it, all turns are its.
    """

    def __init__(self, key: KeyPace, own: Pacer) -> None:
        self.key = key
        self._own = own
        self._answered = 0  # requests that a budget admitted
        self._is_alone = True  # the request on its way had none of this workspace beside it
        self._first: tuple[Sample, int] | None = None

    @property
    def _pacer(self) -> Pacer:
        return self._own if self.key.is_parted else self.key.joint

    def expect(self, to_come: Callable[[], float], *, spread_s: float = inf) -> None:
        """Say how much this workspace has still to ask, for when it has a pace of its own."""
        self._own.expect(to_come, spread_s=spread_s)

    @property
    def in_flight(self) -> int:
        """Attempts of this workspace that have begun and are not over."""
        return self._own.in_flight

    def wait_s(self, now: float) -> float:
        """Seconds until the next turn, as known now; 0 if it has come."""
        return self._pacer.wait_s(now)

    def take_turn(self, now: float) -> None:
        """Take the turn that has come."""
        self._pacer.take_turn(now)
        if not self.key.is_parted:
            self._own.note_turn(now, is_used=self.key.joint.is_used)

    def begin_attempt(self) -> None:
        """Count an attempt that leaves."""
        self._is_alone = self._own.in_flight == 0
        self._own.begin_attempt()
        self.key.joint.begin_attempt()

    def end_attempt(self) -> None:
        """Count an attempt that is over, whatever its answer."""
        self._own.end_attempt()
        self.key.joint.end_attempt()
        self._is_alone = self._is_alone and self._own.in_flight == 0

    def observe(self, now: float, budgets: Sequence[Budget], *, sent_at: float) -> None:
        """Learn from what an answer says, and weigh whose budget that is."""
        self._own.observe(now, budgets, sent_at=sent_at)
        self.key.joint.observe(now, budgets, sent_at=sent_at)
        self._answered += 1
        if not (self._is_alone and len(budgets) == 1 and budgets[0].is_unit_known):
            return
        last = Sample(budget=budgets[0], sent_at=sent_at, at=now, taken=self._answered)
        if self._first is not None:
            first, answered = self._first
            is_same = first.budget.limit == last.budget.limit and now < first.ends_from
            has_fixed_end = last.ends_from <= first.ends_by
            if is_same and not has_fixed_end and sent_at - first.at >= APART_S:
                self.key.forget()
            elif is_same and not self.key.judge(self, first, last, own=self._answered - answered):
                return
        self._first = last, self._answered

    def hold(
        self, now: float, retry_after_s: float | None, why: str, *, sent_at: float | None = None
    ) -> Hold:
        """Hold requests back; where two workspaces are refused at once, those of all."""
        self._first = None  # a refused request is in no budget
        own = self._own.hold(now, retry_after_s, why, sent_at=sent_at)
        if sent_at is not None:
            self.key.note_refusal(self, now)
        joint = self.key.joint.hold(now, retry_after_s, why, sent_at=sent_at)
        return own if self.key.is_parted else joint

    def report_served(self, now: float, *, sent_at: float = float("inf")) -> None:
        """Count a served request."""
        self._own.report_served(now, sent_at=sent_at)
        self.key.note_served(self, now, sent_at=sent_at)
        self.key.joint.report_served(now, sent_at=sent_at)

    def current_hold(self, now: float) -> Hold | None:
        """The hold-back in force, if any."""
        return self._pacer.current_hold(now)

    def estimate(self, now: float) -> PaceEstimate:
        """The present estimate of the pace."""
        return self._pacer.estimate(now)

    def spent_s(self, now: float) -> float:
        """Seconds until a budget that is used up is whole again; 0 while none is."""
        return self._pacer.spent_s(now)


def joint_of(pacer: Pacer) -> Pacer:
    """The pacer that a workspace's pace is a part of; itself where it is no part."""
    return pacer.key.joint if isinstance(pacer, Member) else pacer
