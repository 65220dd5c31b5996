"""README.md and the pages of batch/manual, which together are what this program promises."""

import re
from pathlib import Path

import pytest
from rich.text import Text

from batch.terminal.command_line import run_command_line
from tests.make_reference import pages
from tests.support.in_process import sendkit_batch
from tests.support.shell import Shell

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "batch" / "manual").glob("*.md"))
OF_GITHUB = sorted((ROOT / ".github").glob("*.md"))  # none in a copy of the program for one test


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def block_after(page: Path, words: str) -> str:
    """The first fenced block after these words."""
    after = page.read_text("utf-8").partition(words)[2]
    return after.split("```")[1].partition("\n")[2]


def words_of(text: str) -> str:
    """A text without its line breaks and the spaces that columns are filled up with."""
    return " ".join(text.split())


def test_the_readme_is_short_and_in_order() -> None:
    assert len(README.read_bytes()) <= 10_000
    headings = re.findall(r"^## (.+)$", README.read_text("utf-8"), re.MULTILINE)
    assert headings == ["Quick start", "Tests", "Your first file", "Safety", "Manual"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_begins_with_its_title_and_one_sentence_and_the_readme_lists_both(
    page: Path,
) -> None:
    title, blank, sentence, after, *_ = page.read_text("utf-8").split("\n")
    assert (title[:2], blank, after, sentence[-1]) == ("# ", "", "", ".")
    told = f"{sentence[0].lower()}{sentence[1:-1]}"
    assert f"- [{title[2:]}](batch/manual/{page.name}): {told}\n" in README.read_text("utf-8")


@pytest.mark.parametrize("page", [README, *PAGES, *OF_GITHUB], ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if path.startswith("https:") or (path.startswith(".github") and not OF_GITHUB):
            continue
        led_to = page.parent / path if path else page
        assert led_to.exists(), target
        assert not anchor or anchor in anchors(led_to), target


def test_the_references_say_what_the_code_says() -> None:
    for path, wanted in pages().items():
        assert path.read_text("utf-8") == wanted, "python -m tests.make_reference"


@pytest.mark.parametrize("page", [README, *PAGES, *OF_GITHUB], ids=lambda page: page.stem)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    for name in re.findall(r"`((?:batch|tests)/[\w./]+|test_\w+\.py)`", page.read_text("utf-8")):
        found = (ROOT / name).exists() if "/" in name else any((ROOT / "tests").rglob(name))
        assert found, name


def test_the_map_names_every_file_of_the_program_and_no_other() -> None:
    page = (ROOT / "batch/manual/developing.md").read_text("utf-8")
    rooms = re.split(r"^\*\*`(\w+)/`\*\*", page.split("## The map\n")[1], flags=re.MULTILINE)
    shown: dict[str, set[str]] = {}
    for room, text in zip(rooms[1::2], rooms[2::2], strict=True):
        named = re.findall(r"`(\w+)`", text.split("\n## ")[0])
        shown["" if room == "batch" else room] = set(named)
    there: dict[str, set[str]] = {}
    for path in (ROOT / "batch").rglob("*.py"):
        room, *_ = path.relative_to(ROOT / "batch").parts[:-1] or [""]
        there.setdefault(room, set())
        if path.stem != "__init__":
            there[room].add(path.stem)
    assert shown == there


def test_check_prints_what_the_manual_shows() -> None:
    ran = sendkit_batch("check", "samples/mistakes.csv", cwd=ROOT)
    shown = block_after(
        ROOT / "batch/manual/input.md", "`sendkit-batch check samples/mistakes.csv`"
    )
    assert words_of(f"{ran.out} {ran.last_line}") == words_of(shown)


def test_the_first_run_of_the_readme_prints_what_is_shown_there(shell: Shell) -> None:
    shell.monkeypatch.setenv("TERM", "xterm")
    shell.typing("y\n")  # a terminal
    words = ["sendkit-batch", "run", str(ROOT / "samples/retag.csv"), "--sandbox"]
    shell.monkeypatch.setattr("sys.argv", words)
    assert shell.do(run_command_line) == 0
    shown = block_after(README, "It looks like this:")
    changing = r"\(127.0.0.1:\d+\)|retag-\w+Z|About \d+ s"  # from run to run
    printed = re.sub(changing, "", Text.from_ansi(shell.err).plain)
    for line in re.sub(changing, "", shown).splitlines():
        assert words_of(line) in words_of(printed)
