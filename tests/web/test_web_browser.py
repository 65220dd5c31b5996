import csv
import http.client
import http.server
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect

from tests.support.live_world import HEADER, served
from tests.support.program import (
    CAMPAIGN,
    ended,
    lead_id,
    read_rows,
    received,
    started,
    state,
    write_rows,
)
from tests.support.web_browser import CHROMIUM, Served, browser_page, drop, figures, opened, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

HOSTILE = "<script>document.title = 'owned'</script>"
FORMULA = '=HYPERLINK("http://evil.example";"x")'


@pytest.fixture
def page() -> Iterator[Page]:
    with browser_page() as page:
        yield page


def leads(count: int) -> list[tuple[str, ...]]:
    return [(CAMPAIGN, lead_id(n), "active", "Hot") for n in range(1, count + 1)]


def pausing(count: int) -> list[tuple[str, ...]]:
    return [(CAMPAIGN, lead_id(n), "paused", "Cold") for n in range(1, count + 1)]


def test_the_whole_way_from_drop_to_download(page: Page, tmp_path: Path) -> None:
    rows = [*pausing(8), (CAMPAIGN, lead_id(99), "paused", ""), (CAMPAIGN, "bad", "paused", "")]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, leads(8)) as sandbox, serving(tmp_path, sandbox) as web:
        opened(page, web)
        expect(page.locator("main")).to_contain_text("Nothing is sent before you have seen")
        drop(page, path)
        assert figures(page) == {
            "Rows": "10", "To send": "9", "With problems": "1", "Nothing to do": "0",
        }  # fmt: skip
        page.click(".figures .bad")
        page.wait_for_url("**result=error**")
        expect(page.locator("td.cause")).to_contain_text("3 hexadecimal digits; expected 24.")
        page.click("text=See what would change")
        page.wait_for_url("**/runs/*")
        expect(page.locator("main")).to_contain_text("status: active → paused")
        expect(page.locator("main")).to_contain_text("No such lead in that campaign")
        page.click("text=Get ready to send this")
        expect(page.locator(".question")).to_contain_text("Change 8 leads in workspace")
        expect(page.locator(".decision")).to_contain_text("can start or stop e-mails")
        assert received(sandbox) == []
        page.click("button[value=yes]")
        page.wait_for_url("**/runs/*")
        assert figures(page) == {"Success": "8", "Error": "2", "Skipped": "0", "Unsent": "0"}
        assert {now["status"] for now in state(sandbox).values()} == {"paused"}
        with page.expect_download() as coming:
            page.click("text=Download results.csv")
        saved = tmp_path / "saved.csv"
        coming.value.save_as(saved)
        assert [row["result"] for row in read_rows(saved)] == ["success"] * 8 + ["error"] * 2
        page.click("text=Look again, or take it back")
        page.click("button:text('Verify')")
        expect(page.locator("main")).to_contain_text("8 of 8 rows hold what was set.")


def test_a_run_is_paused_stopped_reloaded_and_gone_on_with(page: Page, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, pausing(150))
    with served(tmp_path, leads(150)) as sandbox, serving(tmp_path, sandbox, "--rate", "40") as web:
        opened(page, web)
        drop(page, path)
        page.click("text=See what would change")
        page.click("text=Get ready to send this")
        page.click("button[value=yes]")
        page.click("#pause button")
        expect(page.locator("#notice")).to_have_text("Paused. Nothing is sent until you go on.")
        page.reload()
        expect(page.locator("#notice")).to_contain_text("Paused.")
        came = len(received(sandbox))
        assert 0 < came < 150
        page.click("#go-on button")
        expect(page.locator("#pause")).to_be_visible()
        page.goto(f"{web.base}/runs")  # away from it, and the run goes on
        page.click("text=leads.csv is under way. Show it")
        page.click("#stop")
        page.wait_for_url("**/runs/*")
        expect(page.locator("h1")).to_contain_text("Interrupted")
        sent = len(received(sandbox))
        assert came < sent < 150
        page.click("text=Go on with it")
        expect(page.locator(".question")).to_contain_text(f"{150 - sent} of 150 leads are left")
        page.click("button[value=yes]")
        page.wait_for_url("**/runs/*")
        assert figures(page)["Success"] == "150"
        assert len(received(sandbox)) == 150


def test_a_reload_and_a_closed_tab_do_not_disturb_a_run(page: Page, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, pausing(120))
    with served(tmp_path, leads(120)) as sandbox, serving(tmp_path, sandbox, "--rate", "40") as web:
        opened(page, web)
        drop(page, path)
        page.click("text=See what would change")
        page.click("text=Get ready to send this")
        page.click("button[value=yes]")
        expect(page.locator("#pause")).to_be_visible()
        page.reload()
        expect(page.locator("[data-live=done]")).to_contain_text("of 120 changes")
        context = page.context
        page.close()
        later = context.new_page()
        opened(later, web)
        later.goto(f"{web.base}/job")
        later.wait_for_url("**/runs/*")
        assert figures(later)["Success"] == "120"
        assert len(received(sandbox)) == 120


def test_errors_come_by_cause_while_it_goes_on(page: Page, tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "paused", "Cold") for n in range(1, 101)]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    config = tmp_path / "sendkit-batch.toml"
    config.write_text('[run]\nskip_unchanged = "never"\n[pace]\nrate = 40\n', encoding="utf-8")
    with served(tmp_path, leads(50)) as sandbox, serving(tmp_path, sandbox) as web:
        opened(page, web)
        page.goto(f"{web.base}/settings")
        page.uncheck("input[name=plans_first]")
        page.click("text=Use until I close the program")
        page.goto(f"{web.base}/")
        drop(page, path)
        page.click("text=Get ready to send")
        page.click("button[value=yes]")
        expect(page.locator("#causes")).to_contain_text("SendKit knows no such lead")
        assert page.locator("#work").get_attribute("data-stage") == "sending"
        page.wait_for_url("**/runs/*")
        assert figures(page)["Error"] == "50"


def test_a_cell_is_mended_and_an_option_chosen_in_a_browser(page: Page, tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "paused", "") for n in range(1, 4)]
    path = write_rows(tmp_path / "leads.csv", HEADER, [*rows, (CAMPAIGN, lead_id(4), "pausd", "")])
    with served(tmp_path, leads(4)) as sandbox, serving(tmp_path, sandbox) as web:
        opened(page, web)
        drop(page, path)
        page.click("text=Mend")
        page.fill("#mend [name=status]", "paused")
        page.click("text=Mend and check again")
        expect(page.locator("text=1 mended cell")).to_be_visible()
        page.click("text=More options")
        page.check("[name=strict]")
        assert fits(page)
        page.click("text=See what would change")
        page.wait_for_url("**/runs/*")
        page.fill("[name=canary]", "2")
        page.click("text=Get ready to send this")
        page.click("button[value=yes]")
        page.wait_for_url("**/runs/*")
        assert figures(page)["Success"] == "4"
        assert len(received(sandbox)) == 4


def fits(page: Page) -> bool:
    """Whether nothing has to be moved sideways on a telephone."""
    page.set_viewport_size({"width": 390, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    return bool(width <= 390)


def press_until(page: Page, text: str) -> None:
    """Press Tab until what reads so has the focus, then Enter."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{text} is never reached")


def test_the_whole_way_by_keyboard_and_on_a_telephone(page: Page, tmp_path: Path) -> None:
    rows = [*pausing(30), (CAMPAIGN, "bad", "sleeping", "x" * 300)]
    path = write_rows(tmp_path / f"{'long-' * 12}name.csv", HEADER, rows)
    with served(tmp_path, leads(30)) as sandbox, serving(tmp_path, sandbox, "--rate", "20") as web:
        opened(page, web)
        assert fits(page)
        drop(page, path)
        assert fits(page)
        press_until(page, "See what would change")
        page.wait_for_url("**/runs/*")
        assert fits(page)
        press_until(page, "Get ready to send this")
        page.wait_for_selector(".question")
        assert fits(page)
        press_until(page, "Send 30 changes")
        page.wait_for_selector("#pause")
        assert fits(page)
        page.wait_for_url("**/runs/*")
        assert fits(page)
        press_until(page, "Settings")
        page.wait_for_url("**/settings")
        assert fits(page)


def test_fifty_rows_are_one_line_each_with_all_of_it_on_demand(page: Page, tmp_path: Path) -> None:
    long = "a note that takes more than a line on any screen " * 9
    names = (*HEADER[:3], "aiTag", "Note", *(f"Column {n}" for n in range(10)))
    rows = [(*row, long, *[long] * 10) for row in pausing(60)]
    rows.append((CAMPAIGN, "bad", "Repleid", "", long, *[""] * 10))
    path = write_rows(tmp_path / "leads.csv", names, rows)
    with served(tmp_path, leads(60)) as sandbox, serving(tmp_path, sandbox) as web:
        opened(page, web)
        page.set_viewport_size({"width": 390, "height": 800})
        drop(page, path)
        table, first = page.locator("table.rows"), page.locator(".rows tbody tr").first
        expect(first.locator(".cause")).to_contain_text("3 hexadecimal digits; expected 24.")
        expect(first.locator(".line")).to_have_text("62")  # the last of the file
        expect(page.locator(".rows tbody tr")).to_have_count(50)
        height = "document.documentElement.scrollHeight"
        assert page.evaluate(height) <= 6_000
        expect(table.get_by_text(long).first).to_be_hidden()
        page.check("#own")
        expect(table.get_by_text(long).first).to_be_visible()
        assert page.evaluate(height) <= 6_000
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click("text=See what would change")
        page.wait_for_url("**/runs/*")
        expect(page.locator("#own")).to_be_checked()  # it is remembered
        assert page.evaluate("document.querySelector('.rows').offsetHeight") <= 5_000
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            row = page.locator(".rows tbody tr").nth(2)
            row.evaluate("row => row.scrollIntoView({block: 'center'})")
            page.evaluate("document.querySelector('.scroll:has(.rows)').scrollLeft = 500")
            assert page.evaluate("document.querySelector('.scroll:has(.rows)').scrollLeft") == 500
            for part in (".line", ".verdict", ".value >> nth=0", ".value >> nth=1"):
                expect(row.locator(part)).to_be_in_viewport(ratio=0.9)
        page.uncheck("#own")
        button = page.locator("button.whole").first
        button.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".below")).to_contain_text(long.strip())
        expect(button).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("Enter")
        expect(page.locator(".below")).to_have_count(0)
        page.reload()
        expect(page.locator("#own")).not_to_be_checked()
        page.check("#own")
        with serving(tmp_path, sandbox) as again:  # at another port
            run = page.url.removeprefix(web.base)
            opened(page, again)
            page.goto(f"{again.base}{run}")
            expect(page.locator("#own")).to_be_checked()


def test_a_run_of_a_terminal_is_seen_as_it_goes(page: Page, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, pausing(100))
    with served(tmp_path, leads(100)) as sandbox, serving(tmp_path, sandbox) as web:
        env = {"SENDKIT_API_KEY": sandbox.api_key}
        options = ("--base-url", sandbox.base_url, "--yes", "--rate", "15")
        with started("run", path, *options, cwd=tmp_path, env=env) as process:
            while not [*tmp_path.glob("runs/*/run.json")]:
                time.sleep(0.02)
            opened(page, web)
            page.goto(f"{web.base}/runs")
            expect(page.locator(".runs .mark")).to_have_text("Under way")
            expect(page.locator(".runs progress")).not_to_have_attribute("value", "0")
            page.click(".runs a")
            expect(page.locator("#live .lead")).to_contain_text(re.compile(r"^[1-9]\d? of 100"))
            expect(page.locator("h1 .mark")).to_have_text("Finished", timeout=20_000)  # by itself
            assert figures(page)["Success"] == "100"
            assert ended(process, cwd=tmp_path).exit_code == 0


def test_every_field_has_a_name_and_every_page_one_heading(page: Page, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, pausing(3))
    with serving(tmp_path) as web:
        opened(page, web)
        drop(page, path)
        for address in ("/", "/check", "/settings", "/runs"):
            page.goto(f"{web.base}{address}")
            assert page.locator("h1").count() == 1, address
            assert page.locator("main").count() == 1
            assert page.locator("html").get_attribute("lang") == "en"
            nameless = page.evaluate(
                """() => [...document.querySelectorAll("input:not([type=hidden]), select")]
                .filter(field => !field.labels.length).map(field => field.outerHTML)"""
            )
            assert nameless == [], address


def test_practice_goes_the_whole_way_without_a_key(page: Page, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, pausing(5))
    with serving(tmp_path) as web:
        opened(page, web)
        drop(page, path)
        page.click("text=Practise first")
        page.wait_for_url("**/runs/*")
        expect(page.locator("h1")).to_have_text("What would change: leads.csv")
        expect(page.locator(".practice")).to_contain_text("no e-mail can start or stop")
        page.click("text=Get ready to send this")
        expect(page.locator(".practice")).to_be_visible()
        page.click(".choices .primary")
        page.wait_for_url("**/runs/*")
        assert figures(page)["Success"] == "5"
        page.click("text=Look again, or take it back")
        page.click("button:text('Undo')")
        page.click(".choices .primary")
        page.wait_for_url("**/runs/*")
        expect(page.locator("main")).to_contain_text("Undo of leads.csv")
        expect(page.locator(".practice")).to_be_visible()
        assert figures(page)["Success"] == "5"


def test_a_file_full_of_script_and_formulas_is_shown_as_text(page: Page, tmp_path: Path) -> None:
    header = (*HEADER[:3], "aiTag", HOSTILE)
    rows = [
        (CAMPAIGN, lead_id(1), "paused", "", FORMULA),
        (HOSTILE, FORMULA, HOSTILE, HOSTILE, HOSTILE),
    ]
    path = write_rows(tmp_path / "<img src=x onerror=alert(1)>.csv", header, rows)
    with served(tmp_path, leads(1)) as sandbox, serving(tmp_path, sandbox) as web:
        opened(page, web)
        drop(page, path)
        for _ in range(2):
            expect(page.locator("table.rows")).to_contain_text(HOSTILE)
            expect(page.locator("table.rows")).to_contain_text(FORMULA)
            assert "owned" not in page.title()
            assert page.locator("main img, main script").count() == 0
            if page.url.endswith("/check"):
                page.click("text=See what would change")
                page.wait_for_url("**/runs/*")


def answer(web: Served, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of one request, with headers as no browser would let a page set them."""
    port = urlsplit(web.origin).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_hostile_host_and_origin_are_refused(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path) as web:
        opened(page, web)
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert page.evaluate("document.cookie") == ""
        host = urlsplit(web.origin).netloc
        let_in = {"Host": host, "Cookie": f"{cookie['name']}={cookie['value']}"}
        token = web.start.removeprefix(web.origin)
        base = web.base.removeprefix(web.origin)
        assert cookie["path"] == base
        assert answer(web, "GET", f"{base}/", let_in) == 200
        assert answer(web, "GET", f"{base}/", let_in | {"Host": "evil.example"}) == 403
        assert answer(web, "GET", token, {"Host": f"evil.example:{host.rpartition(':')[2]}"}) == 403
        assert answer(web, "GET", f"{base}/", {"Host": host}) == 403
        assert answer(web, "GET", token, {"Host": host}) == 403  # it was used
        assert answer(web, "GET", "/", let_in) == 404
        none = {"Content-Length": "0"}
        stop = f"{base}/job/stop"
        assert answer(web, "POST", stop, let_in | none) == 403
        evil = {"Origin": "http://evil.example"}
        assert answer(web, "POST", stop, let_in | none | evil) == 403
        assert answer(web, "POST", stop, let_in | none | {"Origin": web.origin}) == 303


def test_the_file_that_is_opened_leads_to_the_page_once(page: Page, tmp_path: Path) -> None:
    told = tmp_path / "told"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {told}~\nmv {told}~ {told}\n', encoding="utf-8")
    browser.chmod(0o700)
    with started("web", cwd=tmp_path, env={"BROWSER": f"{browser} %s"}) as process:
        give_up_at = time.monotonic() + 30
        while not told.exists():
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        address = told.read_text("utf-8").strip()
        assert address.startswith("file:///")
        assert "token" not in address
        page.goto(address)
        page.wait_for_url(re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/$"))
        expect(page.locator("h1")).to_have_text("Which spreadsheet?")
        page.click("text=Settings")
        expect(page.locator("h1")).to_have_text("Settings")
        page.go_back()
        page.reload()
        expect(page.locator("h1")).to_have_text("Which spreadsheet?")
        file = Path(unquote(urlsplit(address).path))
        give_up_at = time.monotonic() + 10
        while file.exists():  # nobody can use it any more
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        ran = ended(process, cwd=tmp_path)
    assert ran.exit_code == 0
    assert "http" not in ran.out + ran.err


def test_another_port_of_this_machine_never_gets_the_cookie(page: Page, tmp_path: Path) -> None:
    got: list[str] = []

    class Listens(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.headers.get("Cookie", ""))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving(tmp_path) as web, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listens) as it:
        threading.Thread(target=it.serve_forever).start()
        opened(page, web)
        with suppress(PlaywrightError):  # 204: there is nothing to show
            page.goto(f"http://127.0.0.1:{it.server_address[1]}/")
        it.shutdown()
    assert got
    assert set(got) == {""}


@contextmanager
def another_site() -> Iterator[str]:
    """Another program's page on this machine, to the browser the same site; gives its address."""

    class Blank(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_another_page_in_the_same_browser_gets_nothing_and_does_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as web, another_site() as evil, browser_page(quiet=False) as page:
        opened(page, web)
        page.goto(evil)
        told = page.evaluate(
            """async (address) => { const told = [];
            for (const given of [{}, {method: "POST"}, {mode: "no-cors"},
                {mode: "no-cors", method: "POST", body: "answer=yes"}]) {
              try { await fetch(address, {credentials: "include", ...given}); told.push("got"); }
              catch { told.push("refused"); }
            } return told; }""",
            f"{web.base}/settings",
        )
        assert told == ["refused"] * 4
        page.evaluate(
            """(address) => { const form = document.createElement("form");
            form.method = "post"; form.action = address; document.body.append(form);
            form.submit(); }""",
            f"{web.base}/settings",
        )
        page.wait_for_url(f"{web.base}/settings")
        expect(page.locator("body")).to_have_text("Changes are only taken from the page itself.")


def test_a_large_file_stays_fluid(page: Page, tmp_path: Path) -> None:
    count = 100_000
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*HEADER, "email", "company"])
        for n in range(1, count + 1):
            lead = lead_id(n) if n % 100 else "bad"
            rows.writerow([CAMPAIGN, lead, "paused", "", f"p{n}@example.com", f"Firm {n % 999}"])
    with serving(tmp_path) as web:
        opened(page, web)
        began = time.monotonic()
        drop(page, path)
        took_s = time.monotonic() - began
        assert figures(page)["Rows"] == "100,000"
        waits = {"drop": took_s}
        for address in (
            "/check",
            "/check?offset=99950",
            "/check?result=error&offset=950",
            "/check?search=p99999%40",
        ):
            began = time.monotonic()
            page.goto(f"{web.base}{address}")
            waits[address] = time.monotonic() - began
        expect(page.locator("table.rows")).to_contain_text("p99999@example.com")
        print({name: round(seconds, 2) for name, seconds in waits.items()})  # noqa: T201 - measured
        assert waits.pop("drop") < 20
        assert max(waits.values()) < 2  # a third of a second where nobody else uses the machine
