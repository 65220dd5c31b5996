import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from batch.columns import COLUMNS, Column, Naming
from batch.errors import InputError
from batch.model import Field
from batch.reading.grid import filled_cells
from batch.reading.header_row import SEARCHED_ROWS, Evidence, HeaderSearch, Top
from batch.reading.spreadsheet import FirstRows, TableOptions, read_first_rows
from batch.reading.table import Table, open_table
from batch.terminal.remedies import in_terminal
from tests.support.sampling import examples

NAMES = ["campaignId", "campaignLeadId", "status", "aiTag"]
OTHER_NAMES = ["Campaign", "Lead", "State", "Label"]
ID, OTHER_ID = "66e01a3c122c597083bd438b", "66f1b2000000000000000001"
VALUES = [ID, OTHER_ID, "active", "Interested"]
TITLE = ["Leads to change, November"]
MAPPED: dict[Column, str] = dict(zip(Field, OTHER_NAMES, strict=True))

Rows = list[list[str]]


def top_of(*rows: list[str], search: HeaderSearch | None = None) -> Top[list[str]]:
    top = (search or HeaderSearch()).split(enumerate(rows, 1), filled_cells)
    assert top
    return top


@pytest.mark.parametrize(
    ("rows", "line", "evidence"),
    [
        ([NAMES, VALUES], 1, Evidence.NAMES),
        ([TITLE, [], NAMES, VALUES], 3, Evidence.NAMES),
        ([TITLE, NAMES, NAMES, VALUES], 2, Evidence.NAMES),
        ([["Campaign data", "", "Changes", ""], NAMES, VALUES], 2, Evidence.NAMES),
        ([["campaignId", "lead", "tag"], [], NAMES, VALUES], 3, Evidence.NAMES),
        ([["status", "aiTag"], NAMES], 2, Evidence.NAMES),
        ([["Made by", "ann@example.com"], ["Campaign", ID], NAMES, VALUES], 3, Evidence.NAMES),
        ([["Made by", "Ann", "ann@example.com"], NAMES, VALUES], 2, Evidence.NAMES),
        ([["Made by", "ann@example.com"], ["campaign", "email", "status"]], 2, Evidence.NAMES),
        ([["Made by", "Ann", "ann@example.com"], OTHER_NAMES, VALUES], 2, Evidence.VALUES),
        ([["Campaign", ID, "Lead", OTHER_ID], NAMES], 1, Evidence.PLACE),
        ([["Report", "Q3"], ["Made by", "ann@example.com"], NAMES], 3, Evidence.NAMES),
        ([["Report", "Q3"], ["ann@example.com"], NAMES], 3, Evidence.NAMES),
        ([[" Campaign ID", "campaign_lead_id", "AI tag"], NAMES], 1, Evidence.NAMES),
        ([TITLE, ["E-mail", "Campaign", "aiTag"]], 2, Evidence.NAMES),
        ([TITLE, ["E-mail", "campaignId", "status"]], 2, Evidence.NAMES),
        ([TITLE, ["E-mail", "aiTag"]], 1, Evidence.PLACE),
        ([TITLE, ["campaignId", "campaignLeadId"]], 1, Evidence.PLACE),
        ([OTHER_NAMES, VALUES], 1, Evidence.VALUES),
        ([TITLE, [], OTHER_NAMES, VALUES], 3, Evidence.VALUES),
        ([TITLE, OTHER_NAMES, ["text", "text", "", ""], VALUES], 2, Evidence.VALUES),
        ([["Campaign data", "", "Changes"], OTHER_NAMES, VALUES], 2, Evidence.VALUES),
        ([["Report", "Q3"], ["Owner", "Ann"], OTHER_NAMES, VALUES], 3, Evidence.VALUES),
        ([TITLE, ["Mail", "Sale", "Tag"], ["ann@example.com", "x", "y"]], 2, Evidence.VALUES),
        ([VALUES, VALUES], 1, Evidence.PLACE),
        ([TITLE, VALUES], 1, Evidence.PLACE),
        ([TITLE, ["a", "b", "c"]], 1, Evidence.PLACE),
        ([TITLE, [], OTHER_NAMES, ["12", "7", "Active", "Hot"]], 3, Evidence.VALUES),
        ([TITLE, [], OTHER_NAMES, ["12", "7", "bounced", ""]], 3, Evidence.VALUES),
        ([TITLE, [], OTHER_NAMES, ["12", "7", "x"], ["", "8", "paused"]], 3, Evidence.VALUES),
        ([TITLE, [], ["Status", "active"], ["Sale", "Who", "aiTag"]], 1, Evidence.PLACE),
        ([TITLE, [], ["campaign", "Who", "aiTag"], ["Sale", "Ann", "Hot"]], 3, Evidence.VALUES),
        ([TITLE, ["Sent", "Active", "Paused"], ["120", "active", "4"]], 1, Evidence.PLACE),
        ([TITLE, ["12", "7", "active"], ["12", "8", "active"]], 1, Evidence.PLACE),
        (
            [OTHER_NAMES, ["12", "7", "active"], ["a", "b", "Stage"], ["1", "2", "active"]],
            1,
            Evidence.VALUES,
        ),
        ([OTHER_NAMES, ["12", "7", "x"], ["campaign", "email", "x"], ["y"]], 1, Evidence.PLACE),
        ([OTHER_NAMES, ["12", "7", "active"], NAMES, VALUES], 3, Evidence.NAMES),
    ],
)
def test_the_header_is_the_first_row_with_the_names_else_the_one_above_the_values(
    rows: Rows, line: int, evidence: Evidence
) -> None:
    top = top_of(*rows)
    assert (top.line, top.header, top.evidence) == (line, rows[line - 1], evidence)
    assert top.above == tuple((n, row) for n, row in enumerate(rows[: line - 1], 1) if any(row))
    assert list(top.below) == rows[line:]


def test_names_that_the_user_gave_make_a_header() -> None:
    search = HeaderSearch(columns=MAPPED)
    assert top_of(TITLE, OTHER_NAMES, NAMES, search=search).line == 2
    assert top_of(TITLE, OTHER_NAMES, NAMES).line == 3
    in_one_campaign = HeaderSearch(columns={Naming.EMAIL: "Mail"}, has_campaign=True)
    assert top_of(TITLE, ["Mail", "aiTag"], search=in_one_campaign).line == 2


@pytest.mark.parametrize(
    "ordinary",
    [
        [OTHER_NAMES, VALUES],
        [TITLE, OTHER_NAMES, VALUES],
        [OTHER_NAMES, [], ["", "", "active", "x"], VALUES],
        [OTHER_NAMES, [f'="{ID}"', f"'{OTHER_ID}", "active", "x"]],
        [["Mail", "Sale", "Tag"], ["ann@example.com", "x", "y"]],
        [["Mail", "Sale"], ["ann@example.com", "x"]],
        [OTHER_NAMES, ["6.5E+23", "6,71e+23", "active", "x"]],
    ],
)
def test_an_ordinary_header_is_not_passed_over_for_names_below_its_rows(ordinary: Rows) -> None:
    line = 2 if ordinary[0] == TITLE else 1
    top = top_of(*ordinary, NAMES, VALUES)
    assert (top.line, top.evidence, top.better_line) == (line, Evidence.VALUES, len(ordinary) + 1)


def test_rows_without_a_header_are_not_passed_over_for_names_below_them() -> None:
    top = top_of(VALUES, VALUES, NAMES, VALUES)
    assert (top.line, top.evidence, top.better_line) == (1, Evidence.PLACE, 3)
    assert top_of(["6.71E+23", "6,6E+23", "active"], NAMES, VALUES).line == 1
    assert top_of(["active", "6.71E+23", "6,6E+23"], NAMES, VALUES).line == 1


@pytest.mark.parametrize(
    ("rows", "has_campaign"),
    [
        ([["Mail", "Stage"], ["ann@example.com", "Hot"], ["email", "aiTag"]], True),
        ([["ann@example.com", "Sale", "Hot"], ["email", "campaign", "aiTag"]], False),
        ([["Sale", "ann@example.com", "Hot"], ["campaign", "email", "aiTag"]], False),
        ([OTHER_NAMES, ["6.71E+23", "6,6E+23", "active", "x"], NAMES], False),
        ([["a;b"], [f"{ID};{OTHER_ID};active"], NAMES], False),
        ([["ann@example.com", "Sale", "Hot"], ["bob@example.com", "Sale", "Hot"], NAMES], False),
        ([["ann@example.com", "Sale", "Hot"], NAMES], False),
        ([["Hot", "Ann", "ann@example.com"], ["Hot", "Bob", "bob@example.com"], NAMES], False),
        ([["Hot", "Sale", "ann@example.com", "active"], NAMES], False),
        ([[ID, "Ann", "Hot"], NAMES], False),
    ],
)
def test_no_row_that_could_be_sent_is_passed_over(rows: Rows, *, has_campaign: bool) -> None:
    top = top_of(*rows, VALUES, search=HeaderSearch(has_campaign=has_campaign))
    assert (top.line, top.better_line) == (1, len(rows))


def test_where_ids_look_otherwise_only_titles_of_two_cells_are_passed_over() -> None:
    search = HeaderSearch(has_own_ids=True)
    rows = [["Campaign", "Lead", "Tag"], ["12", "345", "Hot"], NAMES, ["12", "346", "", "Hot"]]
    assert top_of(*rows, search=search).line == 1
    assert top_of(TITLE, ["Owner", "Ann"], *rows[2:], search=search).line == 3


def test_the_header_is_looked_for_in_the_first_fifty_rows() -> None:
    assert SEARCHED_ROWS == 50
    assert top_of(*[TITLE] * 49, NAMES).line == 50
    top = top_of(*[TITLE] * 50, NAMES, VALUES)
    assert (top.line, len(top.below)) == (1, 49)
    assert top_of(TITLE, *[[]] * 48, NAMES).line == 50
    assert top_of(*[[]] * 70, NAMES, VALUES).line == 71


def test_a_line_that_is_named_is_the_header_and_a_blank_one_is_none() -> None:
    rows = [TITLE, NAMES, [], *[VALUES] * 60, OTHER_NAMES, VALUES]
    for line in (1, 2, 4, 64):
        top = top_of(*rows, search=HeaderSearch(line=line))
        assert (top.line, top.header) == (line, rows[line - 1])
        assert top.below == tuple(rows[line : max(line, SEARCHED_ROWS)])
    for line in (3, 66):
        assert HeaderSearch(line=line).split(enumerate(rows, 1), filled_cells) is None


def test_a_run_of_before_is_read_from_its_first_row_that_is_not_blank() -> None:
    assert top_of([], TITLE, NAMES, VALUES, search=HeaderSearch(is_first=True)).line == 2


# --- Files of every kind -------------------------------------------------------------------------


def as_csv(path: Path, rows: Rows, *, delimiter: str = ",") -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def as_xlsx(path: Path, rows: Rows) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        for index, row in enumerate(rows):
            for place, cell in enumerate(row):
                sheet.write_string(index, place, cell)
    return path


def read(table: Table) -> list[tuple[int | str, ...]]:
    with table:
        return [row for frame in table.rows() for row in frame.fill_null("").rows()]


def refusal(path: Path, options: TableOptions | None = None) -> str:
    with pytest.raises(InputError) as caught:
        open_table(path, options or TableOptions())
    return in_terminal(caught.value)


def notes(path: Path, options: TableOptions | None = None) -> list[str]:
    with open_table(path, options or TableOptions()) as table:
        return [in_terminal(note) for note in table.notes]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="@", exclude_categories=["Cc"]))
TITLES: st.SearchStrategy[list[str]] = st.one_of(
    st.just([]),
    st.lists(WORDS, min_size=1, max_size=2),
    st.sampled_from(
        [TITLE, ["Status", "active"], ["Sent", "Active", "Paused"], ["120", "80", "4"]]
    ),
    st.tuples(WORDS, st.sampled_from([ID, "ann@example.com"])).map(list),
)
WISHES = st.lists(
    st.tuples(st.just(ID), st.just(OTHER_ID), st.sampled_from(["active", ""]), WORDS).map(list),
    max_size=4,
)


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".xlsx"])
@examples(40)
@given(above=st.lists(TITLES, max_size=49), rows=WISHES)
def test_titles_are_passed_over_and_the_rows_are_those_without_them_further_down(
    tmp_path_factory: pytest.TempPathFactory, kind: str, above: Rows, rows: Rows
) -> None:
    folder = tmp_path_factory.mktemp("titles")

    def written(name: str, rows: Rows) -> Path:
        if kind == ".xlsx":
            return as_xlsx(folder / name, rows)
        return as_csv(folder / name, rows, delimiter="," if kind == ".csv" else "\t")

    plain = written(f"plain{kind}", [NAMES, *rows])
    titled = written(f"titled{kind}", [*above, NAMES, *rows])
    expected = read(open_table(plain, TableOptions()))
    table = open_table(titled, TableOptions())
    assert table.found.header_line == 1 + len(above)
    below = read(table)
    assert [row[0] for row in below] == [len(above) + 2 + at for at in range(len(below))]
    assert [row[1:] for row in below] == [row[1:] for row in expected]


@examples(100)
@given(
    names=st.lists(WORDS.filter(str.strip), min_size=3, max_size=6).filter(
        lambda names: "@" not in "".join(names)
    ),
    later=st.lists(st.sampled_from([NAMES, VALUES, TITLE, []]), max_size=20),
)
def test_an_ordinary_table_keeps_its_first_row_as_the_header(names: list[str], later: Rows) -> None:
    data = [ID, OTHER_ID, *names[2:]]
    assert top_of(names, data, *later).line == 1
    assert top_of(NAMES, *later).line == 1


def test_the_delimiter_is_that_of_the_table_and_not_of_the_title(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    for names in (NAMES, OTHER_NAMES):
        path.write_text(
            f"Leads, by Ann, for Bob, Carl, Dora\n\n{';'.join(names)}\n{';'.join(VALUES)}\n"
        )
        seen = read_first_rows(path, TableOptions(), name="leads.csv", rows=5)
        assert seen == FirstRows(
            header=tuple(names),
            header_line=3,
            above=((1, ("Leads, by Ann, for Bob, Carl, Dora",)),),
            rows=((4, tuple(VALUES)),),
        )


@pytest.mark.parametrize(
    ("names", "values"),
    [(NAMES, VALUES), (["email", "campaign", "aiTag", "status"], ["ann@a.org", "x y", "z", ""])],
)
def test_of_two_tables_with_the_names_the_first_counts_whatever_their_delimiters(
    tmp_path: Path, names: list[str], values: list[str]
) -> None:
    path = tmp_path / "leads.csv"
    rows = [",".join(names[:3]), ",".join(values[:3]), ";".join(names), ";".join(values)]
    path.write_text("\n".join(rows))
    with open_table(path, TableOptions()) as table:
        assert (table.found.header_line, table.found.delimiter) == (1, ",")
        assert [line for line, *_ in read(table)] == [2, 3, 4]


@pytest.mark.parametrize("above", [["Mail,Sale,Tag"], []])
def test_rows_are_never_passed_over_for_names_with_another_delimiter(
    tmp_path: Path, above: list[str]
) -> None:
    path = tmp_path / "leads.csv"
    rows = [*above, "ann@a.org,x,Hot", "bob@a.org,x y,Hot", "email;campaign;aiTag", "a@b.c;x;y"]
    path.write_text("\n".join(rows))
    seen = read_first_rows(path, TableOptions(), name="leads.csv", rows=9)
    assert (seen.header_line, seen.header) == (1, tuple(rows[0].split(",")))


@pytest.mark.parametrize("row", [[ID, OTHER_ID, "Hot"], ["ann@example.com", "Sale", "Hot"]])
def test_a_row_is_no_header_though_columns_are_mapped_by_their_numbers(
    tmp_path: Path, row: list[str]
) -> None:
    path = as_csv(tmp_path / "leads.csv", [row, row])
    wanted = COLUMNS[:2] if row[0] == ID else (Naming.EMAIL, Naming.CAMPAIGN)
    columns: dict[Column, str] = {each: f"#{at}" for at, each in enumerate(wanted, 1)}
    columns[Field.AI_TAG] = "#3"
    for mapping in ({}, columns):
        with pytest.raises(InputError, match="looks like a title or a row") as caught:
            open_table(path, TableOptions(columns=mapping))
        assert "--map" not in in_terminal(caught.value)
    columns |= dict(zip(wanted, row, strict=False))
    with pytest.raises(InputError, match="looks like a title or a row"):
        open_table(path, TableOptions(columns=columns))
    open_table(path, TableOptions(columns=columns, was_accepted=True)).close()


def test_line_breaks_in_a_title_are_one_line_as_in_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(
        'sep=;\n"Leads\nof ""Ann"""\n5" disks\n\n' + ";".join(NAMES) + "\n;;;\na;b;;x\n"
    )
    with open_table(path, TableOptions()) as table:
        assert table.found.passed_over == (1, 2)
        assert read(table) == [(5, "", "", "", ""), (6, "a", "b", "", "x")]


@pytest.mark.parametrize(
    ("suffix", "packed", "encoding"),
    [
        (".csv.gz", gzip.compress, "utf-8-sig"),
        (".csv.zst", zstandard.compress, "utf-8"),
        (".csv", bytes, "utf-16"),
        (".csv", bytes, "cp1252"),
    ],
)
def test_titles_of_every_kind_of_text_are_passed_over(
    tmp_path: Path, suffix: str, packed: Callable[[bytes], bytes], encoding: str
) -> None:
    path = tmp_path / f"leads{suffix}"
    rows = [["Für Ann, Größe 5"], [], NAMES, [*VALUES[:3], "Grüße"]]
    text = "".join(f"{';'.join(row)}\r\n" for row in rows)
    path.write_bytes(packed(text.encode(encoding)))
    table = open_table(path, TableOptions())
    assert (table.found.header_line, table.found.delimiter) == (3, ";")
    assert read(table) == [(4, *VALUES[:3], "Grüße")]


def test_a_fault_below_the_header_is_one_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(
        ",".join(TITLE * 2) + "\n" + ",".join(NAMES) + '\na,b,active,"x\nc,d,paused,y\n'
    )
    table = open_table(path, TableOptions())
    with pytest.raises(InputError, match="line 3: a quote is opened"):
        read(table)


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    one = as_csv(tmp_path / "one.csv", [TITLE, [], ["", "made by Ann"], NAMES])
    assert notes(one)[-1] == (
        'one.csv: the header is line 4. Passed over above it: line 1 "Leads to change, November", '
        'line 3 "made by Ann". If the header is another line, name it with --header-row.'
    )
    many = as_xlsx(tmp_path / "many.xlsx", [*[["x", "y\n"]] * 9, NAMES])
    assert notes(many)[-1] == (
        'many.xlsx: the header is line 10. Passed over above it: line 1 "x, y", line 2 "x, y", '
        'line 3 "x, y" and 6 more. If the header is another line, name it with --header-row.'
    )
    assert notes(many, TableOptions(header_row=10))[-1].endswith(" and 6 more.")
    assert not notes(as_csv(tmp_path / "none.csv", [[], NAMES]))


def test_a_line_can_be_named_and_must_hold_the_names(tmp_path: Path) -> None:
    rows = [NAMES, VALUES, [], ["campaignId", "campaignLeadId", "status"], [ID, OTHER_ID, "paused"]]
    for path in (as_csv(tmp_path / "a.csv", rows), as_xlsx(tmp_path / "a.xlsx", rows)):
        table = open_table(path, TableOptions(header_row=4))
        assert read(table) == [(5, ID, OTHER_ID, "paused")]
        for line in (3, 6):
            assert refusal(path, TableOptions(header_row=line)) == (
                f"{path.name} line {line} is blank or missing; expected the header, "
                "the names of the columns."
            )
        assert refusal(path, TableOptions(header_row=2)).startswith(
            f"{path.name} line 2: columns campaignId and campaignLeadId (or email in its place) are"
        )


def test_names_below_other_rows_are_told_with_the_line(tmp_path: Path) -> None:
    told = (
        "Line 3 has the names, below rows that are no titles. "
        "If the header is another line, name it with --header-row 3."
    )
    path = as_csv(tmp_path / "a.csv", [VALUES, VALUES, NAMES, VALUES])
    assert refusal(path).endswith(f"not like the names of columns. {told}")
    path = as_csv(tmp_path / "a.csv", [OTHER_NAMES, VALUES, NAMES, VALUES])
    mapped = '--map campaignId="Campaign" --map campaignLeadId="Lead" --map status="State"'
    assert refusal(path).endswith(mapped)
    assert told in refusal(path)


def test_unknown_names_below_a_title_are_told_with_their_line(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", [TITLE, OTHER_NAMES, VALUES])
    assert refusal(path).startswith("a.csv line 2: columns campaignId and campaignLeadId (or email")
    assert read(open_table(path, TableOptions(columns=MAPPED))) == [(3, *VALUES)]


def test_who_reads_on_takes_the_header_that_was_found(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", [TITLE, NAMES, VALUES, NAMES, VALUES])
    with open_table(path, TableOptions(header_row=4)) as table:
        found = table.found
    assert (found.header_line, found.passed_over) == (4, (1, 2, 3))
    again = open_table(path, TableOptions(found=found, was_accepted=True))
    assert (again.found, again.notes) == (found, ())
    assert read(again) == [(5, *VALUES)]


def test_rows_begin_below_a_header_that_was_read_beyond_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join([*NAMES, ' "note']) + "\na,b,active,x\nc,d,paused,y\n")
    assert [row[:3] for row in read(open_table(path, TableOptions()))] == [
        (2, "a", "b"),
        (3, "c", "d"),
    ]


def test_blank_cells_behind_a_header_that_values_tell_are_none_of_its_names() -> None:
    top = top_of(OTHER_NAMES, [*VALUES, "", " "])
    assert (top.evidence, top.width) == (Evidence.VALUES, 4)
    assert top_of(OTHER_NAMES, [*VALUES, "", "x"]).width == 6
    assert top_of(NAMES, [*VALUES, "", "x"]).width == 0


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_rows_below_what_may_be_a_title_are_shown_though_they_are_wider(
    tmp_path: Path, kind: str
) -> None:
    rows = [TITLE, ["Campaign", "Lead", "State", "Label"], ["a", "b", "y", "x"]]
    path = (as_csv if kind == "csv" else as_xlsx)(tmp_path / f"a.{kind}", rows)
    for options in (TableOptions(), TableOptions(header_row=1)):
        seen = read_first_rows(path, options, name=path.name, rows=5)
        assert seen.header == (*TITLE, "", "", "")
        assert seen.rows == ((2, tuple(rows[1])), (3, tuple(rows[2])))
    assert refusal(path).endswith(
        'found "Leads to change, November". That looks like a title or a row, not like the '
        "names of columns. If the header is another line, name it with --header-row."
    )
