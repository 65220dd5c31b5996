"""`export` in a terminal: what it asks the server, shows while it reads, and says at the end."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from batch.api.sendkit import Access, SendKit
from batch.jobs.exporting import Exported, Wanted, check_wanted, export
from batch.jobs.preflight import ask_server
from batch.jobs.reaching import make_client
from batch.jobs.request import command
from batch.settings.declarations import Repeat
from batch.settings.model import Settings
from batch.settings.options import CliOptions
from batch.terminal.checking import load
from batch.terminal.console import Terminal, guarded
from batch.terminal.gate import key_of, open_gate
from batch.terminal.reading_screen import ReadingScreen
from batch.terminal.signals import Interrupts
from batch.wording.amounts import count_of


def export_leads(options: CliOptions, interrupts: Interrupts) -> int:
    """`export`: campaigns' leads as a spreadsheet. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def do() -> int:
        loaded = load(terminal, options)
        clear_word = loaded.settings.input.clear_word
        untagged = options.tag is not None and options.tag.lower() == clear_word.lower()
        wanted = Wanted(
            campaigns=options.campaigns,
            status=options.status.lower() if options.status else None,
            tag="" if untagged else options.tag,
            out=options.out or Path(f"leads-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"),
        )
        check_wanted(wanted)
        access = open_gate(terminal, loaded, key_of(terminal, loaded, os.environ))
        exported = interrupts.run(
            lambda: _export(terminal, options, loaded.settings, access, wanted)
        )
        return _tell(terminal, options, exported)

    return guarded(terminal, do)


async def _export(
    terminal: Terminal, options: CliOptions, settings: Settings, access: Access, wanted: Wanted
) -> Exported:
    async with make_client(access, settings.http, connections=settings.pace.concurrency) as api:
        await _name_workspace(terminal, api, access)
        with ReadingScreen(terminal, shown=not options.quiet) as progress:
            return await export(api, settings, wanted, on_reading=progress.show)


async def _name_workspace(terminal: Terminal, api: SendKit, access: Access) -> None:
    """Prove the key, and say whose leads are read."""
    preflight = await ask_server(api, workspace_id=access.workspace_id, tag_check=False)
    for note in preflight.notes:
        terminal.note(note)
    if preflight.workspace:
        terminal.note(f"Workspace: {preflight.workspace.name} ({access.base_url})")


def _tell(terminal: Terminal, options: CliOptions, exported: Exported) -> int:
    what = f"{count_of(exported.leads, 'lead')} of {count_of(exported.campaigns, 'campaign')}"
    answer = {
        "state": "exported",
        "exit_code": 0,
        "file": str(exported.path),
        "leads": exported.leads,
        "campaigns": exported.campaigns,
        "requests": exported.requests,
    }
    words = options.repeated(Repeat.ALWAYS, taken_by="plan")
    next_command = command("plan", str(exported.path), *words)
    terminal.end(
        f"exported: {what}; file: {exported.path}; next: edit it, then {next_command}",
        answer=json.dumps(answer),
    )
    return 0
