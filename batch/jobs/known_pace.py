"""What is known of the pace before the first request: for the forecast, and to begin with."""

import math
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from batch.api.sendkit import Access
from batch.errors import SettingsError
from batch.jobs.opening import OpenRun
from batch.jobs.preflight import Preflight
from batch.jobs.request import Request
from batch.model import Budget
from batch.recording.meeting import CAN_MEET, Meeting, budget_owner
from batch.recording.pace_memory import good_pace, keep_pace
from batch.sending.pace.pacer import PaceEstimate, Pacer, Source
from batch.sending.pace.parting import KeyPace, Member
from batch.sending.pace.search import START_PER_S
from batch.sending.shared_pace import SharedPace
from batch.sending.sharing import Me
from batch.settings.model import PaceSettings, Settings
from batch.settings.values import BudgetOwner
from batch.wording.questions import Basis, LongWindow

# Seconds: over a longer window nothing is spread unless somebody waits for its end. An hour's, at
# 1,000 requests, makes a pause of 4 s; a day's, at 300, one of 5 min, and a run of days. An hour
# that no header names looks longer, by rounding and by clocks that differ.
LONGEST_SPREAD_S = 2 * 3600.0
MOST_WORKERS = 1_000  # of all workspaces together, where nobody has said how many


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPace:
    """What is known before the first request.

    budgets: what the server told with the lists that were read. good_per_s: requests a second that
    went well before, with this base address and workspace; None if unknown. latency_s: how long an
    answer takes; None if unknown.
    """

    budgets: tuple[Budget, ...] = ()
    good_per_s: float | None = None
    latency_s: float | None = None

    def expected_per_s(self, settings: Settings, *, requests: float = math.inf) -> float:
        """Requests a second to count on: what the server names, else what went well, else a guess.

        A set rate is an upper bound, and so is what the workers reach at this latency. requests:
        how many are to be sent; a budget that covers them does not slow them.
        """
        return self.expected(settings, requests=requests)[0]

    def expected(
        self,
        settings: Settings,
        *,
        requests: float = math.inf,
        learnt: PaceEstimate | None = None,
    ) -> tuple[float, Basis]:
        """Requests a second to count on, and what that rests on. learnt: by reading, if at all."""
        per_s, basis = self._allowed(settings, requests)
        if learnt is not None:
            per_s = learnt.rate_per_s
            basis = Basis.HEADERS if learnt.source is Source.HEADERS else Basis.READING
        # A window whose length nobody names is at least as long as the time until its end.
        for each in self.budgets:
            length_s = each.window_s or each.reset_s
            if length_s > 0 and requests > _left(each, settings.pace):
                told_per_s = (1 - settings.pace.headroom) * each.limit / length_s
                per_s, basis = min((per_s, basis), (told_per_s, Basis.HEADERS))
        if self.latency_s and settings.pace.concurrency / self.latency_s < per_s:
            return settings.pace.concurrency / self.latency_s, Basis.WORKERS
        return per_s, basis

    def _allowed(self, settings: Settings, requests: float) -> tuple[float, Basis]:
        pace = settings.pace
        named = [
            each.limit / each.window_s
            for each in self.budgets
            if each.window_s and requests > _left(each, pace)
        ]
        allowed = (1 - pace.headroom) * min(named) if named else None
        set_per_s = pace.rate.per_s
        if set_per_s is None:
            if allowed:
                return allowed, Basis.HEADERS
            # Where budgets are named, a slower one is perhaps the even pace of a long window.
            if self.good_per_s and not (self.budgets and self.good_per_s < START_PER_S):
                return self.good_per_s, Basis.MEMORY
            return START_PER_S, Basis.GUESS
        if allowed is not None and allowed < set_per_s:
            return allowed, Basis.HEADERS
        return set_per_s, Basis.SETTING

    def long_window(self, settings: Settings, *, requests: int) -> LongWindow | None:
        """The window whose end is not waited for unasked, where its rest covers not so many."""
        pace = settings.pace
        found = []
        for each in self.budgets:
            left, length_s = _left(each, pace), each.window_s or each.reset_s
            is_spread = length_s <= LONGEST_SPREAD_S and left > 0
            if requests <= left or is_spread or each.reset_s <= pace.max_wait_s:
                continue
            later = math.ceil((requests - left) / (each.limit - _kept(each, pace)))
            found.append(
                LongWindow(
                    limit=each.limit,
                    window_s=each.window_s,
                    left=left,
                    ends_in_s=each.reset_s,
                    takes_s=each.reset_s + (later - 1) * length_s,
                )
            )
        return max(found, key=lambda window: window.takes_s, default=None)

    def workers(self, settings: Settings) -> int:
        """Workers that keep the pace at the latency that was seen, and two more; 0 if unknown."""
        if not self.latency_s:
            return 0
        pace = settings.pace.model_copy(update={"concurrency": MOST_WORKERS})
        per_s = self.expected_per_s(settings.model_copy(update={"pace": pace}))
        return math.ceil(per_s * self.latency_s) + 2

    def forecast(
        self, settings: Settings, *, requests: int, learnt: PaceEstimate | None = None
    ) -> tuple[float, Basis]:
        """Seconds that sending will take, and what that rests on. learnt: by reading, if at all."""
        window = self.long_window(settings, requests=requests)
        if window:
            return window.takes_s, Basis.HEADERS
        per_s, basis = self.expected(settings, requests=requests, learnt=learnt)
        return requests / per_s, basis


def workers_of(concurrency: int, *, needed: Sequence[int]) -> tuple[list[int], int | None]:
    """How many workers each part gets, and how many of all may be at work; None for all of them.

    needed: by each part, for its pace; 0 where that is unknown. No part gets more than half. Where
    somebody has set the concurrency, it is for all parts together; where nobody has, a slow part
    gets what it needs, and parts wait for no other, but for more than a thousand requests.
    """
    if len(needed) <= 1:
        return [concurrency for _ in needed], None
    if concurrency != PaceSettings().concurrency:
        most = concurrency
        workers = [max(1, most // 2) for _ in needed]
    else:
        most = MOST_WORKERS
        each = max(2, min(concurrency // 2, most // len(needed)))
        workers = [min(most // 2, max(each, own)) for own in needed]
    return workers, most if sum(workers) > most else None


def spread_s(settings: Settings) -> float:
    """The longest window, in seconds, over which its rest is spread."""
    return math.inf if settings.pace.wait else LONGEST_SPREAD_S


def _kept(budget: Budget, pace: PaceSettings) -> int:
    """What is left to others."""
    return math.ceil(round(pace.headroom * budget.limit, 6))


def _left(budget: Budget, pace: PaceSettings) -> int:
    """Requests that remain, less the headroom."""
    return max(0, budget.remaining - _kept(budget, pace))


def make_pacer(settings: Settings, good_per_s: float | None) -> Pacer:
    """The pacer that the settings ask for. good_per_s: a rate that went well; None if unknown."""
    pace, retry = settings.pace, settings.retry
    return Pacer(
        pace.rate.per_s,
        headroom=pace.headroom,
        good_per_s=good_per_s,
        backoff_base_s=retry.backoff_base_s,
        backoff_max_s=retry.backoff_max_s,
        draw=random.random,
    )


def meeting_of(request: Request, access: Access, workspace_id: str | None) -> Meeting | None:
    """Where the runs of a budget share its pace; None where none is shared: practice, Windows.

    Until somebody has said whose the budget is, a key that reaches many workspaces has one for all
    of them, and any other that of its workspace.
    """
    if request.session.sandbox or not CAN_MEET:
        return None
    budget = request.settings.pace.budget
    if budget is BudgetOwner.AUTO:
        budget = BudgetOwner.KEY if access.is_platform else BudgetOwner.WORKSPACE
    owner = budget_owner(
        workspace_id=workspace_id if budget is BudgetOwner.WORKSPACE else None,
        key=None if budget is BudgetOwner.ALL else access.api_key,
    )
    with suppress(SettingsError):  # a folder that can't be used has stopped the run before this
        return Meeting(request.session.state_dir, base_url=access.base_url, owner=owner)
    return None


@asynccontextmanager
async def at_one_pace(
    pacers: Mapping[Pacer, tuple[Meeting | None, Me]],
) -> AsyncIterator[Mapping[Pacer, SharedPace]]:
    """Within it, each pacer is shared with other runs of the machine, if there is a place for it.

    pacers: by each, where its runs meet, and as what this one comes in.
    """
    async with AsyncExitStack() as entered:
        yield {
            pacer: await entered.enter_async_context(SharedPace(pacer, me, meeting=meeting))
            for pacer, (meeting, me) in pacers.items()
            if meeting
        }


def as_member(settings: Settings, name: str) -> Me:
    """A run as those read it that share its pace. name: the run's folder."""
    pace = settings.pace
    return Me(name=name[:100], rate_per_s=pace.rate.per_s, headroom=pace.headroom)


def meeting_to_read(opened: OpenRun, preflight: Preflight) -> Meeting | None:
    """Where a run shares its pace while it reads."""
    workspace_id = preflight.workspace.id if preflight.workspace else None
    return meeting_of(opened.request, opened.access, workspace_id)


def known_pace(request: Request, preflight: Preflight) -> KnownPace:
    """What is known of the server's pace; of a practice server nothing is remembered."""
    good_per_s = None
    if preflight.workspace is not None and not request.session.sandbox:
        good_per_s = good_pace(
            request.session.state_dir,
            base_url=request.settings.api.base_url,
            workspace_id=preflight.workspace.id,
        )
    return KnownPace(
        budgets=preflight.budgets, good_per_s=good_per_s, latency_s=preflight.latency_s
    )


def keep_learnt(request: Request, workspace_id: str | None, learnt: PaceEstimate) -> None:
    """Remember what a run learnt. A set rate tells nothing, and practice is not remembered.

    Nor is the even pace of a long window: the next run would wait minutes before it sends at all.
    """
    if learnt.source is Source.SETTING or workspace_id is None or request.session.sandbox:
        return
    if learnt.good_per_s is not None and not _is_even_pace_of_long_window(learnt):
        keep_pace(
            request.session.state_dir,
            learnt.good_per_s,
            base_url=request.settings.api.base_url,
            workspace_id=workspace_id,
        )


def _is_even_pace_of_long_window(learnt: PaceEstimate) -> bool:
    if learnt.limit is None or learnt.window_s is None or learnt.good_per_s is None:
        return False
    is_long = learnt.window_s > LONGEST_SPREAD_S
    return is_long and learnt.good_per_s * learnt.window_s <= learnt.limit


def parted_paces(
    pacers: Sequence[Pacer | None], settings: Sequence[Settings]
) -> tuple[list[Member | None], list[KeyPace]]:
    """A pace of its own for each that shares a pacer, and what evidence parts them by.

    pacers: of each workspace; None where it shares none. settings: of each.
    None for a workspace that keeps its pacer, also since somebody has said whose budgets are.
    """
    keys: dict[Pacer, KeyPace] = {}
    members: list[Member | None] = []
    for pacer, own in zip(pacers, settings, strict=True):
        if pacer is None or own.pace.budget is not BudgetOwner.AUTO:
            members.append(None)
        else:
            key = keys.setdefault(pacer, KeyPace(pacer))
            members.append(Member(key, make_pacer(own, None)))
    return members, [*keys.values()]
