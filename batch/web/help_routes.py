"""The manual on the local page: Markdown as HTML whose links stay below the page's own path."""

from collections.abc import Iterator
from itertools import pairwise

import markupsafe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batch.manual import TOPICS, manual_page, topic_of
from batch.near_names import NearNames
from batch.web.render import base_of, page

# Markup in the text is shown, never obeyed.
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def list_topics(request: Request) -> Response:
    """The topics of the manual, each with its sentence."""
    return page(request, "topics.html", {"topics": [manual_page(each) for each in TOPICS]})


def show_topic(request: Request) -> Response:
    """One page of the manual."""
    topic = request.path_params["topic"]
    if topic not in TOPICS:
        near = NearNames().nearest(topic.lower(), TOPICS)
        hint = f' Did you mean "{near}"?' if near else ""
        told = f'"{topic}" is not a topic of the manual.{hint}'
        return page(request, "message.html", {"told": told}, status=404)
    found = manual_page(topic)
    values = {"title": found.title, "html": as_html(found.text, base=base_of(request))}
    return page(request, "topic.html", values)


def as_html(text: str, *, base: str) -> markupsafe.Markup:
    """A page of the manual as HTML. base: the path that every address of the page begins with."""
    tokens = [each for token in _markdown.parse(text) for each in _fitted(token, base)]
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor_of(inline.content))
    return markupsafe.Markup(_markdown.renderer.render(tokens, _markdown.options, {}))  # noqa: S704 - made of our own files, and markdown-it escapes all text


def anchor_of(heading: str) -> str:
    """The anchor that links of the manual name a heading by, as GitHub makes it."""
    kept = (each for each in heading.lower() if each.isalnum() or each in "-_ ")
    return "".join(kept).replace(" ", "-")


def _fitted(token: Token, base: str) -> Iterator[Token]:
    """A block of the text as the page has it: links below its path, tables that scroll."""
    if token.type == "table_open":
        yield Token("scroll_open", "div", 1, attrs={"class": "scroll"}, block=True)
    yield token
    if token.type == "table_close":
        yield Token("scroll_close", "div", -1, block=True)
    token.children = [each for each in token.children or () if _is_kept(each, base)] or None


def _is_kept(token: Token, base: str) -> bool:
    """Whether the page has this; a link's address is made to fit, or the link loses it."""
    if token.type == "link_open":
        target = str(token.attrs.pop("href"))
        topic = topic_of(target)
        if target.startswith("#"):
            token.attrs["href"] = target
        elif topic:
            token.attrs["href"] = f"{base}/help/{topic}{target[len(topic) + len('.md') :]}"
    return token.type != "image"


ROUTES = [
    Route("/help", list_topics),
    Route("/help/{topic}", show_topic),
]
