"""What to do about a problem, as a person in a terminal does it: by options of the command."""

from typing import assert_never

from batch.advice import Advice, Fix, Remedy
from batch.errors import BatchError
from batch.reading.header import quoted


def in_terminal(what: str | BatchError) -> str:
    """A text or an error, with what can be done about it."""
    text = what.advice if isinstance(what, BatchError) else what
    return text.told(_say) if isinstance(text, Advice) else text


def _say(remedy: Remedy) -> str:  # noqa: PLR0911 - one for each way out
    value = remedy.value
    match remedy.fix:
        case Fix.NAME_SHEET:
            return "Choose with --sheet."
        case Fix.NAME_ENCODING:
            return f"Name its encoding with --encoding{value and f' {value}'}, or save it as UTF-8."
        case Fix.MEND_LETTERS:
            return "If letters look wrong, name its encoding with --encoding."
        case Fix.NAME_DELIMITER:
            return f"Name it with --delimiter {value}."
        case Fix.MAP_COLUMN:
            return f"Use --map {remedy.column}={quoted(value or '…')}."
        case Fix.NAME_CAMPAIGN:
            return "Or name one campaign for all rows with --campaign."
        case Fix.RESUME | Fix.RESUME_OTHERS:
            return f"To go on with that one: {value}"
        case _:
            assert_never(remedy.fix)
