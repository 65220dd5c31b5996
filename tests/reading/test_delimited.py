import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.columns import Column
from batch.errors import InputError
from batch.model import Field
from batch.reading import delimited, records
from batch.reading.delimited import open_delimited
from batch.reading.grid import Grid
from batch.reading.header_row import HeaderSearch
from batch.terminal.remedies import in_terminal
from tests.support.sampling import examples

HEADER = "campaignId,campaignLeadId,status,aiTag\n"

Row = tuple[int, list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def opened(
    folder: Path, text: str | bytes, *, delimiter: str | None = None, mends: bool = True
) -> Grid:
    path = folder / "leads.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_delimited(
        path, delimiter=delimiter, search=HeaderSearch(), notes=(), name="leads.csv", mends=mends
    )


def rows(grid: Grid) -> list[Row]:
    """Line and cells of every row, null and empty being the same, read twice to prove it can be."""
    first, second = (
        [
            (line, [cell or "" for cell in cells])
            for frame in grid.batches()
            for line, *cells in frame.rows()
        ]
        for _ in range(2)
    )
    assert first == second
    return first


def refusal(folder: Path, text: str, *, delimiter: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        rows(opened(folder, text, delimiter=delimiter))
    return in_terminal(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_comma_semicolon_and_tab_are_found(folder: Path, delimiter: str) -> None:
    grid = opened(folder, (HEADER + "a,b,active,x\n").replace(",", delimiter))
    assert grid.delimiter == delimiter
    assert grid.header == tuple(Field)
    assert rows(grid) == [(2, ["a", "b", "active", "x"])]


def test_the_delimiter_is_the_one_that_gives_the_columns_not_the_most_frequent(
    folder: Path,
) -> None:
    grid = opened(folder, "campaignId;campaignLeadId;aiTag;a, b, c, d, e, f\n1;2;x, y;\n")
    assert grid.delimiter == ";"
    assert rows(grid) == [(2, ["1", "2", "x, y", ""])]


def test_header_names_of_the_user_help_to_find_the_delimiter(folder: Path) -> None:
    path = folder / "leads.csv"
    path.write_text("Campaign;Lead;Tag,a,b,c,d\n1;2;x\n")
    columns: dict[Column, str] = {
        Field.CAMPAIGN_ID: "Campaign",
        Field.CAMPAIGN_LEAD_ID: "Lead",
    }
    grid = open_delimited(
        path, delimiter=None, search=HeaderSearch(columns=columns), notes=(), name="leads.csv"
    )
    assert grid.delimiter == ";"


@pytest.mark.parametrize(("given", "used"), [("|", "|"), ("tab", "\t"), ("\\t", "\t"), (";", ";")])
def test_a_delimiter_can_be_given(folder: Path, given: str, used: str) -> None:
    text = HEADER.replace(",", used) + f"a{used}b,c{used}d{used}e\n"
    grid = opened(folder, text, delimiter=given)
    assert (grid.delimiter, rows(grid)) == (used, [(2, ["a", "b,c", "d", "e"])])


@pytest.mark.parametrize("given", ["", "::", '"', "\n", "§"])
def test_a_delimiter_that_is_not_one_ascii_character_is_refused(folder: Path, given: str) -> None:
    assert refusal(folder, HEADER, delimiter=given) == (
        f'leads.csv: the delimiter "{given}" can\'t be used; expected one ASCII character '
        "other than a quote, such as ; or | or the word tab."
    )


@pytest.mark.parametrize(
    ("used", "given", "better"),
    [
        ("|", None, "|"),
        (",", ";", ","),
        (";", "|", ";"),
        ("\t", ",", "\t"),
        (",", None, None),
        ("|", "|", None),
        (":", None, None),
    ],
)
def test_a_delimiter_that_would_give_more_of_the_columns_is_told(
    folder: Path, used: str, given: str | None, better: str | None
) -> None:
    grid = opened(folder, HEADER.replace(",", used), delimiter=given)
    assert grid.better_delimiter == better


def test_a_delimiter_that_a_stray_quote_rules_out_is_not_told(folder: Path) -> None:
    grid = opened(folder, 'campaignId,campaignLeadId,"a|b\nc",status\n1,2,x,active\n')
    assert (grid.delimiter, grid.better_delimiter) == (",", None)


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_a_sep_line_is_obeyed_and_is_no_line(folder: Path, first: str) -> None:
    grid = opened(folder, first + "campaignId;campaignLeadId;aiTag,a,b,c,d\n1;2;x\n")
    assert grid.delimiter == ";"
    assert grid.header == ("campaignId", "campaignLeadId", "aiTag,a,b,c,d")
    assert rows(grid) == [(2, ["1", "2", "x"])]


def test_a_sep_line_may_name_a_tab(folder: Path) -> None:
    assert opened(folder, "sep=\t\na\tb,c\n").header == ("a", "b,c")
    assert opened(folder, "sep=\\t\na\tb,c\n").header == ("a", "b,c")


def test_a_given_delimiter_outranks_a_sep_line(folder: Path) -> None:
    assert opened(folder, "sep=;\na|b;c\n", delimiter="|").header == ("a", "b;c")


@pytest.mark.parametrize("quoted", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_first_name(folder: Path, *, quoted: bool) -> None:
    first = '"campaignId"' if quoted else "campaignId"
    grid = opened(folder, f"\ufeff{first},campaignLeadId,aiTag\n1,2,x\n")
    assert grid.header == ("campaignId", "campaignLeadId", "aiTag")
    assert rows(grid) == [(2, ["1", "2", "x"])]


@pytest.mark.parametrize("sep", ["", "sep=,\n"])
def test_a_second_byte_order_mark_is_no_part_of_it_either(folder: Path, sep: str) -> None:
    grid = opened(folder, f"\ufeff\ufeff{sep}campaignId,campaignLeadId,aiTag\n1,2,\ufeffx\n")
    assert grid.header == ("campaignId", "campaignLeadId", "aiTag")
    assert rows(grid) == [(2, ["1", "2", "\ufeffx"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_is_read_with_or_without_the_last_one(
    folder: Path, end: str, *, last: bool
) -> None:
    text = HEADER + "1,2,active,x\n\n3,4,paused,y" + ("\n" if last else "")
    assert rows(opened(folder, text.replace("\n", end))) == [
        (2, ["1", "2", "active", "x"]),
        (3, ["", "", "", ""]),
        (4, ["3", "4", "paused", "y"]),
    ]


def test_lines_are_those_of_a_spreadsheet_program(folder: Path) -> None:
    text = (
        "\n"  # line 1
        ",,,\n"  # line 2
        'campaignId,campaignLeadId,status,"ai\nTag"\n'  # line 3, of two lines of text
        "\n"  # line 4
        'a,b,active,"one\ntwo\r\nthree"\n'  # line 5
        ",,,\n"  # line 6
        "c,d,paused,x\n"  # line 7
        "\n\r\n\n"  # no rows
    )
    grid = opened(folder, text)
    assert grid.header == ("campaignId", "campaignLeadId", "status", "ai\nTag")
    assert rows(grid) == [
        (4, ["", "", "", ""]),
        (5, ["a", "b", "active", "one\ntwo\r\nthree"]),
        (6, ["", "", "", ""]),
        (7, ["c", "d", "paused", "x"]),
    ]


def test_a_row_of_delimiters_alone_at_the_end_is_a_row(folder: Path) -> None:
    assert rows(opened(folder, HEADER + "a,b,active,\n,,,\n\n\n"))[-1] == (3, [""] * 4)


def test_any_number_of_empty_lines_at_the_end_are_no_rows(folder: Path) -> None:
    with patch.object(delimited, "BLOCK", 16):
        read = rows(opened(folder, HEADER + "a,b,active,x\n" + "\r\n" * 100))
    assert read == [(2, ["a", "b", "active", "x"])]


@pytest.mark.parametrize("text", [HEADER, HEADER.strip(), HEADER + "\n\r\n"])
def test_a_header_alone_has_no_rows(folder: Path, text: str) -> None:
    assert rows(opened(folder, text)) == []


@pytest.mark.parametrize("text", ["\n\n", " \n", ",,,\n", "\ufeff", "sep=;\n"])
def test_a_file_without_a_header_is_refused(folder: Path, text: str) -> None:
    assert refusal(folder, text) == (
        "leads.csv: no header row was found; expected campaignId, campaignLeadId, status, aiTag."
    )


def test_names_of_the_users_columns_are_kept_as_they_were(folder: Path) -> None:
    grid = opened(folder, "campaignId,campaignLeadId,aiTag,Note,Note, a b ,\n1,2,x,n,m,o,p\n")
    assert grid.header == ("campaignId", "campaignLeadId", "aiTag", "Note", "Note", " a b ", "")
    assert rows(grid) == [(2, ["1", "2", "x", "n", "m", "o", "p"])]


def test_missing_trailing_cells_are_blank(folder: Path) -> None:
    assert rows(opened(folder, HEADER + "a\na,b,c,d\n")) == [
        (2, ["a", "", "", ""]),
        (3, ["a", "b", "c", "d"]),
    ]


def test_empty_extra_cells_are_dropped(folder: Path) -> None:
    text = HEADER + "a,b,active,x,, \n\n" + "c,d,paused,y\n"
    assert rows(opened(folder, text)) == [
        (2, ["a", "b", "active", "x"]),
        (3, ["", "", "", ""]),
        (4, ["c", "d", "paused", "y"]),
    ]


def test_an_extra_cell_with_text_names_its_line(folder: Path) -> None:
    assert refusal(folder, HEADER + "a,b,active,x\n\na,b,active,Smith, John,\n") == (
        'leads.csv line 4: "John" is in column 5, but the header has only 4. '
        "Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('a,b,active,5" disk', ["a", "b", "active", '5" disk']),
        ('a,b,active,5" and 3" disks', ["a", "b", "active", '5" and 3" disks']),
        ('a,b,active,"Big" deal', ["a", "b", "active", "Big deal"]),
        ('a,b,active, "x"', ["a", "b", "active", "x"]),
        ('a,b,active, "x" y', ["a", "b", "active", ' "x" y']),
        ('a,b,active,"x ""y"" z"', ["a", "b", "active", 'x "y" z']),
        ('a,"",active,""', ["a", "", "active", ""]),
    ],
)
def test_quotes_are_read_as_a_spreadsheet_program_reads_them(
    folder: Path, line: str, cells: list[str]
) -> None:
    after = ["c", "d", "paused", "y"]
    assert rows(opened(folder, f"{HEADER}{line}\nc,d,paused,y\n")) == [(2, cells), (3, after)]


@pytest.mark.parametrize(
    "text",
    [
        'a,b,active,"x\nc,d,paused,y\n',
        'a,b,active,"x\nc,d,paused,"y"\n',
        'a,b,active,"x" y,"\n',
        'a,b,active,"',
    ],
)
def test_a_quote_that_would_swallow_rows_names_its_line(folder: Path, text: str) -> None:
    assert refusal(folder, HEADER + "1,2,active,x\n" + text) == (
        "leads.csv line 3: a quote is opened that is not closed where its cell ends, so that the "
        "rows below would be read as part of it. Close it, or write it twice if it is meant as "
        "text."
    )


def test_a_quote_left_open_in_the_header_names_its_line(folder: Path) -> None:
    message = refusal(folder, '\n"campaignId,campaignLeadId,aiTag\n1,2,x\n')
    assert message.startswith("leads.csv line 2: a quote is opened that is not closed")


def test_line_breaks_in_quotes_leave_the_reading_to_polars(folder: Path) -> None:
    with patch.object(delimited, "BLOCK", 64):
        grid = opened(folder, HEADER + 'a,b,active,"x\ny"\n' * 40)
        with patch.object(delimited, "pack_rows", side_effect=AssertionError("read by Python")):
            assert len(rows(grid)) == 40


def test_rows_begin_right_behind_a_header_beyond_ascii(folder: Path) -> None:
    assert rows(opened(folder, "campaignId,Größe 東京\na,b\n")) == [(2, ["a", "b"])]


def test_rows_before_a_stray_quote_keep_their_lines(folder: Path) -> None:
    with patch.object(delimited, "BLOCK", 64):
        text = HEADER + 'a,b,active,"x\ny"\n' * 20 + 'c,d,paused,5" disk\n' + "e,f,active,z\n" * 20
        read = rows(opened(folder, text))
    assert [line for line, _ in read] == list(range(2, 43))
    assert read[20] == (22, ["c", "d", "paused", '5" disk'])
    assert read[-1] == (42, ["e", "f", "active", "z"])


def test_nul_and_very_long_cells_are_read(folder: Path) -> None:
    long = "x" * 1_000_000
    assert rows(opened(folder, HEADER + f"a\0b,{long},active,x\n")) == [
        (2, ["a\0b", long, "active", "x"])
    ]


def test_a_cell_of_more_than_1_mb_is_refused_by_its_place(folder: Path) -> None:
    assert refusal(folder, HEADER + f"a,b,active,x\nc,{'x' * 1_000_001},active,x\n") == (
        'leads.csv line 3, column 2 "campaignLeadId": the cell takes 1,000,001 bytes; '
        "expected at most 1,000,000. A quote may be unclosed there."
    )


@pytest.mark.parametrize("note", ["x" * 200_000, f'"{"x" * 200_000}"', f'5" {"x" * 200_000}'])
def test_a_long_note_is_read_also_behind_a_stray_quote(folder: Path, note: str) -> None:
    assert rows(opened(folder, HEADER + f"a,b,active,{note}\n")) == [
        (2, ["a", "b", "active", note.strip('"')])
    ]


def test_more_columns_than_a_sheet_has_are_refused(folder: Path) -> None:
    header = ",".join(["campaignId", "campaignLeadId", "status", *map(str, range(59_997))])
    assert refusal(folder, header + "\n") == (
        "leads.csv: has 60,000 columns; expected at most 16,384. "
        "Take out those that are not needed."
    )


def test_a_header_that_is_too_long_is_refused_and_never_cut(folder: Path) -> None:
    names = ",".join("x" * 100 for _ in range(11_000))
    assert refusal(folder, f"campaignId,campaignLeadId,status,{names}\n") == (
        "leads.csv line 1: the header is longer than 1 MB. "
        "Shorten the names of its columns, or close a quote that is open."
    )


def test_commas_without_a_header_are_no_header(folder: Path) -> None:
    assert refusal(folder, "," * 1_200_000) == (
        "leads.csv: no header row was found in its first 1 MB; "
        "expected campaignId, campaignLeadId, status, aiTag."
    )


def test_a_row_that_is_too_long_is_refused_before_it_is_read_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_MAX_RECORD", 1000)
    for row in ("," * 1001, f'a,"{"x" * 300}\n{"x" * 300}\n{"x" * 300}\n{"x" * 300}'):
        # a stray quote above, so that Python reads on
        assert refusal(folder, HEADER + f'a,b,active,5" disk\n{row}\n') == (
            "leads.csv line 3: the row has more than 1,000 characters. "
            "A quote may be unclosed there."
        )


@pytest.mark.parametrize("blank", ["\n", ",,,\n", ",\r\n", ",,,,,,,\n"])
def test_blocks_of_blank_rows_are_rows_and_cost_no_parsing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1 << 10)
    monkeypatch.setattr(delimited, "_ROWS_A_FRAME", 100)
    grid = opened(folder, HEADER + blank * 5000 + "a,b,active,x\n")
    with patch.object(pl, "read_csv", wraps=pl.read_csv) as parsed:
        frames = list(grid.batches())
    assert parsed.call_count <= 2
    assert [line for frame in frames for line in frame["line"]] == list(range(2, 5003))
    assert frames[-1].rows()[-1] == (5002, "a", "b", "active", "x")
    assert not any(frames[0].row(0)[1:])


def test_short_rows_below_a_wide_header_are_parsed_no_wider_than_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_CELLS_A_FRAME", 1000)
    header = ",".join(["campaignId", "campaignLeadId", "status", *map(str, range(300))])
    body = "a\n" * 30 + "b" + "," * 302 + "\n" + 'c,"d\ne",f\n' * 30
    with patch.object(delimited, "_parse", wraps=delimited._parse) as parsed:  # noqa: SLF001
        frames = list(opened(folder, header + "\n" + body).batches())
    cells = [call.args[0].count(b"\n") * call.kwargs["width"] for call in parsed.call_args_list]
    assert max(cells) <= 1000
    assert min(call.kwargs["width"] for call in parsed.call_args_list) < 10
    assert [frame.width for frame in frames] == [304] * len(frames)
    assert pl.concat(frames).get_column("0").to_list() == ["a"] * 30 + ["b"] + ["c"] * 30
    assert pl.concat(frames).get_column("1").to_list()[31:] == ["d\ne"] * 30


def test_a_block_is_halved_between_records_though_one_is_longer_than_half(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "_ROWS_A_FRAME", 4)
    notes = 'a "" b\n' * 20
    grid = opened(folder, HEADER + f'a,"{notes}",active,x\n' + 'b,"c",active,y\n' * 6)
    with patch.object(delimited, "_parse", wraps=delimited._parse) as parsed:  # noqa: SLF001
        rows = [row for frame in grid.batches() for row in frame.rows()]
    assert parsed.call_count > 2
    assert rows[0] == (2, "a", notes.replace('""', '"'), "active", "x")
    assert rows[1:] == [(line, "b", "c", "active", "y") for line in range(3, 9)]


def test_a_block_ends_at_its_last_record_though_line_breaks_in_quotes_follow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1 << 10)
    row = 'a,"b\nb",active,x\n'
    grid = opened(folder, HEADER + row * 500)
    with (
        patch.object(delimited, "_parse", wraps=delimited._parse) as parsed,  # noqa: SLF001
        patch.object(delimited, "read_records", side_effect=AssertionError("not by Polars")),
    ):
        assert sum(frame.height for frame in grid.batches()) == 500
    assert parsed.call_count <= 500 * len(row) / (1 << 10) + 2


def test_a_long_cell_behind_a_stray_quote_names_its_line(folder: Path) -> None:
    assert refusal(folder, HEADER + 'a,b,active,"' + "x\n" * 500_001) == (
        "leads.csv line 2: a cell is longer than 1,000,000 characters. "
        "A quote may be unclosed there."
    )


def test_blocks_are_bounded_though_the_file_is_not(folder: Path) -> None:
    with patch.object(delimited, "BLOCK", 1 << 16):
        grid = opened(folder, HEADER + "a,b,active,x\n" * 50_000)
        heights = [frame.height for frame in grid.batches()]
    assert sum(heights) == 50_000
    assert max(heights) <= 2 * (1 << 16) / len("a,b,active,x\n")


def test_readers_side_by_side_and_later_ones_see_the_same_rows(folder: Path) -> None:
    body = 'a,b,active,"x\ny"\n' * 20 + 'c,d,paused,5" disk\n' + "e,f,active,z\n" * 20
    with patch.object(delimited, "BLOCK", 64):
        grid = opened(folder, HEADER + body)
        slow = grid.batches()
        read = [next(slow), next(slow)]
        expected = pl.concat(grid.batches())
        read += slow
        again = pl.concat(grid.batches())
    assert pl.concat(read).equals(expected)
    assert again.equals(expected)
    assert expected.height == 41


CELLS = st.text(st.sampled_from("ab1é ,;\t\"'\r\n\0\x0b\x85\u2028"), max_size=6)
ENDS = ("\n", "\r\n", "\r")
BLOCKS = st.sampled_from([8, 40, 64, 1 << 20])


@examples(150)
@given(
    records=st.lists(st.lists(CELLS, max_size=4), max_size=12),
    delimiter=st.sampled_from([",", ";", "\t"]),
    # the writer forgets to quote a break that is not in its own line end, unless it quotes all
    dialect=st.sampled_from([("\r\n", False), *((end, True) for end in ENDS)]),
    block=BLOCKS,
)
def test_whatever_is_written_as_csv_is_read_back_with_its_lines(
    records: list[list[str]], delimiter: str, dialect: tuple[str, bool], block: int
) -> None:
    text = io.StringIO(newline="")
    end, quote_all = dialect
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([list(Field), *records])
    while records and not records[-1]:
        records.pop()
    expected = [(line, [*cells, "", "", "", ""][:4]) for line, cells in enumerate(records, start=2)]
    assert read(text.getvalue(), delimiter, block) == expected


@examples(400)
@given(
    body=st.text(st.sampled_from('aaé ,,""\r\n\n\0'), max_size=60),
    block=BLOCKS,
)
def test_any_text_is_read_as_the_standard_library_reads_it_or_refused_for_cause(
    body: str, block: int
) -> None:
    records = list(csv.reader(io.StringIO(body, newline="")))
    while records and not records[-1]:
        records.pop()
    expected = [(line, [*cells, "", "", "", ""][:4]) for line, cells in enumerate(records, 2)]
    try:
        found = read(HEADER + body, ",", block)
    except InputError as error:
        line = re.match(r"leads.csv line (\d+): ", str(error))
        assert line is not None
        assert is_cause(body, int(line[1]) - 2)
    else:
        assert found == expected
        assert not any(cell.strip() for cells in records for cell in cells[4:])


def read(text: str, delimiter: str, block: int) -> list[Row]:
    with TemporaryDirectory() as folder, patch.object(delimited, "BLOCK", block):
        return rows(opened(Path(folder), text, delimiter=delimiter, mends=False))


def is_cause(body: str, record: int) -> bool:
    """Whether the strict reader fails at this record, or it has a cell too many."""
    reader = csv.reader(strict_lines(body), strict=True)
    for _ in range(record):
        try:
            next(reader)
        except csv.Error:
            continue  # a stray quote within one line, which is mended
    try:
        return any(cell.strip() for cell in next(reader)[4:])
    except csv.Error:
        return True


def strict_lines(body: str) -> Iterator[str]:
    yield from io.StringIO(body, newline="")


def test_a_file_that_becomes_shorter_while_it_is_read_is_named(folder: Path) -> None:
    grid = opened(folder, HEADER + "a,b,active,x\n" * 3)
    (folder / "leads.csv").write_text(HEADER)
    with pytest.raises(InputError) as caught:
        list(grid.batches())
    assert in_terminal(caught.value) == (
        "leads.csv: the file became shorter while it was read. Don't change it during a run."
    )


def test_a_file_that_becomes_shorter_between_two_readings_is_named(folder: Path) -> None:
    grid = opened(folder, HEADER + "a,b,active,x\n" * 20)
    list(grid.batches())
    (folder / "leads.csv").write_text(HEADER + "a,b,active,x\n")
    with pytest.raises(InputError) as caught:
        list(grid.batches())
    assert in_terminal(caught.value) == (
        "leads.csv: the file became shorter while it was read. Don't change it during a run."
    )
