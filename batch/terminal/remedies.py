"""What to do about a problem, as a person in a terminal does it: by options of the command."""

import shlex
from collections.abc import Mapping
from itertools import starmap

from batch.advice import Advice, Fix, Remedy
from batch.columns import Column
from batch.errors import BatchError

# In them: {value} of the remedy, {mapping} as the options that map its columns, and {named}
# as the value behind a space, or nothing.
SENTENCES: Mapping[Fix, str] = {
    Fix.NAME_SHEET: "Choose with --sheet.",
    Fix.NAME_ENCODING: "Name its encoding with --encoding{named}, or save it as UTF-8.",
    Fix.MEND_LETTERS: "If letters look wrong, name its encoding with --encoding.",
    Fix.NAME_DELIMITER: "Name it with --delimiter {value}.",
    Fix.NAME_HEADER_ROW: "If the header is another line, name it with --header-row{named}.",
    Fix.MAP_COLUMN: "Use {mapping}",  # without a full stop, which a copy would take along
    Fix.LEAVE_REMEMBERED: "--no-remembered ignores that.",
    Fix.USE_REMEMBERED: "--remembered uses the columns that were confirmed for these headers.",
    Fix.NAME_CAMPAIGN: "One campaign for all rows can be named with --campaign.",
    Fix.RESUME: "To go on with that one: {value}",
    Fix.RESUME_OTHERS: "To go on with that one: {value}",
    Fix.NAME_FOLDER: "Name another --out.",
    Fix.START_NEW: "--new would start anew.",
    Fix.NAME_SETTINGS: "If it is yours, name it: --config {value}",
    Fix.SEND_VALID: (
        "Mend the file or name its columns with --map; "
        "to send the valid rows all the same, use --allow-invalid."
    ),
    Fix.CONFIRM_CLEARS: "If that is meant, use --allow-clears, or type {value} at the question.",
    Fix.CONFIRM_CHANGES: (
        "If that is meant, use --expect-changes {value}, or type {value} at the question."
    ),
    Fix.KEEP_BEFORE: "A run with --keep-before reads all of them.",
    Fix.UNDO: "To take it back: {value}",
    Fix.WAIT: "With --wait the run waits.",
    Fix.FEWER_CONNECTIONS: "Lower --concurrency.",
    Fix.CHECK_KEY: "Check SENDKIT_API_KEY, or the file that api_key_file names.",
    Fix.KEEP_KEY: (
        "Type it on the page (sendkit-batch web) and keep it there, or set SENDKIT_API_KEY."
    ),
    Fix.NAME_ONE_WORKSPACE: "Name one with --workspace.",
    Fix.SKIP_WORKSPACES: "To send to the others alone, use --skip-failed-workspaces.",
    Fix.NAME_WORKSPACE: "Set SENDKIT_WORKSPACE_ID, or workspace_id under [api].",
}


def in_terminal(what: str | BatchError) -> str:
    """A text or an error, with what can be done about it."""
    text = what.advice if isinstance(what, BatchError) else what
    return text.render(_say) if isinstance(text, Advice) else text


def split_options(text: str) -> tuple[str, str]:
    """A text, and the options that it ends with, which somebody may want to copy; "" if none."""
    last = text.parts[-1] if isinstance(text, Advice) and text.parts else None
    if not (isinstance(text, Advice) and isinstance(last, Remedy) and last.fix is Fix.MAP_COLUMN):
        return in_terminal(text), ""
    return in_terminal(Advice(*text.parts[:-1], "Use:")), " ".join(
        starmap(map_option, last.columns)
    )


def _say(remedy: Remedy) -> str:
    value = remedy.value
    mapping = " ".join(starmap(map_option, remedy.columns))
    return SENTENCES[remedy.fix].format(value=value, mapping=mapping, named=value and f" {value}")


def map_option(column: Column, header: str) -> str:
    """The option that maps a column to a header name, as a shell takes it.

    In double quotes, which every shell knows, unless something in the name means more there.
    """
    header = header or "…"
    is_plain = not set(header) & set('"$`\\!%')
    return f"--map {column}=" + (f'"{header}"' if is_plain else shlex.quote(header))
