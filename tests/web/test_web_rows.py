from pathlib import Path

import polars as pl
import pytest

from batch.columns import ADDED_SETS, Column, Naming
from batch.errors import InputError
from batch.model import Field
from batch.web.row_pages import MOST_PAGE_ROWS, Query, page_of, plan_sheet, results_sheet
from batch.web.shown_rows import Value, plan_changes, plan_counts, plan_rows, shown_columns, tone_of
from tests.support.web_site import site
from tests.support.wired import pausing, write_leads

ROWS = pl.LazyFrame(
    {
        "line": range(2, 502),
        "result": ["success", "error"] * 250,
        "0": [f"p{n}@Example.com" for n in range(500)],
    }
)


def lines(query: Query) -> tuple[list[str], int]:
    page = page_of(ROWS, query, searched=["0"])
    return [row["line"] for row in page.rows], page.total


def test_a_page_is_cut_out_of_all_rows() -> None:
    assert lines(Query(offset=0, limit=3)) == (["2", "3", "4"], 500)
    assert lines(Query(offset=499, limit=3)) == (["501"], 500)
    assert lines(Query(offset=10**6, limit=3)) == ([], 500)


def test_rows_are_filtered_and_searched_regardless_of_case() -> None:
    errors = (("result", frozenset({"error"})),)
    assert lines(Query(limit=2, where=errors)) == (["3", "5"], 250)
    assert lines(Query(search="P49@example")) == (["51"], 1)
    assert lines(Query(search="p49", where=errors))[1] == 6  # 49, 491, 493, …, 499
    assert lines(Query(search=".*")) == ([], 0)  # a text, no pattern


def test_problems_come_first_on_whatever_page() -> None:
    first = ("result", (frozenset({"error"}),))
    assert lines(Query(limit=2, first=first)) == (["3", "5"], 500)
    assert lines(Query(offset=249, limit=3, first=first)) == (["501", "2", "4"], 500)
    assert lines(Query(offset=498, limit=9, first=first)) == (["498", "500"], 500)
    assert lines(Query(offset=500, first=first)) == ([], 500)


def test_nobody_gets_all_rows_at_once() -> None:
    assert len(lines(Query(limit=10**9))[0]) == MOST_PAGE_ROWS
    assert len(lines(Query(limit=-1))[0]) == 1
    assert lines(Query(offset=-5, limit=1)) == (["2"], 500)


@pytest.mark.parametrize("added", ADDED_SETS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_results_of_each_format_are_read_with_whatever_separates_them(
    tmp_path: Path, delimiter: str, added: tuple[str, ...]
) -> None:
    path = tmp_path / "results.csv"
    header = delimiter.join(["a", '"b\nc"', "'=d", *added])
    blank = [""] * (len(added) - 3)
    row = delimiter.join(["'=1+1", '"x\ny"', "", "2", "success", "applied", *blank])
    path.write_text(f"\ufeff{header}\n{row}\n", encoding="utf-8")
    sheet = results_sheet(path)
    assert sheet.header == ("a", "b\nc", "=d")
    (found,) = page_of(sheet.frame, Query(), searched=["0"]).rows
    assert (found["0"], found["1"], found["2"], found["line"]) == ("=1+1", "x\ny", "", "2")


def test_results_in_a_folder_with_brackets_in_its_name_are_its_own(tmp_path: Path) -> None:
    for name in ("leads [1]", "leads 1"):
        (tmp_path / name).mkdir()
        cells = ["2", "success", "applied", *[""] * (len(ADDED_SETS[0]) - 3)]
        text = f"a,{','.join(ADDED_SETS[0])}\n{name},{','.join(cells)}\n"
        (tmp_path / name / "results.csv").write_text(text)
    sheet = results_sheet(tmp_path / "leads [1]/results.csv")
    (found,) = page_of(sheet.frame, Query(), searched=["0"]).rows
    assert found["0"] == "leads [1]"


def test_what_is_no_file_of_ours_is_told(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        results_sheet(path)
    assert str(error.value) == "results.csv: is no file of this program any more. Make it again."


PLAN = """a,line,plan,before_status,after_status,before_ai_tag,after_ai_tag,message
x,2,will_change,active,paused,null,Hot,
x,3,will_change,active,paused,Hot,Hot,
x,4,already_so,paused,paused,null,null,
x,5,bad_id,,,,,"found ""bad"", 3 hexadecimal digits; expected 24."
x,6,unread,,paused,,,
"""


def test_a_plan_is_counted_and_its_changes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(PLAN, encoding="utf-8")
    sheet = plan_sheet(path)
    assert plan_counts(sheet) == [
        ("will_change", 2),
        ("unread", 1),
        ("already_so", 1),
        ("bad_id", 1),
    ]
    assert plan_changes(sheet, clear_word="null") == [
        ("status", "active", "paused", 2),
        ("status", "not read", "paused", 1),
        ("aiTag", "no tag", "Hot", 1),
    ]
    found = page_of(sheet.frame, Query(), searched=["0"])
    rows = plan_rows(found, [0], {Field.STATUS: 0}, clear_word="null")
    assert [row.tone for row in rows] == ["open", "open", "quiet", "bad", "open"]
    assert [(row.status, row.tag) for row in rows] == [
        (Value(before="active", after="paused"), Value(before="no tag", after="Hot")),
        (Value(before="active", after="paused"), Value(before="Hot", after="Hot")),
        (Value(before="paused", after="paused"), Value(before="no tag", after="no tag")),
        (Value(after="x", is_asked=True), Value()),
        (Value(before="not read", after="paused"), Value()),
    ]
    assert [row.status.changes for row in rows] == [True, True, False, False, True]
    assert rows[3].message == 'found "bad", 3 hexadecimal digits; expected 24.'


def test_a_tag_that_is_cleared_reads_no_tag(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(PLAN.replace("null", "none"), encoding="utf-8")
    sheet = plan_sheet(path)
    assert ("aiTag", "no tag", "Hot", 1) in plan_changes(sheet, clear_word="none")
    found = page_of(sheet.frame, Query(), searched=["0"])
    (first, *_) = plan_rows(found, [0], {Field.STATUS: 0}, clear_word="none")
    assert first.tag == Value(before="no tag", after="Hot")


@pytest.mark.parametrize(
    ("name", "tone"),
    [
        ("applied", "good"), ("not_found", "bad"), ("duplicate", "quiet"), ("stopped", "open"),
        ("own_id", "bad"), ("drifted", "quiet"), ("unread", "open"), ("something_new", "bad"),
    ],
)  # fmt: skip
def test_a_tone_stands_beside_every_word(name: str, tone: str) -> None:
    assert tone_of(name) == tone


def test_pages_lead_to_the_pages_beside_them_and_keep_the_filter(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        page.drop(write_leads(tmp_path / "leads.csv", pausing(120)))
        text = page.get("/check?offset=50&search=65a2")
        assert "51 to 100 of 120" in text
        assert 'href="/the-path/check?search=65a2#rows"' in text
        assert 'href="/the-path/check?search=65a2&amp;offset=100#rows"' in text
        assert "More rows" not in page.get("/check?offset=100")
        for odd in ("-1", "x", "٣", "9" * 30, "1e3"):
            assert "1 to 50 of 120" in page.get(f"/check?offset={odd}")


def test_what_a_row_is_known_by_stands_before_its_ids() -> None:
    fields: dict[Column, int] = {
        Field.CAMPAIGN_ID: 0,
        Field.CAMPAIGN_LEAD_ID: 2,
        Naming.EMAIL: 3,
        Field.STATUS: 4,
    }
    assert shown_columns(("campaignId", "Name", "id", "email", "status", ""), fields) == [
        1, 3, 5, 0, 2, 4,
    ]  # fmt: skip
    assert shown_columns([""] * 30, {Field.STATUS: 0}) == [*range(1, 13)]


def test_an_earlier_upload_is_taken_away(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        for _ in range(3):
            page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        assert len(list((tmp_path / "uploads").iterdir())) == 1


def test_a_file_without_rows_is_shown(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        page.drop(write_leads(tmp_path / "leads.csv", []))
        text = page.get("/check")
        assert "No row is like that." in text
        assert "See what would change" not in text
