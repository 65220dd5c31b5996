"""Who may talk to the page: this machine's browser, with the cookie that the start address gave.

Owns every rule of the page's security that is about requests as such, and the headers that go
with every answer. It never lets a request through that it can't judge. All of the page is below a
random path, and so is the cookie: cookies know no ports, and another server of this machine would
get ours.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch.web.tokens import StartTokens, TokenUse

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
    '<link rel="icon" href="{path}favicon.ico">'
    '<meta http-equiv="refresh" content="0; url={path}"><p><a href="{path}">Open the page</a></p>'
    "</html>"
)
_PRESS_ENTER = "Press Enter in the terminal for a fresh address."
_REFUSED_STARTS: Mapping[TokenUse, str] = {
    TokenUse.USED: f"This address was used before, and is good once only. {_PRESS_ENTER}",
    TokenUse.LATE: f"This address was good for a minute, which is over. {_PRESS_ENTER}",
    TokenUse.UNKNOWN: f"This address is not the right one any more. {_PRESS_ENTER}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What opens the page. base: the path that all of it is below. secret: in the cookie."""

    port: int
    base: str
    secret: str

    @classmethod
    def make(cls, port: int) -> "Access":
        """For one start of the server."""
        base = f"/{secrets.token_urlsafe(16)}"
        return cls(port=port, base=base, secret=secrets.token_urlsafe(32))

    @property
    def cookie(self) -> str:
        """The cookie's name; cookies are one for all ports of a host."""
        return f"sendkit-batch-{self.port}"

    def start_url(self, token: str) -> str:
        """The address that opens the page."""
        return f"http://127.0.0.1:{self.port}{self.base}{START_PATH}?token={token}"

    def has_path(self, path: str) -> bool:
        """Whether a path is the page's."""
        first, slash, _ = path.removeprefix("/").partition("/")
        return slash == "/" and _same(f"/{first}", self.base)

    def has_cookie(self, headers: Headers) -> bool:
        """Whether a request comes from a browser that was let in.

        Others may set cookies of our name for this host; whatever they say, ours counts.
        """
        pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return any(name == self.cookie and _same(value, self.secret) for name, _, value in pairs)

    @property
    def hosts(self) -> frozenset[str]:
        """What browsers may call this server; another name means that somebody's DNS points here.

        Port 80 goes unsaid.
        """
        names = ("127.0.0.1", "localhost")
        named = {f"{name}:{self.port}" for name in names}
        return frozenset(named | set(names) if self.port == 80 else named)


def refusal_of(access: Access, scope: Scope) -> str | None:
    """Why a request below the page's path is not answered, in a sentence; None if it is."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if len(headers.getlist("host")) != 1 or host.lower() not in access.hosts:
        return "This page only answers to the address that the terminal shows."
    if _is_start(access, scope):
        return None  # its token decides
    if not access.has_cookie(headers):
        return f"This page is locked. {_PRESS_ENTER}"
    if scope["method"] not in _SAFE:
        if headers.get("origin") != f"http://{host}":
            return "Changes are only taken from the page itself."
    elif headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return "This was asked for by another page, and is only given to this one."
    return None


def _is_start(access: Access, scope: Scope) -> bool:
    """Whether this is the start address. Only a GET is: nothing else may use a token up."""
    start = ("GET", f"{access.base}{START_PATH}")
    return (scope["method"], scope["path"]) == start


class Guard:
    """Stands before the page, and sees to the headers of all its answers."""

    def __init__(self, app: ASGIApp, *, access: Access, tokens: StartTokens) -> None:
        self._app = app
        self._access = access
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":  # nothing else is served
            return
        safe = _with_headers(send)
        if not self._access.has_path(scope["path"]):
            await Response(status_code=HTTPStatus.NOT_FOUND)(scope, receive, safe)
        elif refusal := refusal_of(self._access, scope):
            await _refused(refusal)(scope, receive, safe)
        elif _is_start(self._access, scope):
            await self._started(scope)(scope, receive, safe)
        else:
            await self._app({**scope, "root_path": self._access.base}, receive, safe)

    def _started(self, scope: Scope) -> Response:
        """Let a browser in by its token. One that was let in before is led on all the same."""
        access = self._access
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
        use = self._tokens.use(token)
        if use is TokenUse.TAKEN or access.has_cookie(Headers(scope=scope)):
            answer = HTMLResponse(_STARTED.format(path=f"{access.base}/"))
            answer.set_cookie(
                access.cookie, access.secret, httponly=True, samesite="strict", path=access.base
            )
            return answer
        if use is TokenUse.USED:
            self._tokens.report(token)
        return _refused(_REFUSED_STARTS[use])


def _refused(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status_code=HTTPStatus.FORBIDDEN)


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
