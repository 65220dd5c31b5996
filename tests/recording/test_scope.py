from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from batch.errors import InputError
from batch.recording.scope import SCOPE_NAME, read_scope

LINES = pl.Series("line", [2, 7, 4_000_000], dtype=pl.UInt32)


def write_scope(folder: Path, lines: pl.Series) -> str:
    """As runs of format 1 have it."""
    content = lines.rename("line").to_frame().write_csv().encode()
    (folder / SCOPE_NAME).write_bytes(content)
    return sha256(content).hexdigest()


@pytest.mark.parametrize("lines", [LINES, LINES.head(0)], ids=["some", "none"])
def test_the_lines_of_a_retry_are_read_as_they_were_written(
    tmp_path: Path, lines: pl.Series
) -> None:
    written = write_scope(tmp_path, lines)
    assert read_scope(tmp_path, sha256=written).equals(lines, check_dtypes=True, check_names=True)


def test_lines_that_were_changed_are_refused(tmp_path: Path) -> None:
    written = write_scope(tmp_path, LINES)
    with (tmp_path / SCOPE_NAME).open("a") as file:
        file.write("4000001\n")
    with pytest.raises(InputError) as caught:
        read_scope(tmp_path, sha256=written)
    assert str(caught.value) == (
        f"{tmp_path / 'lines.csv'}: was changed since the run began; expected the content with "
        f"sha256 {written[:12]}…. It says which rows the run is about; bring it back, or start a "
        "new run."
    )


def test_lines_that_are_missing_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lines\.csv: can't be read: No such file"):
        read_scope(tmp_path, sha256="ab" * 32)
