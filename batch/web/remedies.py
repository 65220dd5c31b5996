"""What to do about a problem, as a person on the page does it: by its fields."""

from typing import assert_never

from batch.advice import Advice, Fix, Remedy
from batch.errors import BatchError


def on_page(what: str | BatchError) -> str:
    """A text or an error, with what can be done about it."""
    text = what.advice if isinstance(what, BatchError) else what
    return text.told(_say) if isinstance(text, Advice) else text


def _say(remedy: Remedy) -> str:  # noqa: PLR0911 - one for each way out
    match remedy.fix:
        case Fix.NAME_SHEET:
            return "Write the name of one under Columns."
        case Fix.MEND_LETTERS:
            return "If letters look wrong, save it as UTF-8 and choose it again."
        case Fix.NAME_ENCODING:
            return "Save it as UTF-8."
        case Fix.NAME_DELIMITER:
            return "Save it with commas between the cells."
        case Fix.MAP_COLUMN:
            return f"Choose the column for {remedy.column} under Columns."
        case Fix.NAME_CAMPAIGN:
            return "Or name one campaign for all rows below."
        case Fix.RESUME:
            return "To go on with that one, say no here and choose it among the earlier runs."
        case Fix.RESUME_OTHERS:
            return ""
        case _:
            assert_never(remedy.fix)
