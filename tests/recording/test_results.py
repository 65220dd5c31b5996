import csv
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.columns import ADDED_COLUMNS, result_header
from batch.errors import RunError
from batch.escape import unescape_text
from batch.model import Outcome, Reason, Result
from batch.reading.mended import Mend
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.recording import results
from batch.recording.failed_sheet import write_failed_sheet
from batch.recording.journal import Journal
from batch.recording.results import write_results
from tests.support.sampling import examples

HEADER = ("campaignId", "campaignLeadId", "status", "aiTag")
APPLIED = Outcome(
    lines=(2,),
    reason=Reason.APPLIED,
    http_status=200,
    attempts=2,
    elapsed_ms=48,
    sent_at_ms=1_795_551_600_123,
    server_status="active",
    server_ai_tag="Interested",
    subsequence="enrolled: Warm, up",
)


@dataclass(frozen=True)
class Cells:
    """An input of a few rows: (line, cells), handed out in frames of `frame_rows`."""

    cells: Sequence[tuple[int, Sequence[str | None]]]
    header: tuple[str, ...] = HEADER
    delimiter: str = ","
    is_sheet: bool = False
    name: str = "leads.csv"
    mended: tuple[Mend, ...] = ()
    frame_rows: int = 100

    def rows(self) -> Iterator[pl.DataFrame]:
        columns = [str(index) for index in range(len(self.header))]
        schema = {"line": pl.UInt32} | dict.fromkeys(columns, pl.String)
        for start in range(0, len(self.cells), self.frame_rows):
            part = self.cells[start : start + self.frame_rows]
            yield pl.DataFrame(
                [(line, *cells) for line, cells in part], schema=schema, orient="row"
            )


TWO_ROWS = Cells([(2, ("c", "l", "active", "Interested")), (3, ("c", "m", "paused", ""))])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def read(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def files_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith("journal"))


def test_results_have_the_rows_as_read_then_what_came_of_them(
    tmp_path: Path, journal: Journal
) -> None:
    journal.record([APPLIED])

    files = write_results(TWO_ROWS, journal, tmp_path)

    assert files.results.read_bytes().decode() == (
        "\ufeffcampaignId,campaignLeadId,status,aiTag,line,result,reason,http_status,attempts,"
        "elapsed_ms,message,sent_at,server_status,server_ai_tag,subsequence\n"
        "c,l,active,Interested,2,success,applied,200,2,48,,2026-11-24T20:20:00.123Z,"
        'active,Interested,"enrolled: Warm, up"\n'
        "c,m,paused,,3,unsent,not_reached,,0,,The run ended before this row was sent.,,,,\n"
    )
    assert files.failed.read_bytes().decode() == (
        "\ufeffcampaignId,campaignLeadId,status,aiTag,line,result,reason,http_status,attempts,"
        "elapsed_ms,message,sent_at,server_status,server_ai_tag,subsequence\n"
        "c,m,paused,,3,unsent,not_reached,,0,,The run ended before this row was sent.,,,,\n"
    )
    assert files.results == tmp_path / "results.csv"
    assert files.failed == tmp_path / "failed.csv"
    assert files.failed_sheet is None
    assert files.tally == {Reason.APPLIED: 1, Reason.NOT_REACHED: 1}
    assert files.rows == 2
    assert files.note == ""
    assert files_in(tmp_path) == ["failed.csv", "results.csv"]
    assert files.results.stat().st_mode & 0o777 == 0o600
    assert files.failed.stat().st_mode & 0o777 == 0o600


# Characters that the quoting and the apostrophes are about, and any other.
TEXTS = st.text(alphabet="'=+-@\t\r\n\",;|5 aé\x00", max_size=5) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)


@st.composite
def inputs(draw: st.DrawFn) -> Cells:
    names = TEXTS | st.sampled_from(ADDED_COLUMNS)
    header = draw(st.lists(names, min_size=1, max_size=4))
    lines = sorted(draw(st.sets(st.integers(2, 30), max_size=12)))
    cells = st.lists(st.none() | TEXTS, min_size=len(header), max_size=len(header))
    return Cells(
        [(line, draw(cells)) for line in lines],
        header=tuple(header),
        delimiter=draw(st.sampled_from(",;\t|")),
        frame_rows=draw(st.integers(1, 13)),
    )


@examples(150)
@given(inputs(), st.data())
def test_any_input_with_any_outcomes_has_each_line_once_in_order_and_adds_up(
    tmp_path_factory: pytest.TempPathFactory, table: Cells, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("run")
    lines = [line for line, _ in table.cells]
    recorded = data.draw(st.sets(st.sampled_from(lines)) if lines else st.just(set()))
    outcomes = {
        line: Outcome(
            lines=(line,),
            reason=data.draw(st.sampled_from(Reason)),
            message=data.draw(TEXTS),
            server_ai_tag=data.draw(st.none() | TEXTS),
        )
        for line in recorded
    }
    journal = Journal.create(folder / "journal.sqlite")
    journal.record(outcomes.values())

    files = write_results(table, journal, folder)
    journal.close()

    never = Outcome(
        lines=(), reason=Reason.NOT_REACHED, message="The run ended before this row was sent."
    )
    expected = []
    for line, cells in table.cells:
        outcome = outcomes.get(line, never)
        what = [str(line), outcome.reason.result.value, outcome.reason.value, "", "0", ""]
        told = [outcome.message, "", "", outcome.server_ai_tag or "", ""]
        expected.append([*(cell or "" for cell in cells), *what, *told])
    header, *written = unescaped(read(files.results, table.delimiter))
    failed = [row for row in expected if row[len(table.header) + 1] in ("error", "unsent")]
    tally = files.tally

    assert tuple(header) == result_header(table.header)
    assert written == expected
    assert unescaped(read(files.failed, table.delimiter)) == [header, *failed]
    assert files.rows == len(lines)
    assert tally.success + tally.error + tally.skipped + tally.unsent == len(lines)
    assert tally.error + tally.unsent == len(failed)


def unescaped(rows: list[list[str]]) -> list[list[str]]:
    return [[unescape_text(cell) for cell in row] for row in rows]


def test_texts_that_could_run_as_formulas_get_an_apostrophe_wherever_they_come_from(
    tmp_path: Path, journal: Journal
) -> None:
    table = Cells([(2, ("=1+1", "+49 30 1234"))], header=("@note", "phone"))
    journal.record(
        [
            Outcome(
                lines=(2,),
                reason=Reason.REJECTED,
                message="=message",
                server_status="-status",
                server_ai_tag="@tag",
                subsequence="+sub",
            )
        ]
    )

    header, row = read(write_results(table, journal, tmp_path).results)

    assert header[:2] == ["'@note", "phone"]
    assert row == [
        *("'=1+1", "+49 30 1234", "2", "error", "rejected", "", "0", ""),
        *("'=message", "", "'-status", "'@tag", "'+sub"),
    ]


def test_only_cells_that_need_quotes_have_them(tmp_path: Path, journal: Journal) -> None:
    table = Cells([(2, ('5" disk', "a;b", "a,b", "a\nb", "", " "))], ("a;", "b", "c", "d", "", "f"))
    journal.record([Outcome(lines=(2,), reason=Reason.APPLIED)])

    files = write_results(Cells(table.cells, table.header, ";"), journal, tmp_path)

    text = files.results.read_bytes().decode()
    assert text.startswith('\ufeff"a;";b;c;d;;f;line;result;')
    assert text.split("\n", 1)[1] == ('"5"" disk";"a;b";a,b;"a\nb";; ;2;success;applied;;0;;;;;;\n')


def test_long_frames_are_joined_in_slices(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BATCH_ROWS", 3)
    lines = range(2, 12)
    table = Cells([(line, ("c", "l", "", "")) for line in lines])
    journal.record([Outcome(lines=tuple(lines), reason=Reason.APPLIED)])
    asked: list[tuple[int, int]] = []
    ask = journal.rows

    def spy(first: int, last: int) -> pl.DataFrame:
        asked.append((first, last))
        return ask(first, last)

    monkeypatch.setattr(journal, "rows", spy)
    files = write_results(table, journal, tmp_path)

    assert asked == [(2, 4), (5, 7), (8, 10), (11, 11)]
    assert [row[4] for row in read(files.results)[1:]] == [str(line) for line in lines]


def test_an_input_without_rows_gives_headers_alone(tmp_path: Path, journal: Journal) -> None:
    files = write_results(Cells([]), journal, tmp_path)

    assert read(files.results) == [[*HEADER, *ADDED_COLUMNS]]
    assert read(files.failed) == [[*HEADER, *ADDED_COLUMNS]]
    assert (files.rows, files.tally.total()) == (0, 0)


def test_a_rerun_without_failures_leaves_no_old_failures_standing(
    tmp_path: Path, journal: Journal
) -> None:
    write_results(TWO_ROWS, journal, tmp_path)
    journal.record([Outcome(lines=(2, 3), reason=Reason.APPLIED)])

    files = write_results(TWO_ROWS, journal, tmp_path)

    assert read(files.failed) == [[*HEADER, *ADDED_COLUMNS]]
    assert files.tally.of(Result.SUCCESS) == 2


def test_an_outcome_of_no_input_row_stops_the_writing(tmp_path: Path, journal: Journal) -> None:
    write_results(TWO_ROWS, journal, tmp_path)
    before = (tmp_path / "results.csv").read_bytes()
    journal.record([Outcome(lines=(2, 3, 9), reason=Reason.APPLIED)])

    with pytest.raises(RunError) as caught:
        write_results(TWO_ROWS, journal, tmp_path)

    assert str(caught.value) == (
        "The journal has outcomes for 3 lines, and 2 of them were found in leads.csv; "
        "expected all. No results were written; "
        "check that the run's copy of the input was not changed. "
        "The results.csv and failed.csv there are from before."
    )
    assert (tmp_path / "results.csv").read_bytes() == before
    assert files_in(tmp_path) == ["failed.csv", "results.csv"]


@pytest.mark.parametrize(
    ("failing", "stayed"),
    [
        ("results.csv", "results.csv and failed.csv and failed.xlsx there are"),
        ("failed.csv", "failed.csv and failed.xlsx there are"),
    ],
)
def test_a_disk_that_fails_names_the_files_that_look_present_and_are_not(
    tmp_path: Path,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    stayed: str,
) -> None:
    sheet = replace(TWO_ROWS, is_sheet=True)
    write_results(sheet, journal, tmp_path)
    fill_disk_at(monkeypatch, failing)

    with pytest.raises(RunError) as caught:
        write_results(sheet, journal, tmp_path)

    assert str(caught.value) == (
        f"{tmp_path / failing}: can't be written: No space left on device. "
        f"Free some space on the disk. The {stayed} from before."
    )
    assert files_in(tmp_path) == ["failed.csv", "failed.xlsx", "results.csv"]


def test_a_sheet_that_the_disk_refuses_leaves_the_results_which_are_there(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = replace(TWO_ROWS, is_sheet=True)
    write_results(sheet, journal, tmp_path)
    journal.record([APPLIED])
    fill_disk_at(monkeypatch, "failed.xlsx")

    written = write_results(sheet, journal, tmp_path)

    assert written.failure == (
        f"{tmp_path}/failed.xlsx: can't be written: No space left on device. "
        "Free some space on the disk. The failed.xlsx there is from before."
    )
    assert written.failed_sheet is None
    assert written.results == tmp_path / "results.csv"
    assert read(written.results)[1][5] == "success"
    assert len(read(written.failed)) == 2


def fill_disk_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make replacing the file of this name fail as on a full disk."""
    replace_file = Path.replace

    def full(self: Path, to: Path) -> Path:
        if to.name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace_file(self, to)

    monkeypatch.setattr(Path, "replace", full)


def test_more_results_than_rows_stop_the_writing(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.record([APPLIED])
    once = journal.rows(2, 3)
    monkeypatch.setattr(journal, "rows", lambda _first, _last: pl.concat([once, once]))

    with pytest.raises(RunError) as caught:
        write_results(TWO_ROWS, journal, tmp_path)

    assert str(caught.value) == (
        "leads.csv has 2 rows, but 3 results came out; expected one for each. "
        "No results were written; please report this as a bug."
    )
    assert files_in(tmp_path) == []


def test_a_reader_that_breaks_off_leaves_the_earlier_results(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(TWO_ROWS, journal, tmp_path)
    before = (tmp_path / "results.csv").read_bytes()

    (frame,) = TWO_ROWS.rows()

    def broken(_: object) -> Iterator[pl.DataFrame]:
        yield frame
        raise RunError("input.csv: the disk can't be read.")

    monkeypatch.setattr(Cells, "rows", broken)
    with pytest.raises(RunError, match="disk can't be read"):
        write_results(TWO_ROWS, journal, tmp_path)

    assert (tmp_path / "results.csv").read_bytes() == before
    assert files_in(tmp_path) == ["failed.csv", "results.csv"]


def test_files_held_open_are_written_under_another_name_and_named(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def guarded(self: Path, to: Path) -> Path:
        if to.name in ("results.csv", "failed.xlsx"):
            raise PermissionError(errno.EACCES, "Access is denied", str(to))
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", guarded)
    sheet = Cells(TWO_ROWS.cells, is_sheet=True)

    files = write_results(sheet, journal, tmp_path)

    assert files.results == tmp_path / "results-2.csv"
    assert files.failed == tmp_path / "failed.csv"
    assert files.failed_sheet == tmp_path / "failed-2.xlsx"
    assert files.note == (
        "results.csv is open in another program, so results-2.csv was written instead. "
        "failed.xlsx is open in another program, so failed-2.xlsx was written instead."
    )
    assert files_in(tmp_path) == ["failed-2.xlsx", "failed.csv", "results-2.csv"]


def test_a_spreadsheet_gets_its_failed_rows_as_a_sheet_too(
    tmp_path: Path, journal: Journal
) -> None:
    journal.record([APPLIED])
    sheet = Cells(TWO_ROWS.cells, is_sheet=True, name="leads.xlsx")

    files = write_results(sheet, journal, tmp_path)

    assert files.failed_sheet == tmp_path / "failed.xlsx"
    sheet_rows = fastexcel.read_excel(tmp_path / "failed.xlsx").load_sheet(
        0, header_row=None, dtypes="string"
    )
    assert sheet_rows.to_polars().fill_null("").rows() == [tuple(row) for row in read(files.failed)]


def test_a_sheet_that_can_not_hold_the_rows_is_left_out_and_so_is_an_older_one(
    tmp_path: Path, journal: Journal
) -> None:
    write_results(Cells(TWO_ROWS.cells, is_sheet=True), journal, tmp_path)
    assert files_in(tmp_path) == ["failed.csv", "failed.xlsx", "results.csv"]
    long = Cells([(2, ("x" * 32_768, "", "", ""))], is_sheet=True)

    files = write_results(long, journal, tmp_path)

    assert files.failed_sheet is None
    assert files.note == (
        "failed.xlsx was not written: a cell longer than the 32,767 characters that a sheet's "
        "cell holds. failed.csv has all of the rows."
    )
    assert read(files.failed)[1][0] == "x" * 32_768
    assert files_in(tmp_path) == ["failed.csv", "results.csv"]


def test_results_fed_back_in_are_the_users_own_rows_again(tmp_path: Path, journal: Journal) -> None:
    rows = [
        ["campaignId", "campaignLeadId", "status", "aiTag", "line", "=note", "'n"],
        ["c", "l", "active", "Interested", "x", "=1+1", "001"],
        ["c", "m", "paused", "", "'=y", "'-5", "-5"],
        ["", "", "", "", "", "", ""],
        ["c", " n ", "", "null", 'a\n"b";', "tab\t", "\r"],
    ]
    with (tmp_path / "leads.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    with open_table(tmp_path / "leads.csv", TableOptions()) as table:
        files = write_results(table, journal, tmp_path)
        before = pl.concat(table.rows()).fill_null("")
    write_failed_sheet(files.failed, tmp_path / "failed.xlsx", delimiter=";")

    for path in (files.results, files.failed, tmp_path / "failed.xlsx"):
        with open_table(path, TableOptions()) as again:
            header = again.header
            after = pl.concat(again.rows()).fill_null("")
        assert header == (*rows[0][:4], "input_line", "=note", "'n")
        assert after.rows() == before.rows()
