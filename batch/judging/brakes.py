"""Why a plan should not be sent as it is, or not without somebody saying so. Pure."""

from dataclasses import dataclass

from batch.judging.plan import Plan
from batch.judging.totals import Effect

# A brake needs more rows than this, so that a small file with mistakes is no alarm.
_BRAKE_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """How many there may be, both ends included."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"


def too_many_invalid(plan: Plan, *, name: str) -> str | None:
    """Why the run should not start: most rows are wrong, so perhaps the columns are; else None.

    name: what messages call the file.
    """
    invalid = plan.tally.error
    if invalid <= _BRAKE_ROWS or invalid * 2 <= plan.rows:
        return None
    first = plan.first_problems[0].sentence(name)
    return (
        f"{invalid:,} of {plan.rows:,} rows are invalid, more than half: probably the columns are "
        f"the wrong ones. The first: {first} Mend the file or name its columns with --map; "
        "to send the valid rows all the same, use --allow-invalid."
    )


def too_many_clears(effect: Effect) -> str | None:
    """Why somebody should confirm first: most rows to send clear the tag; else None."""
    clears = effect.clears_rows
    if clears <= _BRAKE_ROWS or clears * 2 <= effect.sendable_rows:
        return None
    return (
        f"{clears:,} of the {effect.sendable_rows:,} rows to send clear the tag, more than half. "
        f"If that is meant, use --allow-clears, or type {clears} at the question."
    )


def too_many_tag_changes(effect: Effect, *, limit: int) -> str | None:
    """Why somebody should confirm first: more tags change than the set limit; else None.

    limit: 0 for none.
    """
    changes = effect.tag_changes
    if not limit or changes <= limit:
        return None
    return (
        f"{changes:,} leads' tags would change, more than the {limit:,} of tag_change_limit; tag "
        f"changes can start or stop e-mails. If that is meant, use --expect-changes {changes}, or "
        f"type {changes} at the question."
    )


def unexpected_changes(effect: Effect, expected: Range | None) -> str | None:
    """Why nothing may be sent: another number of tags changes than was expected; else None."""
    if expected is None or expected.least <= effect.tag_changes <= expected.most:
        return None
    changes = "1 lead's tag" if effect.tag_changes == 1 else f"{effect.tag_changes:,} leads' tags"
    return f"--expect-changes: {changes} would change; expected {expected}. Nothing was sent."
