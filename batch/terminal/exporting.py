"""`export` in a terminal: what it asks the server, shows while it reads, and says at the end."""

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import anyio
from rich.live import Live
from rich.text import Text

from batch.api.sendkit import Access, SendKit
from batch.jobs.exporting import Exported, Reading, Wanted, check_wanted, export
from batch.jobs.preflight import ask_server
from batch.jobs.question import count_of
from batch.jobs.reaching import make_client
from batch.jobs.request import command
from batch.settings.credentials import read_credentials
from batch.settings.load import LoadedSettings
from batch.terminal.checking import load
from batch.terminal.console import Terminal, guarded
from batch.terminal.given import Given
from batch.terminal.signals import Interrupts

LINE_EVERY_S = 30.0  # where nothing can be redrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of `export`, beside the options that it shares with other commands."""

    campaigns: tuple[str, ...]
    status: str | None
    tag: str | None
    out: Path | None


def export_leads(asked: Asked, given: Given, interrupts: Interrupts) -> int:
    """`export`: campaigns' leads as a spreadsheet. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=given.quiet, as_json=given.as_json)

    def do() -> int:
        loaded = load(terminal, given)
        clear_word = loaded.settings.input.clear_word
        untagged = asked.tag is not None and asked.tag.lower() == clear_word.lower()
        wanted = Wanted(
            campaigns=asked.campaigns,
            status=asked.status.lower() if asked.status else None,
            tag="" if untagged else asked.tag,
            out=asked.out or Path(f"leads-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"),
        )
        check_wanted(wanted)
        exported = anyio.run(_export, terminal, given, loaded, wanted)
        return _tell(terminal, exported)

    return guarded(terminal, do)


async def _export(
    terminal: Terminal, given: Given, loaded: LoadedSettings, wanted: Wanted
) -> Exported:
    settings = loaded.settings
    credentials = read_credentials(settings, os.environ)
    terminal.key = credentials.api_key
    for note in credentials.notes:
        terminal.note(note)
    access = Access(
        base_url=settings.api.base_url,
        api_key=credentials.api_key,
        workspace_id=credentials.workspace_id,
    )
    async with make_client(access, settings.http, connections=settings.pace.concurrency) as api:
        await _name_workspace(terminal, api, access)
        with _Progress(terminal, shown=not given.quiet) as progress:
            return await export(api, settings, wanted, on_reading=progress.show)


async def _name_workspace(terminal: Terminal, api: SendKit, access: Access) -> None:
    """Prove the key, and say whose leads are read."""
    preflight = await ask_server(api, workspace_id=access.workspace_id, tag_check=False)
    for note in preflight.notes:
        terminal.note(note)
    if preflight.workspace:
        terminal.note(f"Workspace: {preflight.workspace.name} ({access.base_url})")


class _Progress:
    """One line that is redrawn, or now and then a line of a log."""

    def __init__(self, terminal: Terminal, *, shown: bool) -> None:
        self._terminal = terminal
        self._shown = shown
        live = shown and terminal.err.file.isatty() and not terminal.err.is_dumb_terminal
        self._live = Live(console=terminal.err, transient=True) if live else None
        self._next_at = time.monotonic() + LINE_EVERY_S

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, reading: Reading) -> None:
        """Show how far it is."""
        if self._live:
            self._live.update(Text(reading_line(reading), style="dim"))
        elif self._shown and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + LINE_EVERY_S
            self._terminal.note(reading_line(reading))


def reading_line(reading: Reading) -> str:
    """As "12,300 leads read; 2 of 3 campaigns whole; 9.5 requests a second"."""
    line = (
        f"{count_of(reading.leads, 'lead')} read; "
        f"{reading.campaigns_read:,} of {count_of(reading.campaigns, 'campaign')} whole; "
        f"{reading.pace.rate_per_s:,.1f} requests a second"
    )
    if reading.pace.hold_left_s >= 1:
        line += f"; held back for {reading.pace.hold_left_s:.0f} s more"
    return line


def _tell(terminal: Terminal, exported: Exported) -> int:
    what = f"{count_of(exported.leads, 'lead')} of {count_of(exported.campaigns, 'campaign')}"
    answer = {
        "state": "exported",
        "exit_code": 0,
        "file": str(exported.path),
        "leads": exported.leads,
        "campaigns": exported.campaigns,
        "requests": exported.requests,
    }
    next_command = command("check", str(exported.path))
    terminal.end(
        f"exported: {what}; file: {exported.path}; next: edit it, then {next_command}",
        answer=json.dumps(answer),
    )
    return 0
