"""The page in the test's own process: its desk, and a browser that is let in."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
from starlette.types import ASGIApp

from batch.web.app import make_app
from batch.web.board import Stage, View
from batch.web.desk import Desk
from batch.web.guard import Access
from batch.web.inspection import Ask, Inspected
from batch.web.inspection import inspect as inspect_here
from batch.web.session import Place
from batch.web.tokens import StartTokens
from batch.web.tray import Inspect
from batch.web.uploads import UploadLimits
from tests.support.wired import KEY

PORT = 8123
ORIGIN = f"http://127.0.0.1:{PORT}"
BASE = "/the-path"
ACCESS = Access(port=PORT, base=BASE, secret="the-secret")


class Browser:
    """Asks the page as a browser that was let in; each request has an event loop of its own.

    Paths are those below the page's own; whole addresses are asked as they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.cookies = {ACCESS.cookie: ACCESS.secret}

    def ask(self, method: str, path: str, *, follow: bool = True, **given: Any) -> httpx.Response:  # noqa: ANN401 - what httpx takes
        async def asking() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
                base_url=f"{ORIGIN}{BASE}",
                headers={"Origin": ORIGIN},
                cookies=self.cookies,
                follow_redirects=follow,
            ) as client:
                return await client.request(method, path, **given)

        return anyio.run(asking)

    def get(self, path: str, *, follow: bool = True) -> httpx.Response:
        return self.ask("GET", path, follow=follow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The page, and what it works with."""

    desk: Desk
    browser: Browser
    tokens: StartTokens
    warnings: list[str]

    @property
    def second_uses(self) -> int:
        """How often the terminal was told that a start address came again."""
        return len(self.warnings)

    def drop(self, path: Path, *, name: str | None = None) -> str:
        """Drop a file on the page; where it leads, or what is wrong with it."""
        named = {"name": name or path.name}
        answer = self.browser.ask("PUT", "/files", params=named, content=path.read_bytes())
        told: dict[str, str] = answer.json()
        return told.get("go", "").removeprefix(BASE) or told["error"]

    def post(self, path: str, **fields: str) -> str:
        """Send a form; the text of the page that it leads to."""
        return self.browser.ask("POST", path, data=fields).text

    def get(self, path: str) -> str:
        """The text of a page."""
        return self.browser.get(path).text

    def until(self, stage: Stage, *, within_s: float = 20) -> View:
        """Wait until the job at work is so far."""
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            _, view = self.desk.worker.board.look()
            if view and view.stage is stage:
                return view
            if view and view.stage is Stage.ENDED:
                raise AssertionError(f"ended instead: {view.told}")
            time.sleep(0.005)
        raise TimeoutError(f"not {stage} within {within_s} s")

    def end(self) -> View:
        """Wait until no job is at work."""
        view = self.desk.worker.wait()
        assert view is not None
        assert view.stage is Stage.ENDED
        return view


def in_this_process(ask: Ask, _is_given_up: Callable[[], bool]) -> Inspected:
    """What the reader's process finds, without its second of start, through the same JSON."""
    return Inspected.from_json(inspect_here(Ask.from_json(ask.to_json())).to_json())


@contextmanager
def site(
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    limits: UploadLimits | None = None,
    inspect: Inspect | None = in_this_process,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    state_dir: Path | None = None,
    config_dir: Path | None = None,
) -> Iterator[Site]:
    """The page, with its runs in `folder`, and a key unless the environment is another.

    inspect: how files are read; None for the page's own way.
    """
    place = Place(
        environ={"SENDKIT_API_KEY": KEY} if environ is None else environ,
        cwd=folder,
        config_dir=config_dir,
        state_dir=state_dir or folder / "state",
        folder=folder / "uploads",
    )
    place.folder.mkdir()
    given: dict[str, Mapping[str, object]] = {
        "pace": {"rate": 1000},
        "run": {"runs_dir": str(folder / "runs")},
    }
    overrides = {**given, **(overrides or {})}
    desk = Desk(place, overrides, limits, *([inspect] if inspect else []))
    warnings: list[str] = []
    tokens = StartTokens(on_second_use=lambda: warnings.append("used again"))
    try:
        browser = Browser(make_app(desk, ACCESS, tokens))
        yield Site(desk=desk, browser=browser, tokens=tokens, warnings=warnings)
    finally:
        desk.worker.stop()
        desk.worker.stop()
        desk.worker.wait()
        desk.end_practice()
