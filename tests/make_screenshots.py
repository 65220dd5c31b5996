"""Makes the pictures of the README and of the manual: python -m tests.make_screenshots

Needs chromium. The leads are a sandbox's; nothing is real.
"""

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.live_world import HEADER, served
from tests.support.program import CAMPAIGN, lead_id, write_rows
from tests.support.web_browser import browser_page, drop, opened, serving

FOLDER = Path(__file__).parents[1] / "samples" / "screenshots"
_COUNT = 400
_WIDTH, _HEIGHT = 1000, 720


def _rows() -> list[tuple[str, ...]]:
    changes = [("paused", ""), ("", "Warm"), ("", "null"), ("active", "Cold")]
    rows: list[tuple[str, ...]] = [
        (CAMPAIGN, lead_id(n if n % 57 else 9000 + n), *changes[n % 4], f"person{n}@example.com")
        for n in range(1, _COUNT + 1)
    ]
    rows[4] = (*rows[4][:2], "Repleid", "", rows[4][4])
    return rows


def _take(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png")


def main() -> None:
    """Go the whole way once, with a picture at four places."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in range(1, _COUNT + 1)]
        path = write_rows(folder / "spring.csv", (*HEADER, "email"), _rows())
        with (
            served(folder, leads) as sandbox,
            serving(folder, sandbox, "--rate", "40") as web,
            browser_page() as page,
        ):
            page.set_viewport_size({"width": _WIDTH, "height": _HEIGHT})
            opened(page, web)
            drop(page, path)
            page.click("text=See what would change")
            page.wait_for_url("**/runs/*")
            page.evaluate("document.getElementById('rows').scrollIntoView()")
            _take(page, "plan")
            page.click("text=Get ready to send this")
            page.wait_for_selector(".question")
            page.set_viewport_size({"width": _WIDTH, "height": 960})
            _take(page, "question")
            page.set_viewport_size({"width": _WIDTH, "height": _HEIGHT})
            page.click("button[value=yes]")
            far = re.compile(r"1[5-9]\d|2\d\d")
            expect(page.locator("[data-live=success]")).to_have_text(far, timeout=20_000)
            _take(page, "sending")
            page.wait_for_url("**/runs/*")
            page.click(".figures .bad")
            page.wait_for_url("**result=error**")
            page.set_viewport_size({"width": _WIDTH, "height": 1000})
            page.evaluate("window.scrollTo(0, 0)")
            _take(page, "results")
            (report,) = (folder / "runs").glob("*/report.html")
            page.goto(report.as_uri())
            page.screenshot(path=FOLDER.parent / "report.png")


if __name__ == "__main__":
    main()
