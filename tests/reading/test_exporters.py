"""Slips of the programs that write text files: what they mean is read, or the line is named."""

import codecs
import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.errors import InputError
from batch.model import Field
from batch.reading import delimited
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.terminal.remedies import in_terminal
from tests.support.sampling import examples

C, L = "65c0ffee0000000000000001", "66a1b2c3d4e5f6a7b8c9d00"
HEADER = ["campaignId", "campaignLeadId", "status", "aiTag", "company"]
ROWS = [
    [C, f"{L}1", "active", "Interested", "Acme, Inc.; \tBonn"],
    [C, f"{L}2", "paused", 'So "called"', "Café Zürich"],
    [C, f"{L}3", "paused", "", ""],
    [C, f"{L}4", "", "Später", "two\nlines"],
]
Rows = list[list[str]]
Write = Callable[[Rows, str, str], str]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def by_csv(rows: Rows, delimiter: str, end: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def spaced(rows: Rows, delimiter: str, end: str) -> str:
    return "".join(f"{delimiter} ".join(map(quoted, row)) + end for row in rows)


def spaced_on_both_sides(rows: Rows, delimiter: str, end: str) -> str:
    return "".join(f" {delimiter}  ".join(map(quoted, row)) + f" {end}" for row in rows)


def plain_header_and_spaces(rows: Rows, delimiter: str, end: str) -> str:
    header, *others = rows
    return f"{delimiter} ".join(header) + end + spaced(others, delimiter, end)


def whole_lines(rows: Rows, delimiter: str, end: str) -> str:
    return "".join(quoted(by_csv([row], delimiter, "\n")[:-1]) + end for row in rows)


def whole_lines_where_a_quote_is(rows: Rows, delimiter: str, end: str) -> str:
    """As a program writes that took each line for one cell, and quotes a cell with quotes."""
    lines = [by_csv([row], delimiter, "\n")[:-1] for row in rows]
    return "".join((quoted(line) if '"' in line else line) + end for line in lines)


def whole_lines_and_empty_cells(rows: Rows, delimiter: str, end: str) -> str:
    return whole_lines(rows, delimiter, 2 * delimiter + end)


def protected(rows: Rows, delimiter: str, end: str) -> str:
    return by_csv([[f"={quoted(cell)}" for cell in row] for row in rows], delimiter, end)


def with_end_mark(rows: Rows, delimiter: str, end: str) -> str:
    return by_csv(rows, delimiter, end) + "\x1a"


def with_end_marks_in_the_last_line(rows: Rows, delimiter: str, end: str) -> str:
    return by_csv(rows, delimiter, end).removesuffix(end) + 128 * "\x1a"


WRITES = (
    spaced,
    spaced_on_both_sides,
    plain_header_and_spaces,
    whole_lines,
    whole_lines_where_a_quote_is,
    whole_lines_and_empty_cells,
    protected,
    with_end_mark,
    with_end_marks_in_the_last_line,
)
PACKINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "marked": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "cp1252": lambda text: text.encode("cp1252"),
    "gzip": lambda text: gzip.compress(text.encode()),
}


def read(
    folder: Path, content: bytes, options: TableOptions | None = None
) -> tuple[Rows, Rows, tuple[str, ...]]:
    """The four fields of each row, the user's own columns, and the notes."""
    path = folder / "leads.csv"
    path.write_bytes(content)
    with open_table(path, options or TableOptions()) as table:
        fields = [
            [cell or "" for cell in row]
            for frame in table.cells()
            for row in frame.select(*Field).rows()
        ]
        own = [[cell or "" for cell in row[1:]] for frame in table.rows() for row in frame.rows()]
        return fields, own, table.notes


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_exporters_write_is_read_as_they_mean_it(
    tmp_path: Path, write: Write, delimiter: str, end: str
) -> None:
    content = write([HEADER, *ROWS], delimiter, end).encode()
    options = TableOptions(delimiter=delimiter if delimiter == "|" else None)
    fields, own, notes = read(tmp_path, content, options)
    assert fields == [row[:4] for row in ROWS]
    if write is not protected:  # the user's own columns stay as they are
        assert [row[4] for row in own] == [row[4] for row in ROWS]
    is_told = write in {whole_lines, whole_lines_and_empty_cells}
    said = "leads.csv: its lines are in quotes as a whole; what is in them is read."
    assert notes == ((said,) if is_told else ())


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("packing", PACKINGS)
def test_it_is_read_so_however_it_is_packed(tmp_path: Path, write: Write, packing: str) -> None:
    content = PACKINGS[packing](write([HEADER, *ROWS], ",", "\r\n"))
    assert read(tmp_path, content)[0] == [row[:4] for row in ROWS]


@pytest.mark.parametrize("write", WRITES)
def test_it_is_read_so_in_whatever_blocks_the_text_comes(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 64)
    content = write([HEADER, *ROWS * 5], ",", "\n").encode()
    assert read(tmp_path, content)[0] == [row[:4] for row in ROWS * 5]


@pytest.mark.parametrize("write", WRITES)
def test_a_file_that_an_earlier_version_has_read_is_read_as_then(
    tmp_path: Path, write: Write
) -> None:
    """Its rows have been numbered and judged, and some of them sent."""
    content = write([HEADER, *ROWS], ",", "\n").encode()
    path = tmp_path / "leads.csv"
    path.write_bytes(content)
    try:
        with open_table(path, TableOptions(was_accepted=True)) as table:
            found = table.found
            then = [row for frame in table.cells() for row in frame.rows()]
    except InputError:
        assert write not in {protected, with_end_mark}
        return
    assert not found.mends
    assert write not in {whole_lines, spaced}
    with open_table(path, TableOptions(was_accepted=True, found=found)) as table:
        assert [row for frame in table.cells() for row in frame.rows()] == then
    with open_table(path, TableOptions()) as table:
        assert table.found.mends
        now = [row for frame in table.cells() for row in frame.rows()]
        assert now != then
    with open_table(path, TableOptions(was_accepted=True, found=table.found)) as table:
        assert [row for frame in table.cells() for row in frame.rows()] == now
    with open_table(path, TableOptions(was_accepted=True, found=replace(found))) as table:
        assert [row for frame in table.cells() for row in frame.rows()] == then


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        (' "A" team', ' "A" team'),
        (' "unclosed', ' "unclosed'),
        (' 5" disk', ' 5" disk'),
        (' ""', ""),
        (' "a ""b"" c" ', 'a "b" c'),
        ('\t\xa0 "a, b"', "a, b"),
        ('"a, ""b"""', 'a, "b"'),
        ('"a, "" b"', 'a, " b'),
        ("x", "x"),
    ],
)
def test_a_quote_behind_blanks_that_is_not_closed_is_text(
    tmp_path: Path, cell: str, meant: str
) -> None:
    text = f"{','.join(HEADER)}\n{C},{L}1,active,x,{cell}\n{C},{L}2,paused,y,z\n"
    assert [row[4] for row in read(tmp_path, text.encode())[1]] == [meant, "z"]


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        ('"Hello, world"', "Hello, world"),  # not as many cells as the header has
        ('"a,b,c,d,e\nf"', "a,b,c,d,e\nf"),
        ('"a,b,c,d,""e"', 'a,b,c,d,"e'),
        ('"a,b,c,d,e",x', "a,b,c,d,e"),
    ],
)
def test_only_a_quoted_line_with_the_cells_of_a_row_is_one(
    tmp_path: Path, line: str, cell: str
) -> None:
    text = f"{','.join(HEADER)}\n{line}\n{C},{L}2,paused,y,z\n"
    fields, own, _ = read(tmp_path, text.encode())
    assert (own[0][0], fields[1]) == (cell, [C, f"{L}2", "paused", "y"])


def test_a_quoted_line_whose_last_cells_are_missing_is_one(tmp_path: Path) -> None:
    """Else its row would seem to ask for nothing."""
    text = f'{",".join(HEADER)}\n"{C},{L}1,active,""Hot"""\n{C},{L}2,paused,y,z\n'
    fields, own, _ = read(tmp_path, text.encode())
    assert fields == [[C, f"{L}1", "active", "Hot"], [C, f"{L}2", "paused", "y"]]
    assert own[0] == [C, f"{L}1", "active", "Hot", ""]


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ('="66a1"', "66a1"),
        (' ="66a1" ', "66a1"),
        ('="a ""b"" c"', 'a "b" c'),
        ('=""', ""),
        ('="a" & "b"', '="a" & "b"'),
        ('="a', '="a'),
        ("=A1", "=A1"),
        ('x="a"', 'x="a"'),
    ],
)
def test_only_a_text_alone_behind_the_equals_sign_is_taken_out(
    tmp_path: Path, cell: str, meant: str
) -> None:
    text = by_csv([HEADER, [C, f"{L}1", "active", cell, cell]], ",", "\n")
    fields, own, _ = read(tmp_path, text.encode())
    assert (fields[0][3], own[0][4]) == (meant, cell)


def test_an_end_mark_before_the_end_is_text(tmp_path: Path) -> None:
    text = f"{','.join(HEADER)}\n{C},{L}1,active,x\x1ay,z\x1a\n{C},{L}2,paused,,\n\x1a\n\x1a\r\n"
    fields, own, _ = read(tmp_path, text.encode())
    assert [row[3] for row in fields] == ["x\x1ay", ""]
    assert own[0][4] == "z\x1a"


@pytest.mark.parametrize("content", [b"\x1a", b"\r\n\x1a\x1a"])
def test_end_marks_alone_are_no_spreadsheet(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="no header row was found"):
        read(tmp_path, content)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_damaged_letter_makes_no_other_encoding_of_the_whole_file(
    tmp_path: Path, end: str
) -> None:
    content = by_csv([HEADER, *ROWS[:3]], ",", end).encode().replace("é".encode(), b"\xe9")
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert in_terminal(caught.value) == (
        "leads.csv: text line 3 is not UTF-8, though other letters of the file are. "
        "Correct that line, and save the file as UTF-8."
    )


cells = st.text("ab \"',;=\n\té", max_size=6)
tables = st.lists(st.tuples(cells, cells), min_size=1, max_size=5)


@given(table=tables, write=st.sampled_from([by_csv, spaced, spaced_on_both_sides, whole_lines]))
@examples(200)
def test_any_text_survives_however_much_is_quoted(
    table: list[tuple[str, str]], write: Write
) -> None:
    rows = [[C, f"{L}{n % 10}", "active", tag, note] for n, (tag, note) in enumerate(table)]
    with TemporaryDirectory() as folder:
        own = read(Path(folder), write([HEADER, *rows], ",", "\n").encode())[1]
    assert own == rows
