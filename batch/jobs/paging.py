"""Reading lists of the API that come a page at a time, at the pace that the server allows."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import anyio

from batch.api.excerpt import Redactor
from batch.api.lists import (
    MOST_A_PAGE,
    WEBHOOKS_PATH,
    Page,
    campaigns_path,
    leads_path,
    parse_campaign_names,
    parse_campaigns,
    parse_leads,
    parse_webhooks,
)
from batch.api.sendkit import SendKit
from batch.errors import BatchError, QuotaUsedError
from batch.jobs.known_pace import as_member, at_one_pace, make_pacer
from batch.model import Answer, Campaign, CampaignLead, Webhooks
from batch.recording.meeting import Meeting
from batch.sending.breaker import Breaker
from batch.sending.gate import Gate, Pace
from batch.sending.pace.pacer import Pacer
from batch.sending.reader import NotReadError, Reader
from batch.sending.retry import RetryPolicy
from batch.sending.shared_pace import SharedPace
from batch.settings.model import Settings

_Value = TypeVar("_Value")
MOST_BARREN = (
    1_000  # pages in a row that name a next one and bring nothing new: an API may filter its pages
)
MOST_PAGES = 100_000  # of a list: 10 million records where a page has 100
MOST_RECORDS = 10_000_000  # of a list, where pages are larger
_FIRST_PAGE_S = 1.5  # what nobody needs to know is hardly waited for
_TURN_S = 5.0  # but a slow pace may take longer to let a request leave
_REMEMBERED = 10_000  # ids by which a page that names a next one is known to bring something new
_TOO_MUCH = frozenset({400, 413, 422})  # what a server may say to a page that is too large for it


class ListNotReadError(BatchError):
    """A list could not be read to its end. is_unknown: the server knows no such list (404)."""

    def __init__(self, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.is_unknown = is_unknown


class Place(Generic[_Value]):
    """How far a list is read, and where its end is. Sends nothing.

    A cursor that a page names is followed, and must not come again. Where none is named, the last
    record's id is tried; a page with nothing new is the end then, for the server knows no such
    cursor. No list goes on for ever: neither on pages that bring nothing new, nor on new records.
    what: the list, in words.
    """

    def __init__(self, what: str) -> None:
        self.cursor: str | None = None
        self.is_at_end = False
        self._what = what
        self._named: set[int] = set()  # hashes: a cursor may be long
        self._seen: set[str] = set()  # ids; kept only where no cursor is named
        self._late: set[int] = set()  # hashes of the latest ids, where one is
        self._pages = 0
        self._records = 0
        self._barren = 0  # pages in a row that brought nothing new
        self._is_guess = False  # whether the last cursor was not named

    def after(self, page: Page[_Value]) -> Page[_Value] | None:
        """Take a page: the same, without a next one where it is the last; None if nothing is new.

        Raises ListNotReadError where the list can't be read to its end.
        """
        self._pages += 1
        is_new = not self._seen.issuperset(page.ids)
        if not page.is_named:
            self._seen.update(page.ids)
        if self._is_guess and not is_new:
            self._check_whole(page)
            self.is_at_end = True
            return None
        if hash(page.next_cursor) in self._named:
            raise ListNotReadError(
                f"{self._what}: the pages go round in a circle at {page.next_cursor}."
            )
        if page.is_named and page.next_cursor is not None:
            self._named.add(hash(page.next_cursor))
        if not page.is_named and not page.has_more and self._is_all(page):
            page = replace(page, next_cursor=None)
        self.cursor, self._is_guess = page.next_cursor, not page.is_named
        self.is_at_end = page.next_cursor is None
        if not self.is_at_end:
            self._check_progress(page)
        return page

    def _is_all(self, page: Page[_Value]) -> bool:
        """Whether the list has no more, as far as the page tells of the whole list."""
        if page.total is not None:
            return len(self._seen) >= page.total
        return page.pages is not None and self._pages >= page.pages

    def _check_progress(self, page: Page[_Value]) -> None:
        """A server that names a next page for ever can't be read to the end."""
        ids = {*map(hash, page.ids)}
        if ids <= self._late:
            self._barren += 1
        else:
            self._barren = 0
            if len(self._late) >= _REMEMBERED:
                self._late.clear()
            self._late |= ids
        self._records += len(page.ids)
        if self._barren >= MOST_BARREN:
            what = f"the last {self._barren:,} pages in a row brought nothing new"
        elif self._pages >= MOST_PAGES or self._records >= MOST_RECORDS:
            what = f"{self._pages:,} pages with {self._records:,} records came"
        else:
            return
        raise ListNotReadError(
            f"{self._what} could not be read to the end: {what}, and the server still names a "
            "next page."
        )

    def _check_whole(self, page: Page[_Value]) -> None:
        """A server that tells of more, and shows the same again, can't be read to the end."""
        pages = self._pages - 1
        lacks_some = page.total is not None and len(self._seen) < page.total
        lacks_pages = page.total is None and page.pages is not None and pages < page.pages
        if page.ids and (page.has_more or lacks_some or lacks_pages):
            whole = f"{page.total:,} records" if lacks_some else "more to come"
            raise ListNotReadError(
                f"{self._what} could not be read to the end: the server tells of {whole}, names no "
                f"way to go on, and shows the same {len(page.ids):,} again."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What several workspaces have in common that are read at the same time.

    limiter: bounds the pages that are read at once. shared: by each pacer that other runs of the
    machine keep to, too.
    """

    limiter: anyio.Semaphore
    shared: Mapping[Pacer, SharedPace]


class Paging:
    """Reads lists, for one job: all of them share its pace."""

    def __init__(
        self,
        api: SendKit,
        settings: Settings,
        *,
        good_per_s: float | None = None,
        pacer: Pacer | None = None,
        gate: Gate | None = None,
        beside: "Beside | None" = None,
    ) -> None:
        """good_per_s: a rate that went well with this server before; None if none is known.

        pacer: what others keep to, too; None for one of its own.
        gate: what others leave by, too; None for one of its own.
        beside: where others are read at the same time.
        """
        pace, retry = settings.pace, settings.retry
        self._api = api
        self.pacer = pacer or make_pacer(settings, good_per_s)
        self._gate = gate or Gate(
            self.pacer,
            Breaker(max_probe_s=retry.backoff_max_s, max_outage_s=retry.max_outage_s),
        )
        self._reader = Reader(
            self._gate,
            policy=RetryPolicy(
                max_attempts=retry.max_attempts,
                max_elapsed_s=retry.max_elapsed_s,
                backoff_base_s=retry.backoff_base_s,
                backoff_max_s=retry.backoff_max_s,
            ),
            max_wait_s=pace.longest_wait_s,
            draw=random.random,
        )
        self._settings = settings
        self._beside = beside
        if beside and (shared := beside.shared.get(self.pacer)):
            self._gate.share(shared)
        self._limit: int | None = MOST_A_PAGE

    @asynccontextmanager
    async def at_one_pace(self, meeting: Meeting | None, *, name: str) -> AsyncIterator[None]:
        """Within it, read at one pace with other runs of the same budget.

        meeting: where they meet; None to share none. name: of this run, as the others read it.
        Whoever reads beside others shares the pace that all of them have.
        """
        if self._beside:
            yield
            return
        async with at_one_pace({self.pacer: (meeting, as_member(self._settings, name))}) as shared:
            if self.pacer in shared:
                self._gate.share(shared[self.pacer])
            yield

    def pace(self) -> Pace:
        """How fast it reads now, and what keeps it."""
        return self._gate.pace()

    async def leads(
        self, campaign_id: str, *, status: str | None = None
    ) -> AsyncGenerator[Page[CampaignLead]]:
        """A campaign's leads, a page at a time. Raises ListNotReadError.

        status: leads of that status alone; None for all.
        """

        def path(cursor: str | None, limit: int | None) -> str:
            return leads_path(campaign_id, cursor=cursor, limit=limit, status=status)

        async for page in self._pages(f"the leads of campaign {campaign_id}", path, parse_leads):
            yield page

    async def campaigns(self) -> AsyncIterator[tuple[Campaign, ...]]:
        """The workspace's campaigns, a page at a time. Raises ListNotReadError."""

        def path(cursor: str | None, limit: int | None) -> str:
            return campaigns_path(cursor=cursor, limit=limit)

        async for page in self._pages("the campaigns", path, parse_campaigns):
            yield page.records

    async def webhooks(self) -> Webhooks:
        """The active webhooks that hear of changed tags, of the first page of all, if it comes."""
        page = await self._first_page(WEBHOOKS_PATH, parse_webhooks)
        return Webhooks(
            active=tuple(each for each in page.records if each) if page else (),
            has_more=page is not None and _tells_of_more(page),
        )

    async def campaign_names(self) -> Mapping[str, str]:
        """What campaigns with a name are called, by id, of the first page of all, if it comes."""
        path = campaigns_path(cursor=None, limit=MOST_A_PAGE)
        page = await self._first_page(path, parse_campaign_names)
        return {id_: name for id_, name in page.records if name} if page else {}

    async def _first_page(
        self, path: str, parse: Callable[[bytes, Redactor], Page[_Value]]
    ) -> Page[_Value] | None:
        """A list's first page, which is good to have and no condition.

        One attempt, at the pace of all else; None where that fails, or takes too long.
        """
        pages: list[Page[_Value] | None] = []
        if self.pacer.wait_s(self._gate.now()) > _TURN_S:
            return None
        probe = await self._gate.take_turn()
        with suppress(QuotaUsedError), anyio.move_on_after(_FIRST_PAGE_S):

            async def fetch() -> Answer:
                answer, page = await self._api.read_page(path, parse)
                pages.append(page)
                return answer

            answer = await self._gate.attempt(fetch)
            self._gate.report(answer, row=0, probe=probe)
        return pages[0] if pages else None

    async def _pages(
        self,
        what: str,
        path: Callable[[str | None, int | None], str],
        parse: Callable[[bytes, Redactor], Page[_Value]],
    ) -> AsyncIterator[Page[_Value]]:
        place: Place[_Value] = Place(what)
        while not place.is_at_end:
            page = place.after(await self._page(what, place.cursor, path, parse))
            if page is not None:
                yield page

    async def _page(
        self,
        what: str,
        cursor: str | None,
        path: Callable[[str | None, int | None], str],
        parse: Callable[[bytes, Redactor], Page[_Value]],
    ) -> Page[_Value]:
        limit = self._limit

        async def fetch() -> tuple[Answer, Page[_Value] | None]:
            async with self._beside.limiter if self._beside else nullcontext():
                answer, page = await self._api.read_page(path(cursor, limit), parse)
            if page is None and not answer.message:
                answer = replace(answer, message=f"answered {answer.http_status}")
            return answer, page

        try:
            return await self._reader.read(fetch)
        except NotReadError as error:
            status = error.answer.http_status if error.answer else None
            if status in _TOO_MUCH and limit is not None:
                self._limit = None  # as many as the server itself thinks right
                return await self._page(what, cursor, path, parse)
            message = f"{what} could not be read: {error}."
            raise ListNotReadError(message, is_unknown=status in {404, 410}) from error


def _tells_of_more(page: Page[_Value]) -> bool:
    """Whether a first page says that others follow; not that they may."""
    names_next = page.is_named and page.next_cursor is not None
    has_more_records = (page.total or 0) > len(page.records) or (page.pages or 1) > 1
    return page.has_more or names_next or has_more_records
