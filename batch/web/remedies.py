"""What to do about a problem, as a person on the page does it: by its fields."""

from collections.abc import Mapping

from batch.advice import Advice, Fix, Remedy
from batch.errors import BatchError

START = "sendkit-batch web --config {value}"  # the page anew, with a file of settings
# In them: {value} of the remedy, and {columns} as its columns. What the page has no field for is
# left unsaid.
SENTENCES: Mapping[Fix, str] = {
    Fix.NAME_SHEET: "Choose one under Columns.",
    Fix.NAME_ENCODING: "Choose its encoding under Columns, or save it as UTF-8.",
    Fix.MEND_LETTERS: "If letters look wrong, choose the encoding under Columns.",
    Fix.NAME_DELIMITER: "Choose it under Columns.",
    Fix.NAME_HEADER_ROW: "If the header is another line, choose it under Columns.",
    Fix.MAP_COLUMN: "Choose {columns} under Columns.",
    Fix.LEAVE_REMEMBERED: "Others can be chosen under Columns.",
    Fix.USE_REMEMBERED: "Choose the file again to use the columns that were confirmed for it.",
    Fix.NAME_CAMPAIGN: "One campaign for all rows can be named below.",
    Fix.RESUME: "To go on with that one, say no here and choose it among the earlier runs.",
    Fix.RESUME_OTHERS: "",
    Fix.NAME_FOLDER: "",
    Fix.START_NEW: "",
    Fix.NAME_SETTINGS: f"If it is yours, start the page with: {START}",
    Fix.SEND_VALID: "Mend the file, or choose other columns.",
    Fix.CONFIRM_CLEARS: "If that is meant, type the number when you are asked.",
    Fix.CONFIRM_CHANGES: "If that is meant, type the number when you are asked.",
    Fix.KEEP_BEFORE: "A run that was planned first, or with Keep before, reads all of them.",
    Fix.UNDO: "The button Undo beside its results takes it back.",
    Fix.WAIT: "You can go on with the run then.",
    Fix.FEWER_CONNECTIONS: "Lower concurrency under [pace] in the settings file.",
    Fix.CHECK_KEY: "Look at the key, and type it again.",
    Fix.KEEP_KEY: "Type it, and tick the box that keeps it there.",
    Fix.NAME_ONE_WORKSPACE: "Name one below, as the workspace of all rows.",
    Fix.SKIP_WORKSPACES: "To send to the others alone, tick that under More options.",
    Fix.NAME_WORKSPACE: "Type it as Workspace id.",
}
_FIELDS = {
    "base_url": "Address",
    "workspace_id": "Workspace id",
    "rate": "Pace",
    "concurrency": "Requests at once",
    "headroom": "Share left to others",
    "runs_dir": "Folder of runs",
    "look": "Colours",
    "daily": "Requests a day",
}


def on_page(what: str | BatchError) -> str:
    """A text or an error, with what can be done about it."""
    text = what.advice if isinstance(what, BatchError) else what
    return text.render(_say) if isinstance(text, Advice) else text


def field_name(section: str, key: str) -> str:
    """What the page calls a setting that can be typed on it."""
    return f"Column for {key}" if section == "columns" else _FIELDS.get(key, key)


def _say(remedy: Remedy) -> str:
    *others, last = [str(column) for column, _ in remedy.columns] or [""]
    named = f"{', '.join(others)} and {last}" if others else last
    columns = f"the column{'s' if others else ''} for {named}"
    return SENTENCES[remedy.fix].format(value=remedy.value, columns=columns)
