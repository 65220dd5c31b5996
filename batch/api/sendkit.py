"""SendKit's API: one change to one answer, and the lists that are read before a run.

Owns the key, which goes to the base address and nowhere else. It never tries a change twice.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx
from pydantic import SecretStr
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from batch import __version__
from batch.advice import Fix, Remedy
from batch.api.address import check_base_url
from batch.api.answer import (
    MAX_BODY_BYTES,
    asked_wait_s,
    is_success,
    read_answer,
    read_refusal,
    refuses_pace,
)
from batch.api.budgets import read_budgets
from batch.api.excerpt import Redactor, read_error, read_object
from batch.api.exchange import Exchange, Headers, Meter, Timeouts
from batch.api.headers import ServerClock
from batch.api.lists import Page, Workspace, parse_labels, parse_workspaces, read_page
from batch.api.reset_units import ResetUnits
from batch.api.wire import Fault, Reply, change_body, lead_path
from batch.errors import BatchError, SettingsError, UsageError
from batch.model import PLATFORM_PREFIX, Answer, Budget, Change, Reason
from batch.statuses import may_pass

__all__ = ["Access", "KeyRefusedError", "ReadFailedError", "SendKit", "Timeouts", "Workspace"]

MAX_LIST_BYTES = 4 * 1024 * 1024
READ_TRIES = 3
MAX_READ_WAIT_S = 30.0  # a longer Retry-After is not worth waiting for before anything was sent
READ_BACKOFF_S = 0.5  # doubled at each try

_HEADER_VALUE = re.compile(r"[!-~]+")

_Listed = TypeVar("_Listed")


class KeyRefusedError(UsageError):
    """The server does not know the key (401)."""


class ReadFailedError(BatchError):
    """A list could not be read; the job may go on without it.

    http_status: the last answer's; None if there was none.
    retry_after_s: seconds that the last answer told us to wait; None if it didn't.
    """

    def __init__(
        self, message: str, *, http_status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.retry_after_s = retry_after_s


class _TryAgainError(ReadFailedError):
    """A failure that may pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the API is and who asks. workspace_id: with platform keys only, else None."""

    base_url: str
    api_key: SecretStr
    workspace_id: str | None = None

    @property
    def is_platform(self) -> bool:
        """Whether the key acts across workspaces."""
        return self.api_key.get_secret_value().startswith(PLATFORM_PREFIX)


class SendKit:
    """The API, for one `async with`. One instance serves every worker."""

    def __init__(
        self,
        access: Access,
        *,
        timeouts: Timeouts,
        transport: httpx.AsyncBaseTransport,
        meter: Meter | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Raises SettingsError for an address, key or workspace id that must not be sent.

        meter: counts every request before it leaves; None to count none.
        """
        self._base_url = check_base_url(access.base_url)
        key = _check_header("The API key", access.api_key.get_secret_value())
        self._redactor = Redactor(key)
        headers = {
            "User-Agent": f"sendkit-batch/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # a body's limit is for its unpacked size
            "X-Api-Key": key,
        }
        self._headers = _encoded(headers)
        if access.workspace_id is not None:
            headers["X-Workspace-Id"] = _check_header("The workspace id", access.workspace_id)
        self._scoped_headers = _encoded(headers)
        self._change_headers = _encoded({**headers, "Content-Type": "application/json"})
        self._exchange = Exchange(
            self._base_url,
            timeouts=timeouts,
            transport=transport,
            redactor=self._redactor,
            meter=meter,
        )
        self._meter = meter
        self._sleep = sleep
        self._server_clock = ServerClock()
        self._reset_units = ResetUnits()
        self._budgets: tuple[Budget, ...] = ()

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The server's budgets by its latest answer, as far as their units are known."""
        return tuple(budget for budget in self._budgets if budget.is_unit_known)

    def know_workspace(self, workspace_id: str) -> None:
        """Count requests for this workspace: the server said that it is the key's."""
        if self._meter is not None:
            self._meter.know_workspace(workspace_id)

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._exchange.__aexit__(kind, error, traceback)

    async def send_change(self, change: Change) -> Answer:
        """One attempt at the change; an HTTP error or a network fault is an answer too.

        Raises ValueError, before anything is sent, for an id that could lead to another address.
        """
        path, body = lead_path(change), change_body(change)
        sent_at_ms = time.time_ns() // 1_000_000
        started_s = time.monotonic()
        reply = await self._exchange.send(
            "PATCH", path, headers=self._change_headers, body=body, max_bytes=MAX_BODY_BYTES
        )
        elapsed_ms = round((time.monotonic() - started_s) * 1000)
        if isinstance(reply, Fault):
            return Answer(
                reason=reply.reason,
                message=reply.message,
                elapsed_ms=elapsed_ms,
                sent_at_ms=sent_at_ms,
            )
        return read_answer(
            change,
            reply,
            redactor=self._redactor,
            elapsed_ms=elapsed_ms,
            sent_at_ms=sent_at_ms,
            now=datetime.now(UTC),
            budgets=self._read_budgets(reply),
        )

    async def read_workspaces(self) -> tuple[Workspace, ...]:
        """The workspaces that the key can see: its own, or all of a platform key's.

        Raises KeyRefusedError on 401, ReadFailedError for all else.
        """
        # Not scoped to the workspace: a wrong id must be missing from the list, not spoil it.
        return await self._read_list("/v1/workspaces", parse_workspaces, headers=self._headers)

    async def read_labels(self) -> tuple[str, ...]:
        """The names of the workspace's labels. Raises as `read_workspaces` does."""
        return await self._read_list("/v1/tags", parse_labels, headers=self._scoped_headers)

    async def read_page(
        self, path: str, parse: Callable[[bytes, Redactor], Page[_Listed]]
    ) -> tuple[Answer, Page[_Listed] | None]:
        """One attempt at a page of a list: the answer, and the page if there is one.

        path: with its query, ready for the wire. Errors and faults are answers, too.
        """
        return await self._read_page(path, parse, headers=self._scoped_headers)

    async def probe(self) -> Answer:
        """The answer to a harmless request, which shows whether the server is back."""

        def no_page(_body: bytes, _redactor: Redactor) -> Page[None]:
            return Page(records=(), next_cursor=None)

        answer, _ = await self._read_page("/v1/workspaces", no_page, headers=self._headers)
        return answer

    async def _read_page(
        self, path: str, parse: Callable[[bytes, Redactor], Page[_Listed]], *, headers: Headers
    ) -> tuple[Answer, Page[_Listed] | None]:
        sent_at_ms = time.time_ns() // 1_000_000
        started_s = time.monotonic()
        reply = await self._exchange.send("GET", path, headers=headers, max_bytes=MAX_LIST_BYTES)
        elapsed_ms = round((time.monotonic() - started_s) * 1000)
        budgets = () if isinstance(reply, Fault) else self._read_budgets(reply)
        answer, page = read_page(reply, parse, redactor=self._redactor, now=datetime.now(UTC))
        return replace(answer, elapsed_ms=elapsed_ms, sent_at_ms=sent_at_ms, budgets=budgets), page

    async def _read_list(
        self, path: str, parse: Callable[[bytes, Redactor], _Listed], *, headers: Headers
    ) -> _Listed:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(READ_TRIES),
            wait=_wait_s,
            retry=retry_if_exception_type(_TryAgainError),
            sleep=self._sleep,
            reraise=True,
        )
        body: bytes = await retrying(self._read_body, path, headers)
        try:
            return parse(body, self._redactor)
        except ValueError as error:
            raise ReadFailedError(f"GET {path}: expected a list, found {error}.") from error

    async def _read_body(self, path: str, headers: Headers) -> bytes:
        reply = await self._exchange.send("GET", path, headers=headers, max_bytes=MAX_LIST_BYTES)
        if isinstance(reply, Fault):
            raise _TryAgainError(f"GET {path}: {reply.message}.")
        self._read_budgets(reply)
        if not is_success(reply):
            reason, found = read_refusal(reply, redactor=self._redactor)
            if reply.http_status == HTTPStatus.UNAUTHORIZED:
                raise KeyRefusedError(
                    f"{self._base_url} refused the API key (401: {found}).",
                    Remedy(Fix.CHECK_KEY),
                )
            raise _failure(f"GET {path}: answered {reply.http_status} ({found}).", reply, reason)
        if isinstance(reply.body, Fault):
            raise _failure(f"GET {path}: {reply.body.message}.", reply, reply.body.reason)
        document = read_object(reply.body)
        if document and refuses_pace(document):
            found = self._redactor.one_line(read_error(document))
            message = f"GET {path}: answered {reply.http_status} ({found})."
            raise _failure(message, reply, Reason.RATE_LIMITED)
        return reply.body

    def _read_budgets(self, reply: Reply) -> tuple[Budget, ...]:
        def server_now_s() -> float:
            self._server_clock.observe(reply.headers.get("date", ""))
            return self._server_clock.now_s()

        self._budgets = read_budgets(
            reply.headers,
            server_now_s=server_now_s,
            redactor=self._redactor,
            units=self._reset_units,
        )
        return self._budgets


def _failure(message: str, reply: Reply, reason: Reason) -> ReadFailedError:
    """The error to raise: a _TryAgainError if another try is worth it."""
    asked_s = asked_wait_s(reply, reason, now=datetime.now(UTC))
    is_passing = may_pass(reply.http_status) or reason in {Reason.NO_ANSWER, Reason.RATE_LIMITED}
    passes = is_passing and (asked_s or 0.0) <= MAX_READ_WAIT_S
    kind = _TryAgainError if passes else ReadFailedError
    return kind(message, http_status=reply.http_status, retry_after_s=asked_s)


def _check_header(name: str, value: str) -> str:
    """Check that the value fits a header, and return it; a library's error would repeat it."""
    if not _HEADER_VALUE.fullmatch(value):
        raise SettingsError(
            f"{name} (not shown): found a space, a control character or a letter outside ASCII, "
            "or nothing at all; expected one word."
        )
    return value


def _encoded(headers: Mapping[str, str]) -> Headers:
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items())


def _wait_s(state: RetryCallState) -> float:
    failure = state.outcome and state.outcome.exception()
    asked_s = failure.retry_after_s if isinstance(failure, _TryAgainError) else None
    backoff_s: float = READ_BACKOFF_S * 2 ** (state.attempt_number - 1)
    return max(asked_s or 0.0, backoff_s)
