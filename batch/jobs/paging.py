"""Reading lists of the API that come a page at a time, at the pace that the server allows."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from typing import TypeVar

from batch.api.excerpt import Redactor
from batch.api.page_path import MOST_A_PAGE, campaigns_path, leads_path
from batch.api.pages import Page, parse_campaigns, parse_leads
from batch.api.sendkit import SendKit
from batch.errors import BatchError
from batch.jobs.known_pace import make_pacer
from batch.model import Answer, Campaign, CampaignLead
from batch.sending.breaker import Breaker
from batch.sending.gate import Gate, Pace
from batch.sending.reader import NotReadError, Reader
from batch.sending.retry import RetryPolicy
from batch.settings.model import Settings

_Value = TypeVar("_Value")
_TOO_MUCH = frozenset({400, 413, 422})  # what a server may say to a page that is too large for it


class ListNotReadError(BatchError):
    """A list could not be read to its end. is_unknown: the server knows no such list (404)."""

    def __init__(self, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.is_unknown = is_unknown


class Paging:
    """Reads lists, for one job: all of them share its pace."""

    def __init__(
        self,
        api: SendKit,
        settings: Settings,
        *,
        good_per_s: float | None = None,
        gate: Gate | None = None,
    ) -> None:
        """good_per_s: a rate that went well with this server before; None if none is known.

        gate: what others leave by, too; None for one of its own.
        """
        pace, retry = settings.pace, settings.retry
        self._api = api
        self.pacer = make_pacer(settings, good_per_s)
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
            max_wait_s=pace.max_wait_s,
            draw=random.random,
        )
        self._limit: int | None = MOST_A_PAGE

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

    async def _pages(
        self,
        what: str,
        path: Callable[[str | None, int | None], str],
        parse: Callable[[bytes, Redactor], Page[_Value]],
    ) -> AsyncIterator[Page[_Value]]:
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = await self._page(what, cursor, path, parse)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise ListNotReadError(f"{what}: the pages go round in a circle at {cursor}.")
            seen.add(cursor)

    async def _page(
        self,
        what: str,
        cursor: str | None,
        path: Callable[[str | None, int | None], str],
        parse: Callable[[bytes, Redactor], Page[_Value]],
    ) -> Page[_Value]:
        limit = self._limit

        async def fetch() -> tuple[Answer, Page[_Value] | None]:
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
