"""Apply a spreadsheet of changes to SendKit campaign leads, with a true answer for every row.

`check`, `plan`, `run`, `apply`, `resume`, `retry`, `undo`, `verify` and `results` are for callers
in Python; the manual's page *python* shows them. Importing this loads none of them.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch.library import *  # noqa: F403 - its names, for type checkers

# Polars sizes its thread pool once, at import, and its streaming reader holds memory in
# proportion: 10 M rows took 380 MB on two threads and 1.1 GB on sixteen. Every module that
# imports Polars imports this package first, so this is the one place that is early enough.
os.environ.setdefault("POLARS_MAX_THREADS", "2")

__version__ = "0.1.0"

_OF_LIBRARY = {
    "CheckOutcome",
    "Difference",
    "Event",
    "Guardrails",
    "Moment",
    "Note",
    "PlanOutcome",
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
}


def __getattr__(name: str) -> object:
    """A name of `batch.library`, which is loaded now."""
    if name not in _OF_LIBRARY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("batch.library"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_OF_LIBRARY})
