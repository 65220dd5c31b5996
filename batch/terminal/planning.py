"""`plan` in a terminal: what it asks the server, and what it shows of a plan."""

import os
from collections.abc import Iterator
from dataclasses import replace

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batch.jobs import opening
from batch.jobs.diff_leads import Look
from batch.jobs.planning import Planned, keep_plan
from batch.jobs.requesting import request_of
from batch.model import Reason, Result
from batch.settings.options import CliOptions
from batch.terminal import report_json, summary
from batch.terminal.checking import header_only, load
from batch.terminal.console import Terminal, guarded
from batch.terminal.gate import key_of, open_gate
from batch.terminal.looking import look_whole
from batch.terminal.looking_up import look_up_leads
from batch.terminal.prose import print_sentences, print_whole
from batch.terminal.sending import ask_server
from batch.terminal.signals import Interrupts
from batch.visible import visible
from batch.wording.amounts import count_of, duration
from batch.wording.reasons import VERDICT_WORDS

FIRST = 20  # campaigns and changes that are shown


def plan(options: CliOptions, interrupts: Interrupts) -> int:
    """`plan`: what a spreadsheet would change, held against what is. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _plan(terminal, options))


def _plan(terminal: Terminal, options: CliOptions) -> int:
    loaded = load(terminal, options)
    access = open_gate(terminal, loaded, key_of(terminal, loaded, os.environ))
    request = replace(request_of(options, loaded, access), is_planned=True)
    with opening.open_run(request) as opened:
        preflight = ask_server(terminal, opened)
        look_up_leads(terminal, options, opened, preflight)
        judged = opened.judge(preflight)
        seen = look_whole(terminal, judged, Look(), quiet=options.quiet)
        ready = judged.ready(seen, can_ask=True)
        for warning in ready.question.warnings:
            terminal.note(warning)
        if not judged.plan.rows:
            terminal.note(header_only(request.source.name))
        terminal.interrupts.check()
        planned = keep_plan(ready, seen)
    if not (options.as_json or options.quiet):
        print_plan(terminal.out, planned)
    is_to_mend = planned.tally.error and not ready.work.requests
    mend = "mend the problems, then " if is_to_mend else ""
    line = summary.last_line(
        "planned",
        planned.tally,
        results=planned.sheet,
        next_command=planned.next_command and f"{mend}{planned.next_command}",
    )
    terminal.end(line, answer=report_json.planned(planned))
    return planned.exit_code


def print_plan(console: Console, planned: Planned) -> None:
    """What would be sent and what not, and what it would change."""
    ready, preview = planned.ready, planned.diff.preview
    effect = preview.effect()
    where = ready.workspace.name if ready.workspace else "an unknown workspace"
    name = ready.opened.input.name
    rows = count_of(ready.plan.rows, "row")
    console.print(Text.assemble((visible(name), "bold"), f": {rows}, workspace {visible(where)}"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for verdict, count in preview.rows_by_verdict().items():
        table.add_row(
            f"{count:,}", Text(VERDICT_WORDS[verdict], style="" if verdict.is_sent else "dim")
        )
    for reason in Reason:
        if count := ready.plan.tally[reason]:
            style = "red" if reason.result is Result.ERROR else "dim"
            table.add_row(f"{count:,}", Text(f"{reason.result} {reason}", style=style))
    console.print(table)
    _print_changes(console, "Status", preview.status_changes())
    _print_changes(console, "aiTag", preview.tag_changes())
    _print_campaigns(console, preview.by_campaign())
    console.print()
    for sentence in _sentences(planned):
        print_sentences(console, sentence)
    if effect.tag_changes:
        leads = (
            "1 lead's tag changes"
            if effect.tag_changes == 1
            else f"{effect.tag_changes:,} leads' tags change"
        )
        print_sentences(console, f"{leads}: that can start or stop e-mails.", style="yellow")
    if ready.question.why:
        print_sentences(console, ready.question.why, style="yellow")
    print_whole(console, f"every row: {planned.sheet}")


def _sentences(planned: Planned) -> Iterator[str]:
    ready, effect = planned.ready, planned.diff.preview.effect()
    pages = count_of(planned.diff.requests, "request")
    without = ready.plan.requests
    yield (
        f"{count_of(effect.requests, 'request')} to send instead of {without:,}; "
        f"reading took {pages}."
    )
    if effect.requests:
        yield f"Sending takes about {duration(ready.forecast_s)} at the present pace."


def _print_changes(console: Console, title: str, changes: pl.DataFrame) -> None:
    if changes.is_empty():
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Leads", justify="right")
    table.add_column(title, overflow="fold")
    for before, after, leads in changes.head(FIRST).iter_rows():
        table.add_row(f"{leads:,}", Text(visible(f"{before} → {after}")))
    console.print()
    console.print(table)
    _print_rest(console, len(changes), "changes")


def _print_campaigns(console: Console, campaigns: pl.DataFrame) -> None:
    if campaigns.is_empty():
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Campaign", overflow="fold")
    for name in ("Will change", "Already so", "Other"):
        table.add_column(name, justify="right")
    for campaign_id, *counts in campaigns.head(FIRST).iter_rows():
        table.add_row(Text(visible(campaign_id)), *(f"{count:,}" for count in counts))
    console.print()
    console.print(table)
    _print_rest(console, len(campaigns), "campaigns")


def _print_rest(console: Console, total: int, what: str) -> None:
    if total > FIRST:
        print_sentences(console, f"… and {total - FIRST:,} more {what}; --json has all of them.")
