"""The real command's page in a real browser, against a sandbox."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from batch.sandbox.process import Sandbox
from tests.support.program import command, environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_START = re.compile(r"http://127\.0\.0\.1:\d+/\S+/start\?token=\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A page that is served. start: the address that opens it."""

    start: str
    process: subprocess.Popen[bytes]

    @property
    def base(self) -> str:
        return self.start.partition("/start")[0]

    @property
    def origin(self) -> str:
        return self.base.rpartition("/")[0]


@contextmanager
def serving(
    cwd: Path, sandbox: Sandbox | None = None, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """`sendkit-batch web` in a process of its own, ended by Ctrl-C."""
    given = ["--base-url", sandbox.base_url] if sandbox else []
    key = {"SENDKIT_API_KEY": sandbox.api_key} if sandbox else {}
    with subprocess.Popen(
        command("web", "--no-open", *given, *options),
        cwd=cwd,
        env=environment(cwd, {**key, **(env or {})}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            found = _START.search(process.stdout.readline().decode())
            assert found is not None
            yield Served(start=found[0], process=process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def browser_page(*, quiet: bool = True) -> Iterator[Page]:
    """A tab of a fresh browser. quiet: what its console complains of fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = browser.new_context().new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text))
            yield page
        finally:
            browser.close()
    # The page that a test ends on may still be loading its style when the server has ended.
    complaints = [each for each in complaints if "ERR_CONNECTION_REFUSED" not in each]
    assert not quiet or complaints == [], "\n".join(complaints)


def opened(page: Page, served: Served) -> None:
    """Open the page as the terminal says."""
    page.goto(served.start)
    page.wait_for_url(f"{served.base}/")


def drop(page: Page, path: Path) -> None:
    """Drop a file on the page and wait for what is said of it."""
    page.evaluate(
        """() => { const input = document.createElement("input");
        input.type = "file"; input.id = "dragged"; document.body.append(input); }"""
    )
    page.set_input_files("#dragged", str(path))
    page.evaluate(
        """() => { const data = new DataTransfer();
        data.items.add(document.getElementById("dragged").files[0]);
        document.getElementById("drop").dispatchEvent(
          new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})); }"""
    )
    page.wait_for_url("**/check")


def figures(page: Page) -> dict[str, str]:
    """The large numbers on the page, by their names."""
    return {
        each.locator("dt, .what").inner_text(): each.locator("dd, .number").inner_text()
        for each in page.locator(".figures div, .figures button").all()
    }
