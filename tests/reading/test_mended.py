import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.columns import Column
from batch.errors import InputError
from batch.model import Field
from batch.reading.mended import Mend, from_csv, mends_sha256, to_csv, told_of
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.web.mending import write_mended
from tests.support.wired import HEADER

# What a cell of a spreadsheet may hold, hostile and odd ones among it.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=12
) | st.sampled_from(["=1+1", "'=x", '="00a"', "007", " x ", '"', "a,b", "-", "\u00e9", "null"])
COLUMNS: tuple[Column, ...] = tuple(Field)


def mend(line: int, column: Column, now: str, was: str = "") -> Mend:
    return Mend(line=line, column=column, was=was, now=now)


def rows_of(path: Path, *mended: Mend) -> list[tuple[object, ...]]:
    """Every row as it is read: its line and all its cells, blank ones as texts."""
    with open_table(path, TableOptions(mended=mended)) as table:
        frames = [frame.fill_null("") for frame in table.rows()]
    return pl.concat(frames).rows() if frames else []


def write(path: Path, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([(*HEADER, "note"), *rows])
    return path


@given(
    rows=st.lists(st.tuples(*[TEXTS] * 5), min_size=1, max_size=6),
    mends=st.dictionaries(
        st.tuples(st.integers(2, 7), st.sampled_from(COLUMNS)), st.sampled_from(["x", "", "=2"])
    ),
)
@settings(deadline=None, max_examples=40)
def test_mends_change_their_cells_and_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, ...]],
    mends: dict[tuple[int, Column], str],
) -> None:
    folder = tmp_path_factory.mktemp("mended")
    path = write(folder / "leads.csv", [("a", *row[1:4], "n" + row[4]) for row in rows])
    plain = rows_of(path)
    mended = tuple(mend(line, column, now) for (line, column), now in mends.items())
    expected = [list(row) for row in plain]
    for (line, column), now in mends.items():
        for row in expected:
            if row[0] == line:
                row[1 + COLUMNS.index(column)] = now
    assert [list(row) for row in rows_of(path, *mended)] == expected
    assert rows_of(path) == plain
    sheet = folder / "mended.xlsx"
    with open_table(path, TableOptions(mended=mended)) as table:
        write_mended(table, sheet)
    again = [list(row)[1:] for row in rows_of(sheet)]
    assert again == [row[1:] for row in expected]


def test_what_is_judged_and_what_is_shown_are_mended_alike(tmp_path: Path) -> None:
    path = write(tmp_path / "leads.csv", [("c", "l", "Repleid", "", "n"), ("c", "m", "x", "", "n")])
    options = TableOptions(mended=(mend(2, Field.STATUS, "paused", "Repleid"),))
    with open_table(path, options) as table:
        assert pl.concat(table.cells())["status"].to_list() == ["paused", "x"]
        assert pl.concat(table.rows())["2"].to_list() == ["paused", "x"]


def test_a_mend_of_a_column_that_is_not_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("campaignId,campaignLeadId,status\nc,l,paused\n")
    with pytest.raises(InputError, match=r"line 2: a cell of aiTag was mended, but no column is"):
        open_table(path, TableOptions(mended=(mend(2, Field.AI_TAG, "x"),)))


ODD = (
    mend(2, Field.AI_TAG, "=1+1", "'=x"),
    mend(3, Field.STATUS, "", 'a "quoted"\ncell, with commas'),
    mend(3, Field.CAMPAIGN_ID, "\u00e9", ""),
)


def test_a_table_of_mends_is_read_as_it_was_written() -> None:
    content = to_csv(ODD)
    assert from_csv(content) == ODD
    assert "\n2,aiTag,''=x,'=1+1\n" in content.decode("utf-8-sig")  # no cell runs as a formula
    assert mends_sha256(ODD) != mends_sha256(ODD[:2])
    assert mends_sha256(()) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"line,column\n", b"line,column,was,now\nx,aiTag,,\n", b"line,column,was,now\n1,x,,\n"],
)
def test_anything_else_is_no_table_of_mends(content: bytes) -> None:
    with pytest.raises(ValueError, match="no table of mends"):
        from_csv(content)


def test_what_is_told_of_mended_rows() -> None:
    assert told_of(ODD).rows() == [
        (2, """aiTag was "'=x"."""),
        (3, 'status was "a "quoted"\ncell, with commas". campaignId was blank.'),
    ]
