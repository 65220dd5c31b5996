"""What was found of a run, as values that stand for any."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from batch.model import Reason, Tally
from batch.recording.journal_sql import CAUSES_SCHEMA
from batch.recording.runfile import RunInput, RunRecord, RunState, RunWorkspace
from batch.reporting.digest import Digest, Findings
from batch.settings.model import Settings
from tests.support.wired import plan_of

BEGAN = datetime(2026, 11, 24, 20, 19, tzinfo=UTC)


def a_record(**more: Any) -> RunRecord:  # noqa: ANN401 - the fields of RunRecord
    """A run that finished after a minute."""
    given: dict[str, Any] = {
        "id": "0123456789abcdef",
        "state": RunState.FINISHED,
        "exit_code": 0,
        "versions": {"sendkit-batch": "1.2.3"},
        "input": RunInput(name="leads.csv", sha256="ab" * 32, size_bytes=99, original="/home/me/x"),
        "base_url": "https://api.sendkit.ai",
        "workspace": RunWorkspace(id="77", name="Acme"),
        "settings": Settings().public(),
        "pid": 1,
        "started_at": BEGAN,
        "ended_at": BEGAN.replace(minute=20),
        "rows": 0,
        "counts": {},
        "reasons": {},
    }
    return RunRecord(**{**given, **more})


def findings(
    tally: Mapping[Reason, int],
    *,
    examples: Mapping[Reason, Sequence[tuple[int, str]]] | None = None,
    causes: Sequence[Mapping[str, object]] = (),
    digest: Digest | None = None,
    **record: Any,  # noqa: ANN401 - the fields of RunRecord
) -> Findings:
    """A run whose rows came to this tally."""
    counted = Tally(tally)
    no_lines = pl.Series("line", [], dtype=pl.UInt32)
    return Findings(
        record=a_record(**record),
        effect=plan_of(requests=counted.success, to_paused=counted.success),
        rows=counted.total(),
        tally=counted,
        examples=examples or {},
        causes=pl.DataFrame(list(causes), schema=CAUSES_SCHEMA),
        digest=digest or Digest(is_planned=False, named=no_lines),
        history=None,
        is_planned=False,
        results_name="results.csv",
    )
