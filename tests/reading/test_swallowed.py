"""Cells that have swallowed other rows, and notes of several lines that have not."""

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from batch.columns import SWALLOWED
from batch.judging.from_cells import make_plan
from batch.judging.plan import Problem
from batch.judging.rules import Rules
from batch.model import Field, Reason
from batch.reading import delimited, grid, swallowed
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.settings.values import OnConflict
from tests.support.sampling import examples

C, L = "65c0ffee0000000000000001", "66a1b2c3d4e5f6a7b8c9d00"
HEADER = "campaignId,campaignLeadId,company,status,aiTag"
LAST = "campaignId,campaignLeadId,status,aiTag,note"
FIRST = "note,campaignId,campaignLeadId,status,aiTag"


def problems(folder: Path, text: str, *, rules: Rules | None = None) -> list[Problem]:
    """What is wrong with the rows of a CSV, each row being judged."""
    path = folder / "leads.csv"
    path.write_bytes(text.encode())
    with open_table(path, TableOptions()) as table:
        plan = make_plan(
            table.cells, rules or Rules(name="leads.csv"), on_conflict=OnConflict.ERROR
        )
        assert plan.rows == sum(frame.height for frame in table.rows())
        return list(plan.problems())


def swallowing(folder: Path, text: str, *, rules: Rules | None = None) -> list[int]:
    """The lines of the rows in which a cell has swallowed others."""
    found = problems(folder, text, rules=rules)
    return [each.line for each in found if "as well: a quote may be unclosed" in each.message]


def row(header: str, number: int, **cells: str) -> str:
    """A plain row of a table; cells: what some columns hold instead."""
    plain = {"campaignId": C, "campaignLeadId": f"{L}{number}", "status": "paused"}
    return ",".join(cells.get(name, plain.get(name, f"x{number}")) for name in header.split(","))


def table_of(header: str, *rows: str) -> str:
    return "\n".join([header, *rows, ""])


EMAIL = "email,campaign,note,status,aiTag"
OWN = "campaignId,campaignLeadId,aiTag,note"
# the text, and the line of the row that is an error
SWALLOWED_ROWS = {
    "t31c: the rest of its row, and the next": table_of(
        HEADER,
        f'{C},{L}1,"Acme,active,Interested',
        f'{C},{L}2,Beta",paused,Later',
        row(HEADER, 3),
    ),
    "three rows": table_of(
        HEADER,
        f'{C},{L}1,"Acme,active,Interested',
        row(HEADER, 2),
        row(HEADER, 3),
        f'{C},{L}4,Beta",paused,Later',
    ),
    "in the last column": table_of(
        LAST, f'{C},{L}1,active,Hot,"Acme', row(LAST, 2), f'{C},{L}3,paused,,Beta"'
    ),
    "in the first column": table_of(
        FIRST, f'"Acme,{C},{L}1,active,Hot', f'Beta",{C},{L}2,paused,Later'
    ),
    "closed in a later column": table_of(
        HEADER + ",owner", f'{C},{L}1,"Acme,active,Hot,me', f'{C},{L}2,Beta,paused,Hot"'
    ),
    "closed so that nothing seems to change": table_of(
        HEADER, f'{C},{L}1,"Acme,active,Hot', f'{C},{L}2,Beta,paused,Hot"'
    ),
    "a row without its last cells": table_of(
        HEADER, f'{C},{L}1,"Acme,active', f"{C},{L}2", f'{C},{L}3,Beta",paused'
    ),
    "blank lines between": table_of(
        HEADER, f'{C},{L}1,"Acme,active,Hot', "", f'{C},{L}2,Beta",paused,Hot'
    ),
    "empty cells in quotes": table_of(
        HEADER, f'{C},{L}1,"Acme,active,Hot', f'{C},{L}2,"",paused,', f'{C},{L}3,C",paused,'
    ),
    "in a column that is read": table_of(
        HEADER, f'{C},{L}1,A,active,"Hot', f'{C},{L}2,B,paused,X"'
    ),
    "ids of another pattern": table_of(
        OWN, 'camp-1,lead-1,Hot,"Acme', "camp-1,lead-2,Hot,n", 'camp-2,lead-3,Later,Beta"'
    ),
    "rows with wrong ids": table_of(
        HEADER, f'{C},{L}1,"Acme,active,Hot', '6.5E+23,6.6E+23,Beta",paused,Hot'
    ),
    "leads by their addresses": table_of(
        EMAIL, 'a@x.example,Spring,"Acme,active,Hot', 'b@x.example,Spring,Beta",paused,Hot'
    ),
}
FALLBACK = f'{C},{L}0,5" disk,paused,x'  # read by the standard library, and all its block


def variants(text: str) -> dict[str, str]:
    """The same table with other delimiters and line ends, and as Polars does not read it."""
    return {
        "comma": text,
        "no last line end": text.rstrip("\n"),
        "semicolon": text.replace(",", ";"),
        "tab": text.replace(",", "\t"),
        "carriage returns and line feeds": text.replace("\n", "\r\n"),
        "carriage returns": text.replace("\n", "\r"),
    }


@pytest.mark.parametrize("kind", SWALLOWED_ROWS)
def test_a_row_in_which_a_cell_has_swallowed_others_is_an_error(tmp_path: Path, kind: str) -> None:
    for variant, text in variants(SWALLOWED_ROWS[kind]).items():
        rules = Rules(name="x", id_pattern=".*") if "pattern" in kind else None
        assert swallowing(tmp_path, text, rules=rules) == [2], variant


def test_it_is_so_where_the_standard_library_reads(tmp_path: Path) -> None:
    header, *rows = SWALLOWED_ROWS["t31c: the rest of its row, and the next"].splitlines()
    for variant, text in variants(table_of(header, FALLBACK, *rows, FALLBACK)).items():
        assert swallowing(tmp_path, text) == [3], variant


AS_WELL = (
    " as well: a quote may be unclosed. Close or remove the quote, or take the line breaks out."
)


@pytest.mark.parametrize(
    ("kind", "column", "message"),
    [
        (
            "t31c: the rest of its row, and the next",
            None,
            (
                'leads.csv line 2: column "company": the cell has a line break and seems to hold '
                f"line 3{AS_WELL}"
            ),
        ),
        (
            "three rows",
            None,
            (
                'leads.csv line 2: column "company": the cell has 3 line breaks and seems to hold '
                f"lines 3 to 5{AS_WELL}"
            ),
        ),
        (
            "in a column that is read",
            Field.AI_TAG,
            (
                "leads.csv line 2, column aiTag: the cell has a line break and seems to hold "
                f"line 3{AS_WELL}"
            ),
        ),
    ],
)
def test_the_sentence_says_where_and_which_lines(
    tmp_path: Path, kind: str, column: Field | None, message: str
) -> None:
    (problem,) = problems(tmp_path, SWALLOWED_ROWS[kind])
    assert (problem.reason, problem.column) == (Reason.BAD_CELL, column)
    assert problem.sentence("leads.csv") == message


def test_a_column_without_a_name_has_its_number(tmp_path: Path) -> None:
    text = SWALLOWED_ROWS["in the last column"].replace(",note", ",")
    assert problems(tmp_path, text)[0].message.startswith('column "5": the cell has 2 line breaks')


NOTES = (
    "first line\nsecond line",
    "Dear John,\nthank you, too.\nBye",
    "a, b, c, d\ne, f",
    "Called, active, keen\nSmith, Jones, x",
    "5 Main St\nSpringfield, IL, 62704, USA",
    "Springfield,Illinois,USA,12345\nTel. 5,5",
    "x\nSpringfield,Illinois,USA,12345",
    f"see {L}1\nand {L}2, too",
    f"merged with\n{L}1",
    f"{L}1\n",
    "\n\n\n",
    ",,,,\n,,,,",
    "cc a@x.example,\nb@x.example, c@x.example, d@x.example",
    "one\ttwo;three\nfour\tfive;six",
    "5 of 5\n1,2,3,4,5",
    "4 of 4\n1,2,3,4",
    "years\n2021,2022,2023,2024,2025",
    '"quoted, twice"\n"and so, on"',
)


@pytest.mark.sampled(40)
@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("header", [HEADER.replace("company", "note"), LAST, FIRST, OWN])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_note_of_several_lines_is_a_note(
    tmp_path: Path, note: str, header: str, delimiter: str
) -> None:
    names = header.split(",")
    cells = {"campaignId": C, "campaignLeadId": f"{L}1", "status": "paused", "note": note}
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([names, *[[cells.get(name, "") for name in names]] * 2])
    assert problems(tmp_path, text.getvalue()) == []


def test_a_cell_of_a_workbook_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER.split(","))
        sheet.write_row(1, 0, [C, f"{L}1", f"Acme,active,Hot\n{C},{L}2,B", "paused", "x"])
    with open_table(path, TableOptions()) as table:
        assert not any(SWALLOWED[0] in frame.columns for frame in table.cells())


def test_a_file_of_ours_is_told_the_same_again(tmp_path: Path) -> None:
    added = "line,result,reason,http_status,attempts,elapsed_ms,message,sent_at,server_status"
    added += ",server_ai_tag,subsequence"
    cell = f'"Acme,active,Hot\n{C},{L}2,Beta"'
    text = f"{HEADER},{added}\n{C},{L}1,{cell},paused,Later,2,error,bad_cell,,0,,m,,,,\n"
    assert swallowing(tmp_path, text) == [2]
    own = 'camp-1,lead-1,Hot,"Acme\ncamp-1,lead-2,Hot,Beta",2,error,bad_cell,,0,,m,,,,\n'
    rules = Rules(name="x", id_pattern=".*")
    assert swallowing(tmp_path, f"{OWN},{added}\n{own}", rules=rules) == [2]


@pytest.mark.parametrize("company", ["A", '"A, Inc."'])
def test_cells_of_text_without_line_breaks_are_not_looked_at(tmp_path: Path, company: str) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(table_of(HEADER, *(row(HEADER, n % 9, company=company) for n in range(500))))
    with (
        patch.object(delimited, "BLOCK", 4096),
        patch("batch.reading.table.columns_with_breaks", side_effect=AssertionError("looked at")),
        open_table(path, TableOptions()) as table,
    ):
        assert sum(frame.height for frame in table.cells()) == 500


def test_frames_of_the_standard_library_are_looked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(table_of(HEADER, FALLBACK, *(row(HEADER, n % 9) for n in range(500))))
    with patch.object(grid, "ROWS_A_BATCH", 100), open_table(path, TableOptions()) as table:
        assert sum(1 for _ in table.cells()) > 3
        with patch(
            "batch.reading.table.columns_with_breaks", side_effect=AssertionError("looked again")
        ):
            assert sum(frame.height for frame in table.cells()) == 501


def test_of_a_very_long_cell_only_the_start_is_looked_at(tmp_path: Path) -> None:
    rows = "".join(f"{C},{L}1,x,paused,Hot\n" for _ in range(9_000))
    text = f'{HEADER}\n{C},{L}1,"Acme,active,Hot\n{rows}{C},{L}2,Beta",paused,Later\n'
    with patch.object(swallowed, "_MOST_LINES", 3):
        (problem,) = problems(tmp_path, text)
    assert "seems to hold lines 3 to 9003 as well" in problem.message
    assert len(problem.found) == 200


WORDS = st.text(st.sampled_from("ab é-./"), max_size=5)


@examples(100)
@given(
    data=st.data(),
    delimiter=st.sampled_from([",", ";", "\t"]),
    block=st.sampled_from([64, 1 << 20]),
)
def test_whichever_rows_a_cell_has_swallowed_its_row_is_an_error_and_no_other(
    data: st.DataObject, delimiter: str, block: int
) -> None:
    others = [f"own{n}" for n in range(data.draw(st.integers(1, 3)))]
    names = data.draw(st.permutations(["campaignId", "campaignLeadId", "status", "aiTag", *others]))
    position = data.draw(st.sampled_from([names.index(each) for each in others]))
    length = data.draw(st.integers(2, 12))
    first = data.draw(st.integers(0, length - 2))
    last = data.draw(st.integers(first + 1, length - 1))
    rows = []
    for number in range(length):
        known = {"campaignId": C, "campaignLeadId": f"{L[:-1]}{number:02}", "status": "paused"}
        rows.append([known.get(name, "") or data.draw(WORDS) for name in names])
    rows[first][position] = '"' + rows[first][position]
    rows[last][position] += '"'
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = "".join(delimiter.join(cells) + end for cells in [names, *rows])
    with TemporaryDirectory() as folder, patch.object(delimited, "BLOCK", block):
        assert [each.line for each in problems(Path(folder), text)] == [first + 2]


@examples(100)
@given(
    notes=st.lists(st.text(st.sampled_from("ab ,;\t\"\n\r'"), max_size=40), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", ";", "\t"]),
    header=st.permutations(["campaignId", "campaignLeadId", "status", "note", "aiTag"]),
)
def test_whatever_a_note_says_in_words_it_has_swallowed_nothing(
    notes: list[str], delimiter: str, header: list[str]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    for number, note in enumerate(notes):
        known = {"campaignId": C, "campaignLeadId": f"{L}{number}", "status": "paused"}
        writer.writerow([note if name == "note" else known.get(name, "") for name in header])
    with TemporaryDirectory() as folder:
        assert problems(Path(folder), text.getvalue()) == []
