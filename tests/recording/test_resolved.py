from pathlib import Path

import polars as pl
import pytest

from batch.errors import InputError
from batch.judging.resolve import RESOLVED
from batch.recording.resolved import RESOLVED_NAME, Resolved


def test_ids_are_read_between_any_lines(tmp_path: Path) -> None:
    path = tmp_path / RESOLVED_NAME
    rows = [{"line": line, "campaignId": "c", "campaignLeadId": f"l{line}"} for line in (2, 3, 5)]
    pl.DataFrame(rows, schema=RESOLVED).write_parquet(path)
    found = Resolved(path).between(3, 9)
    assert found["campaignLeadId"].to_list() == ["l3", "l5"]


@pytest.mark.parametrize("content", [None, b"", b"no columns"])
def test_a_file_that_is_gone_or_damaged_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / RESOLVED_NAME
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Resolved(path)
    assert str(caught.value) == (
        f"{path}: can't be read. It says which leads the rows' e-mail addresses are; "
        "bring it back, or start a new run."
    )
