"""What to do about a problem, as a caller in Python does it: by arguments of the call."""

import json
from collections.abc import Mapping

from batch.advice import Advice, Fix, Remedy
from batch.errors import BatchError

# In them: {value} and {column} of the remedy; {quoted} is the value as a literal, and
# {number} as a number.
SENTENCES: Mapping[Fix, str] = {
    Fix.NAME_SHEET: "Choose with reading=Reading(sheet=…).",
    Fix.NAME_ENCODING: "Name its encoding with reading=Reading(encoding=…), or save it as UTF-8.",
    Fix.MEND_LETTERS: "If letters look wrong, name its encoding with reading=Reading(encoding=…).",
    Fix.NAME_DELIMITER: "Name it with reading=Reading(delimiter=…): {value}.",
    Fix.NAME_HEADER_ROW: (
        "If the header is another line, name it with reading=Reading(header_row={number})."
    ),
    Fix.MAP_COLUMN: 'Use settings={{"columns": {columns}}}.',
    Fix.LEAVE_REMEMBERED: "remembered=False ignores that.",
    Fix.USE_REMEMBERED: "remembered=True uses the columns that were confirmed for these headers.",
    Fix.NAME_CAMPAIGN: "One campaign for all rows can be named with reading=Reading(campaign=…).",
    Fix.RESUME: "To go on with that one: {value}",
    Fix.RESUME_OTHERS: "To go on with that one: {value}",
    Fix.NAME_FOLDER: "Name another out=.",
    Fix.START_NEW: "new=True would start anew.",
    Fix.NAME_SETTINGS: "If it is yours, name it: config={quoted}.",
    Fix.SEND_VALID: (
        'Mend the file or name its columns with settings={{"columns": …}}; '
        "to send the valid rows all the same, use guardrails=Guardrails(allow_invalid=True)."
    ),
    Fix.CONFIRM_CLEARS: "If that is meant, use guardrails=Guardrails(allow_clears=True).",
    Fix.CONFIRM_CHANGES: (
        "If that is meant, use guardrails=Guardrails(expect_changes=Range(least={value}, "
        "most={value}))."
    ),
    Fix.KEEP_BEFORE: 'A run with settings={{"run": {{"keep_before": True}}}} reads all of them.',
    Fix.UNDO: "undo() with its folder takes it back.",
    Fix.WAIT: 'With settings={{"pace": {{"wait": True}}}} the run waits.',
    Fix.FEWER_CONNECTIONS: 'Lower settings={{"pace": {{"concurrency": …}}}}.',
    Fix.CHECK_KEY: "Check api_key=, SENDKIT_API_KEY, or the file that api_key_file names.",
    Fix.KEEP_KEY: "Type it on the page (sendkit-batch web) and keep it there, or give api_key=.",
    Fix.NAME_ONE_WORKSPACE: "Name one with reading=Reading(workspace=…).",
    Fix.SKIP_WORKSPACES: "To send to the others alone, use "
    "guardrails=Guardrails(skip_failed_workspaces=True).",
    Fix.NAME_WORKSPACE: 'Name it with settings={{"api": {{"workspace_id": …}}}}.',
}


def in_python(what: str | BatchError) -> str:
    """A text or an error, with what can be done about it."""
    text = what.advice if isinstance(what, BatchError) else what
    return text.render(_say) if isinstance(text, Advice) else text


def _say(remedy: Remedy) -> str:
    quoted = repr(remedy.value) if remedy.value else "…"
    columns = {str(column): header or "…" for column, header in remedy.columns}
    literal = json.dumps(columns, ensure_ascii=False)
    return SENTENCES[remedy.fix].format(value=remedy.value, columns=literal, quoted=quoted)
