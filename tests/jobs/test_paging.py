"""Where a list of pages ends: with servers that name a cursor, name none, or know none."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr

from batch.api.lists import Page
from batch.api.sendkit import Access, SendKit, Timeouts
from batch.jobs import paging
from batch.jobs.gate import make_client
from batch.jobs.paging import MOST_BARREN, ListNotReadError, Paging, Place
from batch.model import Answer, Reason, Webhook, Webhooks
from batch.sandbox.options import Options
from batch.settings.model import Settings
from batch.wording.questions import about_webhooks
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.program import access, lead_id, received, state, write_rows
from tests.support.virtual_time import VIRTUAL_TIME

SEED_HEADER = ("campaignId", "campaignLeadId", "campaignName", "email", "status", "aiTag")
IDS = [f"64f1c0a95e8b7d2f3a6c9f{n:02x}" for n in range(1, 4)]


def page(*ids: str, cursor: str | None = None, **more: object) -> Page[str]:
    """A page that names no cursor; with one, the server's own."""
    named = {"next_cursor": cursor, "is_named": True} if cursor else {}
    guess = {"next_cursor": ids[-1] if ids else None, "is_named": False}
    return Page(records=ids, ids=ids, **{**guess, **named, **more})  # type: ignore[arg-type]  # the fields of Page


def read(pages: Sequence[Page[str]]) -> tuple[list[str], int]:
    """What is read of these pages, and how many of them are asked for."""
    place: Place[str] = Place("the list")
    found: list[str] = []
    for asked, each in enumerate(pages, 1):
        taken = place.after(each)
        found += taken.records if taken else ()
        if place.is_at_end:
            return found, asked
    raise AssertionError("more is asked for")


def fault_of(pages: Iterator[Page[str]]) -> tuple[str, int]:
    """What ends the reading of pages without end, and how many of them are asked for."""
    place: Place[str] = Place("the list")
    for asked, each in enumerate(pages, 1):
        try:
            place.after(each)
        except ListNotReadError as error:
            return str(error), asked
    raise AssertionError("unreachable: they have no end")


def ids_of(n: int) -> list[str]:
    return [f"{n}-{i}" for i in range(100)]


AB, CD = page("a", "b"), page("c", "d")


@pytest.mark.parametrize(
    ("pages", "found", "asked"),
    [
        # nothing is told: until a page is empty, or brings nothing new
        ([AB, CD, page()], "abcd", 3),
        ([AB, AB], "ab", 2),
        ([AB, page("b")], "ab", 2),
        ([AB, CD, CD], "abcd", 3),
        ([AB, CD, AB], "abcd", 3),
        ([page("a", "b"), page("x", "a"), page("x", "a")], "abxa", 3),  # it shifted
        ([page()], "", 1),
        # the total, or else the pages, tell where the end is
        ([page("a", "b", total=2)], "ab", 1),
        ([page("a", "b", total=3), page("c", total=3)], "abc", 2),
        ([page("a", "b", pages=1)], "ab", 1),
        ([page("a", "b", pages=2), page("c", pages=2)], "abc", 2),
        ([page("a", "b", total=9), page("c", total=9), page(total=9)], "abc", 3),  # some went
        # a cursor that is named is followed, whatever is told beside it
        ([page("a", cursor="x", total=1), page("b", next_cursor=None, is_named=True)], "ab", 2),
        ([page("a", has_more=True, total=1), page("b", next_cursor=None, is_named=True)], "ab", 2),
        ([page("a", cursor="x"), page(cursor="y"), page("b", next_cursor=None, is_named=True)],
         "ab", 3),
    ],
)  # fmt: skip
def test_a_list_ends_where_nothing_is_named_and_nothing_new_comes(
    pages: list[Page[str]], found: str, asked: int
) -> None:
    assert read(pages) == (list(found), asked)


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ([page("a", cursor="x"), page("b", cursor="x")], "the pages go round in a circle at x."),
        ([page("a", "b", total=5)] * 2, "tells of 5 records, names no way to go on, and shows"),
        ([page("a", "b", pages=3)] * 2, "tells of more to come, names no way to go on"),
        ([page("a", "b", has_more=True)] * 2, "tells of more to come, names no way to go on"),
    ],
)
def test_a_list_that_cant_be_read_to_its_end_is_a_fault(pages: list[Page[str]], told: str) -> None:
    with pytest.raises(ListNotReadError) as caught:
        read(pages)
    assert str(caught.value).startswith("the list")
    assert told in str(caught.value)


def test_a_list_of_empty_pages_ends_with_a_fault() -> None:
    told = (
        "the list could not be read to the end: the last 1,000 pages in a row brought nothing new, "
        "and the server still names a next page."
    )
    assert fault_of(page(cursor=f"{n}") for n in count()) == (told, MOST_BARREN)


@pytest.mark.parametrize("lap", [1, 7, 90])
def test_a_list_that_shows_the_same_pages_for_ever_ends_with_a_fault(lap: int) -> None:
    pages = (page(*ids_of(n % lap), cursor=f"{n}") for n in count())
    told, asked = fault_of(pages)
    assert "1,000 pages in a row brought nothing new" in told
    assert asked == lap + MOST_BARREN


def test_empty_pages_among_others_are_read_over() -> None:
    sparse = [page(cursor=f"{n}") for n in range(MOST_BARREN - 1)]
    more = [page(cursor=f"{n}'") for n in range(MOST_BARREN - 1)]
    pages = [*sparse, page("a", cursor="x"), *more, page("b", next_cursor=None, is_named=True)]
    assert read(pages) == (["a", "b"], 2 * MOST_BARREN)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_list_of_ever_new_records_ends_with_a_fault(
    is_named: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 20_000)
    more = {} if is_named else {"has_more": True}
    pages = (page(f"{n}", cursor=f"{n}" if is_named else None, **more) for n in count())
    told = (
        "the list could not be read to the end: 20,000 pages with 20,000 records came, and the "
        "server still names a next page."
    )
    assert fault_of(pages) == (told, 20_000)


def test_a_list_of_ever_new_large_pages_ends_with_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_RECORDS", 1_000)
    told, asked = fault_of(page(*ids_of(n), cursor=f"{n}") for n in count())
    assert "10 pages with 1,000 records came" in told
    assert asked == 10


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["the campaigns", f"the leads of campaign {IDS[0]}"])
async def test_no_list_of_the_api_is_read_for_ever(what: str) -> None:
    asked = count(1)

    def answer(_: httpx.Request) -> httpx.Response:
        onward = {"hasMore": True, "nextCursor": f"{next(asked)}"}
        return httpx.Response(200, json={"success": True, "data": [], "pagination": onward})

    target = Access(base_url="https://api.example.com", api_key=SecretStr("sk_1"))
    timeouts = Timeouts(connect_s=9, write_s=9, read_s=9, attempt_s=9)
    settings = Settings.model_validate({"pace": {"rate": 1_000_000}})
    async with SendKit(target, timeouts=timeouts, transport=httpx.MockTransport(answer)) as api:
        lists = Paging(api, settings)
        pages = lists.campaigns() if what == "the campaigns" else lists.leads(IDS[0])
        with pytest.raises(ListNotReadError, match=f"{what} could not be read to the end"):
            _ = [each async for each in pages]
    assert next(asked) == MOST_BARREN + 1


@pytest.mark.parametrize(("read_so_far", "left"), [(100, 3), (300, 1), (350, 0), (400, 0)])
def test_the_total_tells_how_many_pages_are_to_come(read_so_far: int, left: int) -> None:
    ids = tuple(map(str, range(100)))
    assert page(*ids, total=350).pages_left(read_so_far) == left
    assert page(*ids).pages_left(read_so_far) is None


WORLDS = [
    pytest.param({"next_cursor": where, "page_total": total}, id=f"{where}{' total' * total}")
    for where in ("pagination", "top", "meta", "has-more", "none")
    for total in (False, True)
]
SMALL = [
    pytest.param({"next_cursor": "ignored", "page_total": total}, id=f"ignored{' total' * total}")
    for total in (False, True)
]


def seed(folder: Path) -> Path:
    rows = [
        (campaign, lead_id(10 * n + i), f"Sale {n}", f"p{n}{i}@example.com", "active", "Cold")
        for n, campaign in enumerate(IDS)
        for i in range(9)
    ]
    return write_rows(folder / "seed.csv", SEED_HEADER, rows)


@pytest.mark.anyio
@pytest.mark.parametrize("world", [*WORLDS, *SMALL])
async def test_every_list_is_read_whole_from_every_server(
    tmp_path: Path, world: dict[str, object]
) -> None:
    is_ignored = world["next_cursor"] == "ignored"
    size = 100 if is_ignored else 4  # all there is on one page; else a few
    options = Options(seed_csv=seed(tmp_path), max_page=size, **world)  # type: ignore[arg-type]  # whichever they are
    with start_sandbox(options) as sandbox:
        target = Access(base_url=sandbox.base_url, api_key=SecretStr(sandbox.api_key))
        settings = Settings.model_validate({"pace": {"rate": 10_000}})
        async with make_client(target, settings, connections=1, quota=None) as api:
            lists = Paging(api, settings)
            leads = [one async for page in lists.leads(IDS[0]) for one in page.records]
            campaigns = [one async for page in lists.campaigns() for one in page]
        asked = len([each for each in received(sandbox, operation="leads")
                     if each["status"] == 200])  # fmt: skip
    assert [lead.campaign_lead_id for lead in leads] == [lead_id(i) for i in range(9)]
    assert [campaign.id for campaign in campaigns] == IDS
    if is_ignored:
        assert asked == (1 if world["page_total"] else 2)


@pytest.mark.anyio
async def test_a_server_that_knows_no_cursor_and_has_more_is_not_taken_for_whole(
    tmp_path: Path,
) -> None:
    options = Options(seed_csv=seed(tmp_path), max_page=4, next_cursor="ignored", page_total=True)
    with start_sandbox(options) as sandbox:
        target = Access(base_url=sandbox.base_url, api_key=SecretStr(sandbox.api_key))
        settings = Settings.model_validate({"pace": {"rate": 10_000}})
        async with make_client(target, settings, connections=1, quota=None) as api:
            with pytest.raises(ListNotReadError, match="the server tells of 9 records"):
                _ = [page async for page in Paging(api, settings).leads(IDS[0])]


def test_a_run_by_the_campaigns_name_goes_through_where_no_cursor_is_known(tmp_path: Path) -> None:
    people = [("p03@example.com", "paused"), ("P05@example.com", "paused")]
    path = write_rows(tmp_path / "people.csv", ("email", "status"), people)
    with start_sandbox(Options(seed_csv=seed(tmp_path), next_cursor="ignored")) as sandbox:
        env, target = access(sandbox)
        ran = sendkit_batch(
            "run", path, *target, "--campaign", "sale 0", "--rate", "1000", cwd=tmp_path, env=env
        )
        after = state(sandbox)
    assert ran.exit_code == 0, ran.err
    assert [after[IDS[0], lead_id(n)]["status"] for n in (3, 5)] == ["paused", "paused"]


CRM = Webhook(name="CRM", host="crm.example")


class OnePage(SendKit):
    """A server's page of a list. after_s: how long it takes."""

    def __init__(self, page: Page[Any], *, after_s: float = 0.0) -> None:
        self.page, self.after_s, self.asked = page, after_s, 0

    async def read_page(self, *_: object) -> tuple[Answer, Page[Any]]:
        self.asked += 1
        await anyio.sleep(self.after_s)
        return Answer(reason=Reason.APPLIED, http_status=200), self.page


def hooks(**told: object) -> Page[Webhook | None]:
    guess: dict[str, object] = {"next_cursor": "2", "is_named": False}
    return Page(records=(CRM, None), ids=("1", "2"), **{**guess, **told})  # type: ignore[arg-type]  # the fields of Page


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [VIRTUAL_TIME])
async def test_a_campaign_without_a_name_is_not_called_by_its_id() -> None:
    found = Page(records=(("c1", "Spring"), ("c2", "")), ids=("c1", "c2"), next_cursor=None)
    assert await Paging(OnePage(found), Settings()).campaign_names() == {"c1": "Spring"}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [VIRTUAL_TIME])
async def test_webhooks_that_take_long_are_not_waited_for() -> None:
    for api, found, took_s in (
        (OnePage(hooks(), after_s=1.0), (CRM,), 1.0),
        (OnePage(hooks(), after_s=60.0), (), 1.5),
    ):
        began_at = anyio.current_time()
        assert (await Paging(api, Settings()).webhooks()).active == found
        assert anyio.current_time() - began_at == pytest.approx(took_s)
    paged = Paging(api, Settings())
    paged.pacer.hold(anyio.current_time(), 60.0, "HTTP 429")
    assert await paged.webhooks() == Webhooks()
    assert api.asked == 1
    assert anyio.current_time() - began_at == pytest.approx(1.5)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [VIRTUAL_TIME])
@pytest.mark.parametrize(
    ("told", "begins"),
    [
        ({}, "1 active webhook hears"),
        ({"next_cursor": None, "is_named": True, "total": 2, "pages": 1}, "1 active webhook hears"),
        ({"is_named": True}, "At least 1 active webhook hears"),
        ({"has_more": True}, "At least 1 active webhook hears"),
        ({"total": 3}, "At least 1 active webhook hears"),
        ({"pages": 2}, "At least 1 active webhook hears"),
    ],
)
async def test_webhooks_of_a_first_page_are_the_least(told: dict[str, object], begins: str) -> None:
    found = await Paging(OnePage(hooks(**told)), Settings()).webhooks()
    assert about_webhooks(found) == (f"{begins} of changed tags: CRM (crm.example).",)
