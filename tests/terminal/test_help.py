"""The manual as both front ends show it."""

import re
from pathlib import Path

import markupsafe
import pytest

from batch.manual import FOLDER, TOPICS, manual_page
from batch.web.help_routes import as_html
from tests.support.in_process import sendkit_batch
from tests.support.shell import Shell, Stream
from tests.support.web_site import BASE, Site, site


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Site:
    with site(tmp_path_factory.mktemp("site")) as found:
        return found


def test_every_page_of_the_manual_is_a_topic() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(TOPICS)


def test_help_alone_lists_the_topics_with_a_line_each(shell: Shell) -> None:
    assert shell.words("help") == 0
    for topic in TOPICS:
        assert re.search(
            rf"^{topic} +{re.escape(manual_page(topic).summary)} *$", shell.out, re.MULTILINE
        )


@pytest.mark.parametrize("topic", TOPICS)
def test_a_file_gets_the_markdown_of_a_topic(shell: Shell, topic: str) -> None:
    assert shell.words("help", topic) == 0
    assert shell.out == manual_page(topic).text
    assert "![" not in shell.out


@pytest.mark.parametrize("topic", TOPICS)
def test_a_terminal_of_80_columns_gets_it_formatted(shell: Shell, topic: str) -> None:
    shell.monkeypatch.setenv("COLUMNS", "80")
    shell.streams["stdout"] = stdout = Stream({})
    stdout.is_terminal = True
    assert shell.words("help", topic) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stdout.getvalue()).splitlines()
    assert lines[0].strip() == manual_page(topic).title
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "](" in line or "**" in line]
    printed = {line.strip() for line in lines}
    for block in re.findall(
        r"^```\w+\n(.*?)^```", manual_page(topic).text, re.DOTALL | re.MULTILINE
    ):
        assert {line.strip() for line in block.splitlines() if len(line) <= 80} <= printed


def test_an_unknown_topic_is_refused_and_names_the_nearest(tmp_path: Path) -> None:
    ran = sendkit_batch("help", "secruity", cwd=tmp_path)
    assert (ran.exit_code, ran.out) == (2, "")
    assert 'help: "secruity" is not a topic of the manual. Did you mean "security"?\n' in ran.err
    ran = sendkit_batch("help", "xyzzy", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "sendkit-batch help lists the topics, sendkit-batch --help the commands." in ran.err


def test_the_page_lists_the_topics_and_shows_each(page: Site) -> None:
    listed = page.get("/help")
    assert '<a href="/the-path/help" aria-current="page">Help</a>' in listed
    for topic in TOPICS:
        assert f'<a href="{BASE}/help/{topic}">' in listed
        shown = page.get(f"/help/{topic}")
        title = str(markupsafe.escape(manual_page(topic).title))
        assert f"<title>{title} · sendkit-batch</title>" in shown
        assert "style=" not in shown
        assert "<img" not in shown


def test_every_link_of_the_page_leads_to_a_heading_that_is_there(page: Site) -> None:
    for topic in TOPICS:
        for target in re.findall(r'<a href="([^"]+)"', page.get(f"/help/{topic}")):
            path, _, anchor = target.partition("#")
            led_to = page.browser.get(path.removeprefix(BASE) if path else f"/help/{topic}")
            assert led_to.status_code == 200, target
            assert not anchor or f' id="{anchor}"' in led_to.text, target


def test_an_unknown_topic_on_the_page_is_a_404_with_the_nearest(page: Site) -> None:
    answer = page.browser.get("/help/secruity")
    assert answer.status_code == 404
    assert "Did you mean &#34;security&#34;?" in answer.text
    assert page.browser.get("/help/..%2f..%2fpyproject").status_code == 404


def test_markup_in_the_manual_is_shown_and_strange_links_lose_their_address() -> None:
    html = as_html(
        "# A & B\n\n<script>alert(1)</script> [x](javascript:alert) [y](https://evil.example) "
        "[z](input.md#limits) ![p](https://evil.example/p.png)\n\n| a |\n|---|\n| <b>c |\n",
        base="/p",
    )
    assert html == (
        '<h1 id="a--b">A &amp; B</h1>\n'
        "<p>&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert) <a>y</a> "
        '<a href="/p/help/input#limits">z</a> </p>\n'
        '<div class="scroll">\n<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n'
        "<tbody>\n<tr>\n<td>&lt;b&gt;c</td>\n</tr>\n</tbody>\n</table>\n</div>\n"
    )
