import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.columns import ADDED_COLUMNS, Column
from batch.errors import InputError
from batch.model import Field
from batch.reading.mended import Mend, from_csv, mends_sha256, notes_of, to_csv
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import Table, open_table
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
    read = {row[0]: row[1:] for row in plain}
    mended = tuple(
        mend(line, column, now, str(read[line][COLUMNS.index(column)]))
        for (line, column), now in mends.items()
        if line in read
    )
    expected = [list(row) for row in plain]
    for each in mended:
        for row in expected:
            if row[0] == each.line:
                row[1 + COLUMNS.index(each.column)] = each.now
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


OF_OTHERS = (
    'leads.csv line 2, column status: found "active"; expected "Repleid", which somebody has '
    "mended. The mends are of another file, sheet or column: take them back, and mend what is "
    "wrong here."
)
OF_NO_ROW = "leads.csv line 9: a cell of it was mended, but there is no such row. Take it back."


@pytest.mark.parametrize(
    ("line", "was", "read", "told"),
    [
        (2, "Repleid", "Repleid", ""),
        (2, "x" * 500, "x" * 500 + "y", ""),  # as much as is kept of what a cell was
        (3, "", "", ""),
        (2, "Repleid", "active", OF_OTHERS),
        (9, "", "", OF_NO_ROW),
    ],
)  # fmt: skip
def test_a_mend_is_of_no_cell_but_the_one_it_was_made_for(
    tmp_path: Path, line: int, was: str, read: str, told: str
) -> None:
    rows: list[tuple[str, ...]] = [("c", "l", read, "", "n"), ("c", "m", "", "", "n")]
    path = write(tmp_path / "leads.csv", rows)
    a_mend = mend(line, Field.STATUS, "paused", was)
    if not told:
        assert rows_of(path, a_mend)[line - 2][3] == "paused"
        return
    for give in (Table.cells, Table.rows):
        with (
            open_table(path, TableOptions(mended=(a_mend,))) as table,
            pytest.raises(InputError) as error,
        ):
            list(give(table))
        assert str(error.value) == told


def test_a_mend_of_a_file_of_ours_is_held_to_the_cell_without_our_apostrophe(
    tmp_path: Path,
) -> None:
    header = ",".join((*HEADER, *ADDED_COLUMNS))
    path = tmp_path / "failed.csv"
    path.write_text(f"{header}\nc,l,paused,'=1+1{',' * len(ADDED_COLUMNS)}\n")
    ((*_, tag),) = rows_of(path, mend(2, Field.AI_TAG, "=2+2", "=1+1"))
    assert tag == "=2+2"


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
    assert notes_of(()) is None
    notes = notes_of(ODD)
    assert notes is not None
    assert notes.rows() == [
        (2, """Mended: aiTag was "'=x"."""),
        (3, 'Mended: status was "a "quoted"\ncell, with commas", campaignId was blank.'),
    ]
