"""Practice: a sandbox that knows a spreadsheet's leads, and its tags as labels.

So a run can be tried without SendKit. The real key, address and proxy have no part in it.
"""

import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.errors import UsageError
from batch.judging.rules import Rules, judge
from batch.reading.table import Table
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.process import start_sandbox

_ANY_ID = "[A-Za-z0-9_-]+"  # the rules have judged the ids by the pattern that is set


@contextmanager
def practice_access(table: Table, rules: Rules) -> Iterator[Access]:
    """Access to a sandbox of its own, as long as the context lasts.

    rules: without labels. Raises UsageError when the sandbox can't be started.
    """
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as folder:
        leads, labels = Path(folder, "leads.csv"), Path(folder, "labels.txt")
        _write_seed(table, rules, leads, labels)
        options = Options(seed_csv=leads, labels_file=labels, id_pattern=_ANY_ID)
        try:
            with start_sandbox(options) as sandbox:
                yield Access(
                    base_url=sandbox.base_url,
                    api_key=SecretStr(sandbox.api_key),
                    workspace_id=None,
                )
        except SandboxError as error:
            raise UsageError(f"The practice sandbox can't be started: {error}") from error


def _write_seed(table: Table, rules: Rules, leads: Path, labels: Path) -> None:
    """The leads of every row that is valid by itself, and its tags, each once whatever its case."""
    names: dict[str, str] = {}
    with leads.open("wb") as out:
        out.write(b"campaignId,campaignLeadId\n")
        for cells in table.cells():
            rows = judge(cells, rules).filter(pl.col("reason").is_null())
            rows.select("campaign_id", "campaign_lead_id").write_csv(out, include_header=False)
            for name in rows["ai_tag"].unique(maintain_order=True).drop_nulls():
                names.setdefault(unicodedata.normalize("NFC", name).lower(), name)
    labels.write_text("".join(f"{name}\n" for name in names.values()), encoding="utf-8")
