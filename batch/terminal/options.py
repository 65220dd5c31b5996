"""The options that commands share: each once, with its help. The names are a promise to users."""

from pathlib import Path
from typing import Annotated

import typer

INPUT = "Input"
SENDING = "Sending"
SAFETY = "Safety"
OUTPUT = "Output"

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="The spreadsheet: CSV, TSV, XLSX, XLS, ODS or Parquet; - is stdin."
    ),
]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="An earlier run: its folder, or that folder's name.")
]
Campaigns = Annotated[
    list[str], typer.Argument(metavar="CAMPAIGN…", help="Campaigns: their ids or names.")
]
LeadStatus = Annotated[
    str | None, typer.Option("--status", help="Only leads of this status.", rich_help_panel=INPUT)
]
LeadTag = Annotated[
    str | None,
    typer.Option("--tag", help="Only leads with this label; null: without.", rich_help_panel=INPUT),
]
LeadFile = Annotated[
    Path | None,
    typer.Option("--out", help="The file to write, .csv or .xlsx.", rich_help_panel=OUTPUT),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="Settings file; else sendkit-batch.toml here, else in the user's configuration.",
        rich_help_panel=SENDING,
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(help="The API's address: https, or this machine.", rich_help_panel=SENDING),
]
RunConfig = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file: its key file counts, and so what it says of a run that is not listed.",
        rich_help_panel=SENDING,
    ),
]
RunBaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="Confirms the run's address, for a run that is not in your list; changes nothing.",
        rich_help_panel=SENDING,
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        help="Requests: auto, or at most so many a second, or as 60/min.", rich_help_panel=SENDING
    ),
]
Concurrency = Annotated[
    str | None,  # a text, so that a wrong one is told as any other setting
    typer.Option(help="Requests under way at once, 1 to 1000.", rich_help_panel=SENDING),
]
MaxErrors = Annotated[
    str | None,
    typer.Option(
        help="Stop when more rows than this end in error: a number, or as 50% of the last 200.",
        rich_help_panel=SAFETY,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="The run's folder, new or empty; else one below runs/.", rich_help_panel=OUTPUT
    ),
]
FilesOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Another folder for the files, as of a run in a folder that can't be written.",
        rich_help_panel=OUTPUT,
    ),
]
New = Annotated[
    bool,
    typer.Option(
        "--new",
        help="Start anew also where an earlier run of the same input broke off.",
        rich_help_panel=SAFETY,
    ),
]
WithRetries = Annotated[
    bool,
    typer.Option(
        "--with-retries",
        help="The latest outcome of every row over the run and all its retries.",
        rich_help_panel=OUTPUT,
    ),
]
OlderThan = Annotated[
    str,
    typer.Option(metavar="AGE", help="How long ago they ended: 90d, 12w or 36h."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Send without asking.", rich_help_panel=SAFETY)
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Judge and forecast; send and write nothing.", rich_help_panel=SAFETY
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Send nothing if any row is invalid.", rich_help_panel=SAFETY),
]
OnConflict = Annotated[
    str | None,
    typer.Option(
        help="Rows of one lead that disagree: error (default) or last-wins.",
        rich_help_panel=INPUT,
    ),
]
AllowInvalid = Annotated[
    bool,
    typer.Option(
        "--allow-invalid",
        help="Go on although more than half of the rows are invalid.",
        rich_help_panel=SAFETY,
    ),
]
ExpectChanges = Annotated[
    str | None,
    typer.Option(
        help="Send only if so many leads' tags change: a number, or as 100-150.",
        rich_help_panel=SAFETY,
    ),
]
SkipUnchanged = Annotated[
    str | None,
    typer.Option(
        help="Leave out rows that are already so: auto (reads as long as it pays), always, never.",
        rich_help_panel=SENDING,
    ),
]
KeepBefore = Annotated[
    bool,
    typer.Option(
        "--keep-before",
        help="Read all leads first, so that every change can be undone.",
        rich_help_panel=SAFETY,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Change leads also where they have changed since the plan was made.",
        rich_help_panel=SAFETY,
    ),
]
Canary = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Send the first N changes alone, and the others only if those read back as set.",
        rich_help_panel=SAFETY,
    ),
]
AllowClears = Annotated[
    bool,
    typer.Option(
        "--allow-clears",
        help="Go on although more than half of the rows clear the tag.",
        rich_help_panel=SAFETY,
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=HEADER",
        help='Another header name, as campaignId="Campaign"; may be repeated.',
        rich_help_panel=INPUT,
    ),
]
Sheet = Annotated[str | None, typer.Option(help="The sheet of a workbook.", rich_help_panel=INPUT)]
Encoding = Annotated[
    str | None,
    typer.Option(help="The encoding of a text file, as cp1252.", rich_help_panel=INPUT),
]
Delimiter = Annotated[
    str | None, typer.Option(help="What separates the columns.", rich_help_panel=INPUT)
]
Campaign = Annotated[
    str | None,
    typer.Option(
        help="The campaign of rows with an e-mail address that name none: its name or id.",
        rich_help_panel=INPUT,
    ),
]
NoTagCheck = Annotated[
    bool,
    typer.Option(
        "--no-tag-check",
        help="Don't check tags against the workspace's labels.",
        rich_help_panel=SAFETY,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on standard output.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Only errors and the last line.", rich_help_panel=OUTPUT),
]
Open = Annotated[
    bool,
    typer.Option("--open", help="Open the report in the browser.", rich_help_panel=OUTPUT),
]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Practise: send to a built-in imitation of SendKit that knows the file's leads.",
        rich_help_panel=SAFETY,
    ),
]
Problems = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write all problems to this CSV file.", rich_help_panel=OUTPUT
    ),
]
