"""Why a plan should not be sent as it is, or not without somebody saying so. Pure."""

from dataclasses import dataclass

from batch.advice import Advice, Fix, Remedy
from batch.judging.plan import Plan
from batch.judging.totals import Effect

# A guardrail needs more rows than this, so that a small file with mistakes is no alarm.
_ALARM_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """How many there may be, both ends included."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"


def too_many_invalid(plan: Plan, *, name: str) -> Advice | None:
    """Why the run should not start: most rows are wrong, so perhaps the columns are; else None.

    name: what messages call the file.
    """
    invalid = plan.tally.error
    if invalid <= _ALARM_ROWS or invalid * 2 <= plan.rows:
        return None
    first = plan.first_problems[0].sentence(name)
    return Advice(
        f"{invalid:,} of {plan.rows:,} rows are invalid, more than half: probably the columns are "
        f"the wrong ones. The first: {first}",
        Remedy(Fix.SEND_VALID),
    )


def too_many_clears(effect: Effect) -> Advice | None:
    """Why somebody should confirm first: most rows to send clear the tag; else None."""
    clears = effect.clears_rows
    if clears <= _ALARM_ROWS or clears * 2 <= effect.sendable_rows:
        return None
    return Advice(
        f"{clears:,} of the {effect.sendable_rows:,} rows to send clear the tag, more than half.",
        Remedy(Fix.CONFIRM_CLEARS, str(clears)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLimit:
    """How many leads' tags may change on a plain yes; 0 for any number. setting: what says so."""

    limit: int
    setting: str


def too_many_tag_changes(effect: Effect, limit: TagLimit) -> Advice | None:
    """Why somebody should confirm first: more tags change than the set limit; else None."""
    changes = effect.tag_changes
    if not limit.limit or changes <= limit.limit:
        return None
    return Advice(
        f"{changes:,} leads' tags would change, more than the {limit.limit:,} of {limit.setting}; "
        "tag changes can start or stop e-mails.",
        Remedy(Fix.CONFIRM_CHANGES, str(changes)),
    )


def unexpected_changes(effect: Effect, expected: Range | None) -> str | None:
    """Why nothing may be sent: another number of tags changes than was expected; else None."""
    if expected is None or expected.least <= effect.tag_changes <= expected.most:
        return None
    changes = "1 lead's tag" if effect.tag_changes == 1 else f"{effect.tag_changes:,} leads' tags"
    return f"{changes} would change; expected {expected}. Nothing was sent."
