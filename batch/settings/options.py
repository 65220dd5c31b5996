"""Every option of the command line, declared once: name, type, default, help, and what it is for.

The command line is made from these declarations. So are the settings that options override and
the options that a printed next command repeats. Imports nothing heavy: `--help` is instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args, get_type_hints

from batch.settings.declarations import Argument, Option, Panel, Repeat, Words

INPUT, SENDING, SAFETY, OUTPUT = Panel.INPUT, Panel.SENDING, Panel.SAFETY, Panel.OUTPUT
FILE, ALWAYS = Repeat.FILE, Repeat.ALWAYS
STDIN = "-"
SHOWN_ROWS = 5  # of the diff, in a screen of 25 lines
_ON_RUNS = ("resume", "part", "retry", "apply", "undo", "verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class CliOptions:
    """The options of a command, as typed. Those that it was not given have their defaults.

    A next command repeats them in this order.
    """

    file: Annotated[
        str,
        Argument("FILE", "The spreadsheet: CSV, TSV, XLSX, XLS, ODS or Parquet; - is stdin."),
    ] = ""
    run: Annotated[
        str, Argument("RUN", "An earlier run: its folder, that folder's name, or latest.")
    ] = ""
    index: Annotated[
        str | None,
        Argument("[INDEX]", "Which part, from 0; else as an array job's environment says."),
    ] = None
    campaigns: Annotated[
        tuple[str, ...], Argument("CAMPAIGN…", "Campaigns: their ids or names.")
    ] = ()
    topic: Annotated[
        str | None, Argument("[TOPIC]", "A page of the manual, as `help` lists it.")
    ] = None
    address: Annotated[str | None, Argument("[ADDRESS]", "With --forget: only this address.")] = (
        None
    )
    mapping_id: Annotated[str | None, Argument("[ID]", "With --forget: only this mapping.")] = None

    # How a file is read, and what is expected of it
    sheet: Annotated[str | None, Option("The sheet of a workbook.", INPUT, FILE)] = None
    encoding: Annotated[
        str | None, Option("The encoding of a text file, such as cp1252.", INPUT, FILE)
    ] = None
    delimiter: Annotated[str | None, Option("What separates the columns.", INPUT, FILE)] = None
    header_row: Annotated[
        int | None,
        Option(
            "The line of the header, if the program does not find it.",
            INPUT,
            FILE,
            metavar="N",
            bounds=(1, 1000),
        ),
    ] = None
    expect_changes: Annotated[
        str | None,
        Option(
            "Send only if this many leads' tags change: 120, or a range such as 100-150.",
            SAFETY,
            FILE,
        ),
    ] = None
    mapping: Annotated[
        tuple[str, ...],
        Option(
            'Another header name, such as campaignId="Campaign"; may be repeated.',
            INPUT,
            FILE,
            flags=("--map",),
            metavar="FIELD=HEADER",
        ),
    ] = ()
    remembered: Annotated[
        bool,
        Option("Use the mapping remembered for these headers, even without a terminal.", INPUT),
    ] = False
    no_remembered: Annotated[bool, Option("Use no remembered mapping.", INPUT, FILE)] = False
    allow_invalid: Annotated[
        bool, Option("Go on although more than half of the rows are invalid.", SAFETY, FILE)
    ] = False
    campaign: Annotated[
        str | None,
        Option(
            "The campaign of rows with an e-mail address that name none: its name or id.",
            INPUT,
            ALWAYS,
        ),
    ] = None

    workspace: Annotated[
        str | None,
        Option(
            "The workspace of rows that name none: its name or id.",
            INPUT,
            ALWAYS,
        ),
    ] = None

    # Where requests go, and how
    config: Annotated[
        Path | None,
        Option(
            "Settings file; else sendkit-batch.toml here, else in the user's configuration.",
            SENDING,
            ALWAYS,
        ),
        Option(
            "Settings file: use its api_key_file, and trust its values for a run not in your list.",
            SENDING,
            only=_ON_RUNS,
        ),
    ] = None
    base_url: Annotated[
        str | None,
        Option("The API's address: https, or this machine.", SENDING, ALWAYS, section="api"),
        Option(
            "Confirm the address of a run that is not in your list. Never changes it.",
            SENDING,
            only=_ON_RUNS,
        ),
    ] = None
    rate: Annotated[
        str | None,
        Option(
            "Request rate: auto, or an upper limit such as 5 (a second) or 60/min.",
            SENDING,
            ALWAYS,
            section="pace",
        ),
    ] = None
    concurrency: Annotated[
        str | None,  # a text, so that a wrong one is told as any other setting
        Option("Requests under way at once, 1 to 1000.", SENDING, ALWAYS, section="pace"),
    ] = None
    daily: Annotated[
        str | None,
        Option(
            "Most requests a day, over all runs on this machine; the rest is left for resume.",
            SENDING,
            ALWAYS,
            metavar="N",
            section="pace",
        ),
    ] = None
    wait: Annotated[
        bool,
        Option(
            "Wait as long as the server asks, for days if need be, instead of stopping.",
            SENDING,
            ALWAYS,
            section="pace",
        ),
    ] = False

    # What is sent, and what holds it back
    on_conflict: Annotated[
        str | None,
        Option(
            "Rows of one lead that disagree: error (default) or last-wins.",
            INPUT,
            ALWAYS,
            section="input",
        ),
    ] = None
    max_errors: Annotated[
        str | None,
        Option(
            "Stop when more rows end in error: a number, or a share of the last 200 such as 50%.",
            SAFETY,
            ALWAYS,
            section="run",
        ),
    ] = None
    skip_unchanged: Annotated[
        str | None,
        Option(
            "Leave out rows that are already set: auto (reads as long as it pays), always, never.",
            SENDING,
            ALWAYS,
            section="run",
        ),
    ] = None
    final_states: Annotated[
        str | None,
        Option(
            "The status of leads that were read and are completed, bounced, unsubscribed, replied "
            "or removed: leave (their tag alone is sent), send.",
            SENDING,
            ALWAYS,
            section="run",
        ),
    ] = None
    canary: Annotated[
        str | None,
        Option(
            "Send the first N changes alone, and the others only if those read back as set.",
            SAFETY,
            ALWAYS,
            metavar="N",
        ),
    ] = None
    keep_before: Annotated[
        bool,
        Option(
            "Read all leads first, so that every change can be undone.",
            SAFETY,
            ALWAYS,
            section="run",
        ),
    ] = False
    strict: Annotated[bool, Option("Send nothing if any row is invalid.", SAFETY, ALWAYS)] = False
    allow_clears: Annotated[
        bool, Option("Go on although more than half of the rows clear the tag.", SAFETY, ALWAYS)
    ] = False
    no_tag_check: Annotated[
        bool, Option("Don't check tags against the workspace's labels.", SAFETY, ALWAYS)
    ] = False
    skip_failed_workspaces: Annotated[
        bool,
        Option(
            "Send to the other workspaces where some can't be reached; their rows stay unsent.",
            SAFETY,
            ALWAYS,
        ),
    ] = False
    sandbox: Annotated[
        bool,
        Option(
            "Practise: send to a built-in imitation of SendKit that knows the file's leads.",
            SAFETY,
            ALWAYS,
        ),
    ] = False
    force: Annotated[
        bool,
        Option("Change leads also where they have changed since the plan was made.", SAFETY),
    ] = False
    new: Annotated[
        bool,
        Option("Start anew also where an earlier run of the same input broke off.", SAFETY),
    ] = False
    dry_run: Annotated[bool, Option("Judge and forecast; send and write nothing.", SAFETY)] = False
    yes: Annotated[
        bool,
        Option("Send without asking.", SAFETY, flags=("--yes", "-y")),
        Option("Remove without asking.", flags=("--yes", "-y"), only=("prune",)),
    ] = False

    on: Annotated[
        str | None,
        Option(
            "parts: make a part for each workspace, send nothing; `part` sends each.",
            SENDING,
            metavar="WHERE",
        ),
    ] = None
    index_base: Annotated[
        int, Option("What the first part is called: 0, or 1.", SENDING, bounds=(0, 1))
    ] = 0

    # What is shown and written
    out: Annotated[
        Path | None,
        Option("The run's folder, new or empty; else one below runs/.", OUTPUT),
        Option(
            "Write the files here, for example when the run's folder is read-only.",
            OUTPUT,
            only=("results", "report"),
        ),
        Option("The file to write, .csv or .xlsx.", OUTPUT, only=("export",)),
    ] = None
    shown_rows: Annotated[
        int,
        Option(
            "Show the first N leads that change, with what they were and become; 0: none.",
            OUTPUT,
            flags=("--show",),
            metavar="N",
            bounds=(0, 1000),
        ),
    ] = SHOWN_ROWS
    as_json: Annotated[
        bool, Option("One JSON object on standard output.", OUTPUT, flags=("--json",))
    ] = False
    quiet: Annotated[
        bool, Option("Only errors and the last line.", OUTPUT, flags=("--quiet", "-q"))
    ] = False
    opens: Annotated[bool, Option("Open the report in the browser.", OUTPUT, flags=("--open",))] = (
        False
    )
    problems: Annotated[
        Path | None, Option("Write all problems to this CSV file.", OUTPUT, metavar="FILE")
    ] = None
    with_retries: Annotated[
        bool,
        Option("The latest outcome of every row over the run and all its retries.", OUTPUT),
    ] = False
    attempts: Annotated[
        bool,
        Option("Write history.csv, too: every attempt of every row, as far as is known.", OUTPUT),
    ] = False

    # One command's own
    status: Annotated[str | None, Option("Only leads of this status.", INPUT)] = None
    tag: Annotated[str | None, Option("Only leads with this label; null: without.", INPUT)] = None
    older_than: Annotated[
        str, Option("How long ago they ended: 90d, 12w or 36h.", metavar="AGE")
    ] = "90d"
    forget: Annotated[
        bool,
        Option("Withdraw the approvals of ADDRESS, or all of them."),
        Option("Forget the mapping ID, or all of them.", only=("mappings",)),
    ] = False
    port: Annotated[
        int, Option("The page's port on this machine; 0: a free one.", bounds=(0, 65535))
    ] = 0
    no_open: Annotated[bool, Option("Print the address, don't open the browser.")] = False

    @property
    def path(self) -> Path | None:
        """The spreadsheet's path; None for standard input."""
        return None if self.file == STDIN else Path(self.file)

    @property
    def key_options(self) -> Words:
        """What a next command on the same run needs to find the key."""
        return ("--config", str(self.config)) if self.config else ()

    def repeated(self, repeat: Repeat, *, taken_by: str = "run") -> Words:
        """The options that a next command repeats, as words of a command that takes them."""
        return tuple(
            word
            for name, option in OPTIONS.items()
            if option.repeat is repeat and name in TAKEN_BY[taken_by]
            for words in option.words_for(name, getattr(self, name))
            for word in words
        )


_CONNECTION = "config base_url rate concurrency wait daily"
_READING = "mapping sheet header_row encoding delimiter campaign remembered no_remembered"
_OUTPUT = "as_json quiet"

# What each command takes, in the order of its help.
_TAKEN_BY = {
    "run": f"file {_CONNECTION} on out new yes dry_run strict on_conflict allow_invalid"
    " allow_clears expect_changes canary max_errors skip_unchanged final_states keep_before"
    f" {_READING} workspace no_tag_check skip_failed_workspaces shown_rows {_OUTPUT} opens sandbox",
    "check": "file config rate strict on_conflict allow_invalid allow_clears"
    f" {_READING} workspace problems {_OUTPUT}",
    "resume": f"run {_CONNECTION} max_errors yes shown_rows {_OUTPUT} opens",
    "part": f"run index index_base {_CONNECTION} {_OUTPUT}",
    "retry": f"run {_CONNECTION} max_errors skip_failed_workspaces out yes shown_rows {_OUTPUT}"
    " opens",
    "results": f"run with_retries attempts out {_OUTPUT}",
    "report": f"run opens out {_OUTPUT}",
    "plan": f"file {_CONNECTION} out strict on_conflict allow_invalid final_states {_READING}"
    f" workspace no_tag_check shown_rows {_OUTPUT}",
    "apply": f"run {_CONNECTION} max_errors force allow_clears expect_changes canary yes"
    f" shown_rows {_OUTPUT} opens",
    "undo": f"run {_CONNECTION} max_errors out expect_changes canary yes shown_rows {_OUTPUT}"
    " opens",
    "export": f"campaigns status tag out {_CONNECTION} {_OUTPUT}",
    "verify": f"run {_CONNECTION} {_OUTPUT}",
    "web": "config base_url rate port no_open",
    "trust": f"address forget {_OUTPUT}",
    "mappings": f"mapping_id forget {_OUTPUT}",
    "help": "topic",
    "demo": "rate quiet opens",
    "runs": _OUTPUT,
    "show": f"run {_OUTPUT}",
    "prune": f"older_than yes {_OUTPUT}",
}
TAKEN_BY: Mapping[str, tuple[str, ...]] = {
    command: tuple(taken.split()) for command, taken in _TAKEN_BY.items()
}

_DECLARED: Mapping[str, tuple[Argument | Option, ...]] = {
    name: get_args(hint)[1:]
    for name, hint in get_type_hints(CliOptions, include_extras=True).items()
}
OPTIONS: Mapping[str, Option] = {
    name: first for name, (first, *_) in _DECLARED.items() if isinstance(first, Option)
}


def declaration(name: str, command: str) -> Argument | Option:
    """How a field of CliOptions is declared for a command that takes it."""
    first, *others = _DECLARED[name]
    of_command = (each for each in others if isinstance(each, Option) and command in each.only)
    return next(of_command, first)
