"""What holds a request back: what refuses it, and where somebody must type a number first."""

from batch.advice import Advice
from batch.jobs.request import Request
from batch.judging.guardrails import (
    too_many_clears,
    too_many_invalid,
    too_many_tag_changes,
    unexpected_changes,
)
from batch.judging.plan import Plan
from batch.judging.totals import Effect


def refusal_of(plan: Plan, request: Request, effect: Effect | None = None) -> str | None:
    """Why nothing of this plan may be sent; None if it may.

    effect: of what is left to send; None before the leads were read, when how many tags change
    can't be held against what is expected.
    """
    guardrails, name = request.guardrails, request.source.name
    if guardrails.strict and plan.tally.error:
        rows = "1 row is" if plan.tally.error == 1 else f"{plan.tally.error:,} rows are"
        first = plan.first_problems[0].sentence(name)
        return f"{rows} invalid, and a strict run sends nothing then. The first: {first}"
    if effect and (unexpected := unexpected_changes(effect, guardrails.expect_changes)):
        return unexpected
    return None if guardrails.allow_invalid else too_many_invalid(plan, name=name)


def guardrails_of(effect: Effect, request: Request) -> tuple[Advice, ...]:
    """Why somebody should type a number before this is sent."""
    guardrails = (
        None if request.guardrails.allow_clears else too_many_clears(effect),
        None if _is_expected(request) else too_many_tag_changes(effect, limit=_limit_of(request)),
    )
    return tuple(filter(None, guardrails))


def typed_number(effect: Effect, request: Request) -> int:
    """The number to type once the guardrails are understood: the larger one if there are two."""
    if not _is_expected(request) and too_many_tag_changes(effect, limit=_limit_of(request)):
        return effect.tag_changes
    return effect.clears_rows


def _is_expected(request: Request) -> bool:
    return request.guardrails.expect_changes is not None or request.guardrails.is_confirmed


def _limit_of(request: Request) -> int:
    return request.settings.run.tag_change_limit
