"""Who may talk to the page: this machine's browser, with the cookie that the start address gave.

Owns every rule of the page's security that is about requests as such, and the headers that go
with every answer. It never lets a request through that it can't judge.
"""

import secrets
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

START_PATH = "/start"
_SAFE = {"GET", "HEAD"}
# Everything comes from the page itself, and nothing of it is inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # "no-referrer" would make browsers send Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# A page of our own leads on, since a cookie that is SameSite=Strict does not travel with a
# redirect whose first address was opened from elsewhere.
_STARTED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>sendkit-batch</title>'
    '<meta http-equiv="refresh" content="0; url=/"><p><a href="/">Open the page</a></p></html>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What opens the page. token: in the start address. secret: in the cookie."""

    port: int
    token: str
    secret: str

    @classmethod
    def make(cls, port: int) -> "Access":
        """For one start of the server."""
        return cls(port=port, token=secrets.token_urlsafe(32), secret=secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """The cookie's name; cookies are one for all ports of a host."""
        return f"sendkit-batch-{self.port}"

    @property
    def start_url(self) -> str:
        """The address that opens the page."""
        return f"http://127.0.0.1:{self.port}{START_PATH}?token={self.token}"

    @property
    def hosts(self) -> frozenset[str]:
        """What browsers may call this server; another name means that somebody's DNS points here.

        Port 80 goes unsaid.
        """
        names = ("127.0.0.1", "localhost")
        named = {f"{name}:{self.port}" for name in names}
        return frozenset(named | set(names) if self.port == 80 else named)


def refusal_of(access: Access, scope: Scope) -> str | None:
    """Why a request is not answered, in a sentence; None if it is."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or host.lower() not in access.hosts:
        return "This page only answers to the address that the terminal shows."
    if scope["path"] == START_PATH:
        return _refusal_of_start(access, scope)
    if not _same(cookie_parser(headers.get("cookie", "")).get(access.cookie, ""), access.secret):
        return "This page is locked: open the address that the terminal shows."
    if scope["method"] not in _SAFE:
        if headers.get("origin") != f"http://{host}":
            return "Changes are only taken from the page itself."
    elif headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return "This was asked for by another page, and is only given to this one."
    return None


def _refusal_of_start(access: Access, scope: Scope) -> str | None:
    token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
    if scope["method"] in _SAFE and _same(token, access.token):
        return None
    return "This address is not the right one any more: open the one that the terminal shows."


class Guard:
    """Stands before the page, and sees to the headers of all its answers."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":  # nothing else is served
            return
        safe = _with_headers(send)
        refusal = refusal_of(self._access, scope)
        if refusal:
            answer: Response = PlainTextResponse(f"{refusal}\n", status_code=HTTPStatus.FORBIDDEN)
            await answer(scope, receive, safe)
        elif scope["path"] == START_PATH:
            await self._started()(scope, receive, safe)
        else:
            await self._app(scope, receive, safe)

    def _started(self) -> Response:
        answer = HTMLResponse(_STARTED)
        answer.set_cookie(
            self._access.cookie, self._access.secret, httponly=True, samesite="strict", path="/"
        )
        return answer


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())
