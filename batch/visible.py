"""Texts of other people as a person should see them: nothing unseen in them works.

A control character can steer a terminal; a bidirectional mark turns the rest of a line around, in
a browser too; a zero-width one makes two names look alike. The one place that shows them: for
terminals, reports and pages.
"""


def visible(text: str) -> str:
    r"""The text in one line: all that can't be seen is escaped, as \n and \u202e."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def visible_lines(text: str) -> str:
    """The same of each of its lines, for texts whose line breaks are ours."""
    return "\n".join(map(visible, text.split("\n")))
