import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from batch.model import Reason
from batch.recording.runfile import RunBy, RunInput, RunState, RunWorkspace
from batch.reporting.digest import Digest
from batch.reporting.pace_history import pace_history
from batch.reporting.pacing import share_of
from batch.reporting.page import render
from batch.reporting.run_facts import mask_emails
from batch.reporting.tables import campaigns as by_campaign
from batch.reporting.tables import changed as changed_of
from tests.reporting.test_digest import digest_of, request
from tests.reporting.test_pace_history import seconds, spans
from tests.support.findings import BEGAN, findings

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>=1+1"
VOID = {"meta", "br", "rect", "path"}


class Outline(HTMLParser):
    """The elements of a page, and whether all are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
        self.text += " " if tag == "td" else ""

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def a_digest(evil: str = EVIL) -> Digest:
    return digest_of(
        request(2, subsequence="enrolled: " + evil),
        request(3, ai_tag=evil, elapsed_ms=2_000, attempts=7),
        request(4, reason="not_found", http_status=404, elapsed_ms=40),
        named=(4,),
    )


def a_page(evil: str = EVIL, **record: object) -> str:
    failed = {
        "line": 4, "reason": "not_found", "http_status": 404, "attempts": 1, "elapsed_ms": 40,
        "message": f"ask ann@example.com {evil}", "sent_at_ms": 1, "server_status": None,
        "server_ai_tag": None, "subsequence": None, "rows": 1,
    }  # fmt: skip
    found = findings(
        {Reason.APPLIED: 2, Reason.NOT_FOUND: 1},
        examples={
            Reason.APPLIED: [(2, ""), (3, "")],
            Reason.NOT_FOUND: [(4, f"ask ann@example.com {evil}")],
        },
        causes=[failed],
        digest=a_digest(evil),
        input=RunInput(name=evil, sha256="ab" * 32, size_bytes=99, original="/home/ann/x.csv"),
        workspace=RunWorkspace(id="7", name=evil),
        **record,
    )
    history = pace_history(seconds({100: 5, 101: 7, 103: 2}), spans((101_000, 1000, 9, 2, 1000, 0)))
    return render(replace(found, history=history))


def test_what_a_spreadsheet_or_a_server_says_shows_as_text() -> None:
    page = Outline(a_page(stop_reason=EVIL))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.open == []
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    # The name, the workspace, a tag, a subsequence, two messages, the reason, the page's title.
    assert page.text.count(EVIL) >= 8


def test_what_would_not_be_seen_is_shown() -> None:
    evil = "a\u202eb\u2066c\u200bd\x1b[31me\rf\ng\x00h\u00adi\ufeffj"
    shown = r"a\u202eb\u2066c\u200bd\x1b[31me\rf\ng\x00h\xadi\ufeffj"
    page = a_page(evil, stop_reason=evil)
    assert Outline(page).text.count(shown) >= 8
    assert all(each.isprintable() or each in "\n\u00a0" for each in page)


def test_nothing_comes_from_elsewhere() -> None:
    page = a_page()
    assert (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
    ) in page
    outline = Outline(page)
    assert not {"link", "script", "iframe", "object", "embed", "base", "form"} & set(outline.tags)
    assert not {name for name, _ in outline.attributes} & {"src", "srcset", "href", "xlink:href"}
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_no_email_address_and_no_path_is_passed_on() -> None:
    page = a_page(
        settings={"api": {"api_key_file": "/home/ann/key"}, "run": {"runs_dir": "/home/ann"}}
    )
    assert "ann@example.com" not in page
    assert "/home/ann" not in page
    assert "ask (an e-mail address) " in Outline(page).text


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('found "info@catering.example.com"; expected', 'found "(an e-mail address)"; expected'),
        ("<ann.o'hara+x@mail.example> bounced", "<(an e-mail address)> bounced"),
        ("at 10 @ noon", "at 10 @ noon"),
    ],
)
def test_email_addresses_are_masked(message: str, told: str) -> None:
    assert mask_emails(message) == told


def test_each_chart_has_its_words_and_its_numbers() -> None:
    page = a_page()
    pace, latency = [value for name, value in Outline(page).attributes if name == "aria-label"]
    assert pace == (
        "Pace over time. 14 leads in 4 s: 3.5 a second on the whole. The server refused 2 "
        "requests for the pace (429). Everybody was held back for 1 s."
    )
    assert latency == (
        "How long answers took. Half of the answers came within 100\u00a0ms, 95\u00a0% within "
        "2\u00a0s, 99\u00a0% within 2\u00a0s; the slowest took 2\u00a0s. Each lead's last "
        "attempt counts."
    )
    assert page.count("The same in numbers") == 2
    assert page.count('<div class="wide"><svg') == page.count('<div class="narrow"><svg') == 2


def test_retries_are_counted_and_many_are_summed_up() -> None:
    text = " ".join(Outline(a_page()).text.split())
    assert "9 requests for 3 leads: 6 more than one each. 2 answers of 429 asked" in text
    assert "1 2 66.7 % more 1 33.3 %" in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.FINISHED, "Finished, begun on 24 November 2026, 20:19:00 UTC; it took 60 s."),
        (RunState.STOPPED, "Stopped early, begun"),
        (RunState.RUNNING, "Broke off, begun"),
    ],
)
def test_the_state_is_said_in_words(state: RunState, words: str) -> None:
    assert words in Outline(a_page(state=state)).text


def test_a_run_of_nothing_has_a_page() -> None:
    text = Outline(render(findings({}))).text
    assert "leads.csv has no rows" in text
    assert "0 success + 0 error + 0 skipped + 0 unsent = 0 of 0 rows" in text
    assert "What changed" not in text
    assert "Pace over time" not in text


def test_a_long_list_of_changes_is_folded() -> None:
    no_lines = pl.Series("line", [], dtype=pl.UInt32)
    digest = Digest(is_planned=False, named=no_lines)
    digest.add(
        pl.concat(
            digest_frame
            for digest_frame in (_applied(f"campaign{n:04}", f"tag{n:04}") for n in range(300))
        )
    )
    page = render(findings({Reason.APPLIED: 300}, digest=digest))
    assert "<summary>200 more campaigns</summary>" in page
    assert "… and 90 more campaigns." in page
    assert page.count("→ ") == 1 + 210  # one kind of change of status


def _applied(campaign: str, tag: str) -> pl.DataFrame:
    from tests.reporting.test_digest import frame  # noqa: PLC0415

    return frame(request(2, campaign_id=campaign, ai_tag=tag))


@pytest.mark.parametrize("count", [1, 12, 13, 300])
def test_the_sums_of_a_table_come_to_what_the_others_say(count: int) -> None:
    changed = [
        request(n, campaign_id=f"campaign{n:04}", status="paused", ai_tag=f"tag{n:04}")
        for n in range(2, count + 2)
    ]
    only_status = request(count + 2, before_status="paused", ai_tag=None)
    refused = request(count + 3, reason="not_found", http_status=404)
    digest = digest_of(*changed, only_status, refused, block=100)
    found = findings({Reason.APPLIED: count + 1, Reason.NOT_FOUND: 1}, digest=digest)
    labels = changed_of(digest.tags, found, field="Label")
    campaigns = by_campaign(found)
    for rows, sums in ((labels["rows"], labels["sums"]), (campaigns["rows"], campaigns["sums"])):
        numbers = [[each for each in row if isinstance(each, int)] for row in rows]
        *parts, (_, total) = sums
        told = [*numbers, *(counts for _, counts in parts)]
        assert [sum(column) for column in zip(*told, strict=True)] == [*total]
    # Both tables come to the same leads, and those to the rows that were applied.
    assert labels["sums"][-1] == ("All that were applied", (count + 1,))
    assert campaigns["sums"][-1][1][:2] == (count + 1, 1)
    assert ("Label as it was", (1,)) in labels["sums"]
    text = " ".join(Outline(render(found)).text.split())
    assert f"{count + 2} leads are named by {count + 2} rows." in text


def test_the_failures_that_are_not_listed_are_counted() -> None:
    cause = {
        "line": 4, "reason": "not_found", "http_status": 404, "attempts": 1, "elapsed_ms": 40,
        "message": "gone", "sent_at_ms": 1, "server_status": None, "server_ai_tag": None,
        "subsequence": None, "rows": 6,
    }  # fmt: skip
    found = findings({Reason.NOT_FOUND: 6, Reason.BAD_ID: 3}, causes=[cause], digest=a_digest())
    text = " ".join(Outline(render(found)).text.split())
    assert "6 not_found 404 4 " in text
    assert "3of further causes 9All rows that failed" in text


def test_who_ran_it_is_told_and_an_address_is_not() -> None:
    by = RunBy(user="ann", host="laptop", command="sendkit-batch run ann@example.com.csv", at=BEGAN)
    page = Outline(a_page(ran_by=(by, by.model_copy(update={"user": "bob", "command": ""}))))
    text = " ".join(page.text.split())
    time = "24 November 2026, 20:19:00 UTC"
    assert f"Run byann on laptop, {time}: sendkit-batch run (an e-mail address)" in text
    assert f"Then bybob on laptop, {time}" in text


def test_a_campaign_is_told_by_its_name_where_it_is_known() -> None:
    text = " ".join(Outline(a_page(campaigns={"a": f"Spring {EVIL}"})).text.split())
    assert f"Spring {EVIL}a " in text


@pytest.mark.parametrize(
    ("count", "total", "told"),
    [
        (0, 0, ""), (0, 9, "0\u00a0%"), (1, 8, "12.5\u00a0%"), (9, 9, "100\u00a0%"),
        (1, 100_000, "< 0.1\u00a0%"), (99_999, 100_000, "> 99.9\u00a0%"),
    ],
)  # fmt: skip
def test_a_share_is_never_none_of_some_nor_all_but_one(count: int, total: int, told: str) -> None:
    assert share_of(count, total) == told
