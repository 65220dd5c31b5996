"""`mappings` in a terminal: the mappings of columns that this user has confirmed, and their end."""

import json

from batch.errors import SettingsError
from batch.recording.mappings import KnownMapping, forget_mappings, known_mappings
from batch.recording.state import default_state_dir
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal
from batch.terminal.endings import guarded
from batch.terminal.last_lines import End, Next
from batch.terminal.prose import print_whole
from batch.terminal.signals import Interrupts
from batch.visible import visible
from batch.wording.amounts import count_of

_HEADERS = 8  # of a file that are listed
_CHARACTERS = 40  # of each


def mappings(options: CliOptions, interrupts: Interrupts) -> int:
    """`mappings`: list what was confirmed, or forget it. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def do() -> int:
        if options.forget:
            return _forget(terminal, options.mapping_id)
        if options.mapping_id is not None:
            raise SettingsError(
                "mappings: found the id of a mapping without --forget. Add --forget to forget it."
            )
        return _list(terminal, as_json=options.as_json)

    return guarded(terminal, do)


def _list(terminal: Terminal, *, as_json: bool) -> int:
    known = known_mappings(default_state_dir())
    if not as_json:
        for each in known:
            print_whole(terminal.out, f"{each.id}  confirmed {each.since} UTC  {_told(each)}")
    forget = Next(command="sendkit-batch mappings ID --forget", does="forgets one")
    found = [
        {
            "id": each.id,
            "since": each.since,
            "headers": each.headers,
            "columns": {str(column): header for column, header in each.columns.items()},
        }
        for each in known
    ]
    answer = {"state": "listed", "exit_code": 0, "mappings": found}
    end = End(
        state="listed",
        came=count_of(len(known), "mapping"),
        next=forget if known else Next(),
        headline="" if known else "No mapping is remembered.",
    )
    terminal.end(end, answer=json.dumps(answer))
    return 0


def _told(known: KnownMapping) -> str:
    columns = ", ".join(f"{column} is {_short(header)}" for column, header in known.columns.items())
    more = len(known.headers) - _HEADERS
    headers = ", ".join(map(_short, known.headers[:_HEADERS]))
    return f"{columns}; in a file of {headers}{f' and {more:,} more' if more > 0 else ''}"


def _short(header: str) -> str:
    cut = header if len(header) <= _CHARACTERS else header[:_CHARACTERS] + "…"
    return f'"{visible(cut)}"'


def _forget(terminal: Terminal, mapping_id: str | None) -> int:
    gone = forget_mappings(default_state_dir(), mapping_id)
    if mapping_id is not None and not gone:
        raise SettingsError(
            f"mappings: no mapping has the id {_short(mapping_id)}. "
            "`sendkit-batch mappings` lists what is remembered."
        )
    what = count_of(gone, "mapping") if gone else "nothing, as nothing was remembered"
    answer = {"state": "forgotten", "exit_code": 0, "mappings": gone}
    end = End(state="forgotten", came=what, headline=f"Forgotten: {what}.")
    terminal.end(end, answer=json.dumps(answer))
    return 0
