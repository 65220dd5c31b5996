"""Where a list of pages ends: with servers that name a cursor, name none, or know none."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.api.pages import Page
from batch.api.sendkit import Access
from batch.jobs.paging import ListNotReadError, Paging, Place
from batch.jobs.reaching import make_client
from batch.sandbox.options import Options
from batch.sandbox.process import start_sandbox
from batch.settings.model import Settings
from tests.program import access, lead_id, received, sendkit_batch, state, write_rows

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
        async with make_client(target, settings.http, connections=1, practice=True) as api:
            paging = Paging(api, settings)
            leads = [one async for page in paging.leads(IDS[0]) for one in page.records]
            campaigns = [one async for page in paging.campaigns() for one in page]
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
        async with make_client(target, settings.http, connections=1, practice=True) as api:
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
