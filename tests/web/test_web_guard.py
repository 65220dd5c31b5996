import re
import socket
from pathlib import Path

import pytest
from starlette.requests import cookie_parser

from batch.errors import SettingsError
from batch.web.guard import POLICY, Access, refusal_of
from batch.web.server import listen
from tests.support.web_site import ACCESS, BASE, ORIGIN, PORT, site
from tests.support.wired import pausing, write_leads

HOST = f"127.0.0.1:{PORT}"
WRONG_HOST = "This page only answers to the address that the terminal shows."
PRESS_ENTER = "Press Enter in the terminal for a fresh address."
LOCKED = f"This page is locked. {PRESS_ENTER}"
USED = f"This address was used before, and is good once only. {PRESS_ENTER}\n"
WRONG_START = f"This address is not the right one any more. {PRESS_ENTER}\n"
FROM_ELSEWHERE = "Changes are only taken from the page itself."
FOR_ANOTHER = "This was asked for by another page, and is only given to this one."


def asked(
    method: str = "GET", path: str = "/", query: str = "", **headers: str | None
) -> str | None:
    """What a request is refused with; the headers are those of the page itself, or these."""
    given = {
        "host": HOST,
        "cookie": f"{ACCESS.cookie}={ACCESS.secret}",
        "origin": ORIGIN if method not in {"GET", "HEAD"} else None,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return refusal_of(
        ACCESS,
        {
            "type": "http",
            "method": method,
            "path": f"{BASE}{path}",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in given.items() if v is not None],
        },
    )


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}"])
def test_the_page_answers_to_this_machines_names(host: str) -> None:
    assert asked(host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}",
        f"127.0.0.1.evil.example:{PORT}", f"0.0.0.0:{PORT}", "", None,
    ],
)  # fmt: skip
def test_a_name_that_somebody_elses_dns_may_point_here_is_refused(host: str | None) -> None:
    assert asked(host=host) == WRONG_HOST
    assert asked("POST", "/job/stop", host=host) == WRONG_HOST
    assert asked(path="/start", query="token=the-token", host=host) == WRONG_HOST


def test_on_port_80_the_port_goes_unsaid() -> None:
    assert Access(port=80, base="/b", secret="s").hosts >= {"127.0.0.1", "localhost:80"}
    assert "127.0.0.1" not in ACCESS.hosts


@pytest.mark.parametrize(
    "cookie",
    [None, "", f"{ACCESS.cookie}=", f"{ACCESS.cookie}=wrong", f"other={ACCESS.secret}",
     f"{ACCESS.cookie}=the-token", f"{ACCESS.cookie}=gehé"],
)  # fmt: skip
def test_without_the_cookie_nothing_is_shown_and_nothing_is_done(cookie: str | None) -> None:
    assert asked(cookie=cookie) == LOCKED
    assert asked(path="/static/page.js", cookie=cookie) == LOCKED
    assert asked("POST", "/job/answer", cookie=cookie) == LOCKED
    assert asked("PUT", "/files", cookie=cookie) == LOCKED


def test_a_cookie_that_another_port_sets_does_not_shut_the_page() -> None:
    mine, other = f"{ACCESS.cookie}={ACCESS.secret}", f"{ACCESS.cookie}=other"
    for cookie in (f"{mine}; {other}", f"{other}; {mine}", f"a=b;{mine}"):
        assert asked(cookie=cookie) is None


@pytest.mark.parametrize("query", ["", "token=", "token=wrong", "token=the-secret", "the-token"])
def test_the_start_address_needs_its_token(tmp_path: Path, query: str) -> None:
    with site(tmp_path) as page:
        page.browser.cookies.clear()
        token = page.tokens.make()
        answer = page.browser.get(f"/start?{query}")
        assert (answer.status_code, answer.text) == (403, WRONG_START)
        for method in ("HEAD", "POST"):  # neither uses the token up
            assert page.browser.ask(method, f"/start?token={token}").status_code == 403
        assert page.browser.get(f"/start?token={token}").status_code == 200


def test_a_token_is_good_once_but_a_browser_that_is_in_is_led_on(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        address = f"/start?token={page.tokens.make()}"
        cookies = dict(page.browser.cookies)
        page.browser.cookies.clear()
        assert page.browser.get(address).status_code == 200
        for _ in range(3):
            answer = page.browser.get(address)
            assert (answer.status_code, answer.text) == (403, USED)
            assert "set-cookie" not in answer.headers
        assert page.second_uses == 1  # told once, not at each attempt
        page.browser.cookies.update(cookies)
        assert f'url={BASE}/"' in page.browser.get(address).text
        assert page.second_uses == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/", "", "/check", "/start", "/static/page.js", "/favicon.ico", "/the-pat", "/the-path2/",
     "/the-path", "//the-path/", "/x/the-path/", "/THE-PATH/", "/%2e/the-path/"],
)  # fmt: skip
def test_outside_its_own_path_everything_is_the_same_bare_404(
    tmp_path: Path, method: str, path: str
) -> None:
    def bare(path: str, host: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        answer = page.browser.ask(method, f"{ORIGIN}{path}", headers={"host": host})
        return answer.status_code, answer.content, answer.headers.raw

    with site(tmp_path) as page:
        wanted = bare("/nowhere", HOST)
        assert wanted[:2] == (404, b"")
        assert bare(path, HOST) == wanted
        assert bare(path, "evil.example") == wanted
        page.browser.cookies.clear()
        assert bare(path, HOST) == wanted


def test_every_address_on_the_page_is_below_its_own_path(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        page.drop(write_leads(tmp_path / "leads.csv", pausing(60)))
        for path in ("/", "/check", "/settings", "/runs", "/help", "/help/results", "/nowhere"):
            links = re.findall(r'(?:href|action|src)="([^"#]+)', page.get(path))
            assert links
            assert not [link for link in links if not link.startswith(f"{BASE}/")]
    folder = Path(__file__).parents[2] / "batch" / "web"
    for template in folder.glob("templates/*.html"):
        assert not re.search(r"""(href|action|src)=["']/""", template.read_text("utf-8")), template
    assert not re.search(r"""[(]["'`]/""", (folder / "static" / "page.js").read_text("utf-8"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", f"https://{HOST}", "http://127.0.0.1",
     f"http://127.0.0.1:{PORT + 1}", f"http://localhost:{PORT}"],
)  # fmt: skip
def test_changes_are_taken_from_the_page_alone(method: str, origin: str | None) -> None:
    assert asked(method, "/settings", origin=origin) == FROM_ELSEWHERE
    assert asked(method, "/settings") is None


@pytest.mark.parametrize("other", ["cross-site", "same-site"])
def test_what_other_pages_ask_for_is_not_given(other: str) -> None:
    assert asked(sec_fetch_site=other) == FOR_ANOTHER
    assert asked(path="/job/events", sec_fetch_site=other) == FOR_ANOTHER
    assert asked(sec_fetch_site="same-origin") is None
    assert asked(sec_fetch_site="none") is None


def test_the_start_address_gives_a_cookie_that_scripts_and_other_sites_never_get(
    tmp_path: Path,
) -> None:
    with site(tmp_path) as page:
        page.browser.cookies.clear()
        assert page.browser.get("/").status_code == 403
        token = page.tokens.make()
        answer = page.browser.get(f"/start?token={token}")
        (cookie,) = answer.headers.get_list("set-cookie")
        parts = [part.strip().lower() for part in cookie.split(";")]
        assert {"httponly", "samesite=strict", f"path={BASE}"} <= set(parts)
        assert cookie_parser(cookie)[ACCESS.cookie] == ACCESS.secret
        assert token not in answer.text
        page.browser.cookies[ACCESS.cookie] = cookie_parser(cookie)[ACCESS.cookie]
        assert page.browser.get("/").status_code == 200


def test_every_answer_has_the_strict_headers_also_a_refusal(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        paths = (
            *("/", "/static/page.js", "/settings", "/nowhere", "/runs/none", "/start?token=no"),
            f"{ORIGIN}/elsewhere",
        )
        for path in paths:
            headers = page.browser.get(path).headers
            assert headers["content-security-policy"] == POLICY, path
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in headers
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none';")


def test_no_page_has_script_or_style_in_itself() -> None:
    folder = Path(__file__).parents[2] / "batch" / "web" / "templates"
    for template in folder.glob("*.html"):
        text = template.read_text("utf-8").lower()
        assert "<style" not in text, template
        assert "style=" not in text, template
        assert " on" not in "".join(text.split("<")[1:]) or "onclick" not in text, template
        assert text.count("<script") == text.count('<script src="{{ base }}/static/'), template
        assert "|safe" not in text, template
        assert "http://" not in text, template
        assert "https://" not in text, template


def test_nothing_of_the_page_comes_from_elsewhere_and_no_text_becomes_markup() -> None:
    folder = Path(__file__).parents[2] / "batch" / "web" / "static"
    for file in folder.iterdir():
        text = file.read_text("utf-8")
        assert not re.search(r"https?:|[\"'(`]//", text), file
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "@import", "url("):
            assert word not in text, (file, word)


def test_it_listens_on_this_machine_alone() -> None:
    with listen(0) as listener:
        address, port = listener.getsockname()
        assert address == "127.0.0.1"
        message = (
            rf"--port: 127\.0\.0\.1:{port} can't be listened on \(Address already in use\); "
            "give another port, or leave it out for a free one."
        )
        with pytest.raises(SettingsError, match=message):
            listen(port)
        with socket.socket() as other:
            other.settimeout(1)
            assert other.connect_ex(("127.0.0.2", port)) != 0


def test_each_start_has_a_path_and_a_secret_of_its_own() -> None:
    first, second = Access.make(1), Access.make(1)
    assert len({first.base, first.secret, second.base, second.secret}) == 4
    assert min(len(first.secret), len(second.secret)) >= 43  # 32 random bytes
    assert min(len(first.base), len(second.base)) >= 23  # 16, and the slash
