"""Make texts of other people safe to show: escape every invisible character.

A control character can steer a terminal; a bidirectional mark turns the rest of a line around, in
a browser too; a zero-width one makes two names look alike. Terminals, reports and pages all show
texts by this file.
"""


def visible(text: str) -> str:
    r"""The text in one line, with invisible characters escaped, as \n and \u202e."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def visible_lines(text: str) -> str:
    """The same for each line of a text whose line breaks are ours."""
    return "\n".join(map(visible, text.split("\n")))
