import random
from collections.abc import Iterable, Iterator

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.judging.leads import REQUESTS
from batch.judging.worth import FEWEST_REQUESTS, MOST_SHARE, Worth
from batch.recording.snapshot import SCHEMA

PAGE = 100
HELD, OTHER = "paused", "active"
RANDOMS = st.randoms(use_true_random=False)


def asking(leads: Iterable[int], *, campaign: str = "c1", tag: str | None = None) -> pl.DataFrame:
    """Requests that pause these leads, or set their tag."""
    status = None if tag else HELD
    rows = [(n, None, campaign, f"b{n}", status, tag, False) for n in leads]
    return pl.DataFrame(rows, schema=REQUESTS, orient="row")


def shown(
    leads: Iterable[int],
    *,
    campaign: str = "c1",
    changed: Iterable[int] = (),
    tag: str | None = None,
) -> pl.DataFrame:
    """A page of leads, each paused already but those that would change."""
    others = set(changed)
    rows = [
        (campaign, f"b{n}", "", "", "", "", "", OTHER if n in others else HELD, tag, 0)
        for n in leads
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def pages_read(worth: Worth, leads: list[int], *, changed: Iterable[int] = ()) -> int:
    """How many pages of a campaign of these leads, in their order, are read."""
    changed = set(changed)
    for number, start in enumerate(range(0, len(leads), PAGE), start=1):
        page = shown(leads[start : start + PAGE], changed=changed)
        if not worth.goes_on("c1", page):
            return number
    return -(-len(leads) // PAGE)


@given(st.lists(st.integers(1, 30), max_size=8), st.integers(1, 7), RANDOMS)
def test_campaigns_with_nine_requests_are_never_read(
    sizes: list[int], height: int, rng: random.Random
) -> None:
    named = [f"c{n}" for n, size in enumerate(sizes) for _ in range(size)]
    rng.shuffle(named)
    requests = pl.concat(
        [pl.DataFrame(schema=REQUESTS), *(asking([n], campaign=c) for n, c in enumerate(named))]
    )
    worth = Worth(requests.iter_slices(height))
    expected = [c for c in dict.fromkeys(named) if named.count(c) >= FEWEST_REQUESTS]
    assert worth.campaign_ids() == expected


@given(st.integers(10, 400), st.integers(0, 100))
def test_reading_stops_when_nothing_matches(asked: int, height: int) -> None:
    worth = Worth([asking(range(asked))])
    assert not worth.goes_on("c1", shown(range(1000, 1000 + height)))


@given(st.integers(10, 1500), RANDOMS)
def test_reading_stops_where_all_would_change(asked: int, rng: random.Random) -> None:
    leads = list(range(asked))
    rng.shuffle(leads)
    assert pages_read(Worth([asking(range(asked))]), leads, changed=range(asked)) == 1


@given(st.integers(2, 12), st.integers(0, 20), RANDOMS)
def test_reading_goes_on_while_nearly_all_is_already_so(
    pages: int, changed: int, rng: random.Random
) -> None:
    leads = list(range(pages * PAGE))
    rng.shuffle(leads)
    worth = Worth([asking(range(pages * PAGE))])
    assert pages_read(worth, leads, changed=range(changed)) == pages


@given(
    st.integers(10, 300),
    st.integers(0, 700),
    st.integers(0, 300),
    RANDOMS,
)
def test_the_next_page_is_read_only_while_pages_and_writes_stay_below_the_share(
    asked: int, strangers: int, changed: int, rng: random.Random
) -> None:
    leads = list(range(asked + strangers))
    rng.shuffle(leads)
    worth = Worth([asking(range(asked))])
    found = writes = 0
    for number, start in enumerate(range(0, len(leads), PAGE), start=1):
        page = leads[start : start + PAGE]
        goes_on = worth.goes_on("c1", shown(page, changed=range(changed)))
        found += sum(n < asked for n in page)
        writes += sum(n < min(asked, changed) for n in page)
        if not goes_on:
            break
        pages_to_come = number * (asked - found) / found
        assert pages_to_come + asked * writes / found < MOST_SHARE * asked
        assert found < asked


def test_reading_stops_once_all_leads_are_found() -> None:
    worth = Worth([asking(range(150))])
    assert worth.goes_on("c1", shown(range(100)))
    assert not worth.goes_on("c1", shown(range(100, 200)))


def test_a_last_lead_is_not_looked_for_through_pages_without_any() -> None:
    worth = Worth([asking(range(1000))])
    answers = [worth.goes_on("c1", shown(range(p * 99, p * 99 + 99))) for p in range(10)]
    assert answers == [True] * 10  # 990 of them found, in ten pages
    strangers = [worth.goes_on("c1", shown(range(5000, 5100))) for _ in range(8)]
    assert strangers == [True] * 7 + [False]  # 8 pages for the last 10 leads: not worth it


@pytest.mark.parametrize(("pages_left", "goes_on"), [(None, False), (30, True), (55, False)])
def test_where_the_pages_to_come_are_told_they_are_no_estimate(
    pages_left: int | None, *, goes_on: bool
) -> None:
    worth = Worth([asking(range(60))])
    # one lead of 60 was on the first page: of an unknown list, 59 more pages are expected
    assert worth.goes_on("c1", shown(range(59, 159)), pages_left) is goes_on


def test_a_lead_that_comes_again_on_the_next_page_counts_once() -> None:
    worth = Worth([asking(range(150))])
    assert worth.goes_on("c1", shown(range(100)))
    assert worth.goes_on("c1", shown(range(50, 149)))  # 149 of 150
    assert not worth.goes_on("c1", shown(range(149, 150)))


def test_a_lead_of_another_campaign_is_not_the_one() -> None:
    worth = Worth([asking(range(20)), asking(range(100, 120), campaign="c2")])
    assert not worth.goes_on("c2", shown(range(10), campaign="c2"))


@pytest.mark.parametrize(("live", "goes_on"), [("hot", True), ("Cold", False), (None, False)])
def test_a_tag_is_already_so_whatever_its_case(live: str | None, *, goes_on: bool) -> None:
    worth = Worth([asking(range(50), tag="Hot")])
    assert worth.goes_on("c1", shown(range(30), tag=live)) is goes_on


def test_a_cleared_tag_is_already_so_where_there_is_none() -> None:
    clears = asking(range(50)).with_columns(status=pl.lit(None, pl.String), clear_tag=True)
    assert Worth([clears]).goes_on("c1", shown(range(30)))
    assert not Worth([clears]).goes_on("c1", shown(range(30), tag="Hot"))


def test_what_is_remembered_of_values_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.judging.worth._MOST_REMEMBERED", 1)
    worth = Worth([asking(range(90), tag="Hot")])
    for start in (0, 30):
        leads = range(start, start + 30)
        tags = ["Hot"] * 28 + ["Cold", "Warm"]  # three combinations on each page
        page = shown(leads).with_columns(ai_tag=pl.Series(tags, dtype=pl.String))
        assert worth.goes_on("c1", page)


def test_no_requests_are_no_campaigns() -> None:
    assert Worth([]).campaign_ids() == []
    assert Worth([asking([])]).campaign_ids() == []


def requests_to_make(*, rows: int, changed: set[int], campaigns: int) -> tuple[int, int]:
    """Pages and changes that a file takes whose campaigns have just its leads.

    Every fact that was read counts: a lead that is already so is not sent.
    """

    def of(campaign: int) -> range:
        return range(campaign, rows, campaigns)

    files: Iterator[pl.DataFrame] = (asking(of(n), campaign=f"c{n}") for n in range(campaigns))
    worth = Worth(files)
    pages, known = 0, 0
    for n in range(campaigns):
        leads = of(n)
        for start in range(0, len(leads), PAGE):
            page = leads[start : start + PAGE]
            pages += 1
            known += sum(lead not in changed for lead in page)
            if not worth.goes_on(f"c{n}", shown(page, campaign=f"c{n}", changed=changed)):
                break
    return pages, rows - known


@pytest.mark.parametrize("campaigns", [1, 100])
def test_a_nightly_file_takes_its_changes_and_the_pages(campaigns: int) -> None:
    changed = set(random.Random(7).sample(range(100_000), 2000))  # noqa: S311 - no secret
    assert requests_to_make(rows=100_000, changed=changed, campaigns=campaigns) == (1000, 2000)


@pytest.mark.parametrize("campaigns", [1, 100])
def test_a_file_that_changes_all_takes_a_page_a_campaign_more(campaigns: int) -> None:
    rows = 100_000
    pages, changes = requests_to_make(rows=rows, changed=set(range(rows)), campaigns=campaigns)
    assert (pages, changes) == (campaigns, rows)
