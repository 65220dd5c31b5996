"""What is known of the pace before the first request: for the forecast, and to begin with."""

import random
from dataclasses import dataclass

from batch.jobs.preflight import Preflight
from batch.jobs.request import Request
from batch.model import Budget
from batch.recording.pace_memory import good_pace, keep_pace
from batch.sending.pace.pacer import PaceEstimate, Pacer, Source
from batch.sending.pace.search import START_PER_S
from batch.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPace:
    """What is known before the first request.

    budgets: what the server told with the lists that were read. good_per_s: requests a second that
    went well before, with this base address and workspace; None if unknown.
    """

    budgets: tuple[Budget, ...] = ()
    good_per_s: float | None = None

    def expected_per_s(self, settings: Settings) -> float:
        """Requests a second to count on: what the server names, else what went well, else a guess.

        A set rate is an upper bound.
        """
        pace = settings.pace
        named = [each.limit / each.window_s for each in self.budgets if each.window_s]
        allowed = (1 - pace.headroom) * min(named) if named else None
        set_per_s = pace.rate.per_s
        if set_per_s is None:
            return allowed or self.good_per_s or START_PER_S
        return set_per_s if allowed is None else min(allowed, set_per_s)


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


def known_pace(request: Request, preflight: Preflight) -> KnownPace:
    """What is known of the server's pace; of a practice server nothing is remembered."""
    good_per_s = None
    if preflight.workspace is not None and not request.session.sandbox:
        good_per_s = good_pace(
            request.session.state_dir,
            base_url=request.settings.api.base_url,
            workspace_id=preflight.workspace.id,
        )
    return KnownPace(budgets=preflight.budgets, good_per_s=good_per_s)


def keep_learnt(request: Request, workspace_id: str | None, learnt: PaceEstimate) -> None:
    """Remember what a run learnt. A set rate tells nothing, and practice is not remembered."""
    if learnt.source is Source.SETTING or workspace_id is None or request.session.sandbox:
        return
    if learnt.good_per_s is not None:
        keep_pace(
            request.session.state_dir,
            learnt.good_per_s,
            base_url=request.settings.api.base_url,
            workspace_id=workspace_id,
        )
