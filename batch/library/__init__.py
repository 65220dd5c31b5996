"""The front end for callers in Python: the use cases as functions, async or blocking.

`batch` gives all of it by its own name, and loads it when it is first used.
"""

from batch.jobs.outcome import RunOutcome
from batch.jobs.request import Guardrails, Reading
from batch.judging.guardrails import Range
from batch.library.answers import (
    CheckOutcome,
    Difference,
    PlanOutcome,
    PlanPart,
    ResultRow,
    VerifyOutcome,
    results,
)
from batch.library.caller import Event, Note, Target
from batch.library.calls import (
    apply,
    apply_sync,
    blocking,
    check,
    check_sync,
    plan,
    plan_sync,
    resume,
    resume_sync,
    retry,
    retry_sync,
    run,
    run_sync,
    undo,
    undo_sync,
    verify,
    verify_sync,
)
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question

__all__ = [
    "CheckOutcome",
    "Difference",
    "Event",
    "Guardrails",
    "Moment",
    "Note",
    "PlanOutcome",
    "PlanPart",
    "Question",
    "Range",
    "Reading",
    "ReadingProgress",
    "ResultRow",
    "RunOutcome",
    "Target",
    "VerifyOutcome",
    "apply",
    "apply_sync",
    "blocking",
    "check",
    "check_sync",
    "plan",
    "plan_sync",
    "results",
    "resume",
    "resume_sync",
    "retry",
    "retry_sync",
    "run",
    "run_sync",
    "undo",
    "undo_sync",
    "verify",
    "verify_sync",
]
