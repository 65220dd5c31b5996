"""All that a report tells of one run, before anybody says how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from batch.judging.totals import Effect
from batch.model import Reason, Tally
from batch.recording.runfile import RunRecord
from batch.reporting.digest import Digest
from batch.reporting.overtime import Overtime

EXAMPLES = 3  # lines that are shown of each reason
FAILED_ROWS = 200  # that are listed; failed.csv has all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is known of a run.

    effect: of all that was asked. tally: all rows, those without an outcome as not reached.
    examples: for each reason, its first lines, each with its message.
    failed: the first rows that failed, as `Journal.rows` gives them. digest: of the requests.
    overtime: None where nothing was sent. is_planned: whether nothing was sent yet.
    """

    record: RunRecord
    effect: Effect
    rows: int
    tally: Tally
    examples: Mapping[Reason, Sequence[tuple[int, str]]]
    failed: pl.DataFrame
    digest: Digest
    overtime: Overtime | None
    is_planned: bool
