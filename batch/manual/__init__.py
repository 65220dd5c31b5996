"""The manual: pages of Markdown that ship with the program, shown by both front ends.

A page is a file of this folder. It begins with its title and a sentence that says what it is about.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
TOPICS = (
    "input",
    "results",
    "planning",
    "going-on",
    "workspaces",
    "pace",
    "automation",
    "python",
    "commands",
    "settings",
    "web",
    "security",
    "developing",
    "measurements",
    "whats-new",
)  # in the order in which they are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualPage:
    """A page of the manual. topic: its name. summary: its first sentence. text: Markdown."""

    topic: str
    title: str
    summary: str
    text: str


def manual_page(topic: str) -> ManualPage:
    """The page of this topic, one of TOPICS, without its pictures: none ships with the program."""
    paragraphs = (FOLDER / f"{topic}.md").read_text("utf-8").split("\n\n")
    title, summary, *_ = paragraphs
    return ManualPage(
        topic=topic,
        title=title.removeprefix("# "),
        summary=summary,
        text="\n\n".join(each for each in paragraphs if not each.startswith("![")),
    )


def topic_of(target: str) -> str | None:
    """The topic that a link of the manual leads to; None for a link that leaves the manual."""
    topic = target.partition("#")[0].removesuffix(".md")
    return topic if topic in TOPICS else None
