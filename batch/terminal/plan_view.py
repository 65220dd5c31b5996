"""What a plan and a verification look like in a terminal, as tables."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batch.jobs.planned import Planned, PlannedPart
from batch.jobs.verify import Verified
from batch.model import Reason, Result
from batch.terminal.decision_view import print_diff
from batch.terminal.prose import print_sentences, print_whole
from batch.terminal.summary import problem_table
from batch.visible import visible
from batch.wording.amounts import count_of, duration
from batch.wording.parts import tallies_together
from batch.wording.questions import NO_TAG, workspace_words
from batch.wording.reasons import VERDICT_WORDS

FIRST = 20  # campaigns, changes and differences that are shown


def print_plan(console: Console, planned: Planned) -> None:
    """What would be sent and what not, and what it would change."""
    ready, preview = planned.ready, planned.preview
    effect = preview.effect()
    where = workspace_words(ready.workspace.name if ready.workspace else None)
    if planned.is_of_several:
        where = count_of(len(planned.parts), "workspace")
    name = ready.opened.input.name
    rows = count_of(planned.rows, "row")
    console.print(Text.assemble((visible(name), "bold"), f": {rows}, {visible(where)}"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for verdict, count in preview.rows_by_verdict().items():
        table.add_row(
            f"{count:,}", Text(VERDICT_WORDS[verdict], style="" if verdict.is_sent else "dim")
        )
    judged = planned.judged
    for reason in Reason:
        if count := judged[reason]:
            style = "red" if reason.result is Result.ERROR else "dim"
            table.add_row(f"{count:,}", Text(f"{reason.result} {reason}", style=style))
    console.print(table)
    _print_parts(console, planned.parts)
    _print_changes(console, "Status", preview.status_changes())
    tags = pl.col("before", "after").replace(preview.clear_word, NO_TAG)
    _print_changes(console, "aiTag", preview.tag_changes().with_columns(tags))
    _print_campaigns(console, preview.by_campaign(), planned.campaigns)
    if problems := planned.first_wrong(FIRST):
        console.print()
        console.print(problem_table(problems))
        _print_rest(console, planned.tally.error, "wrong rows", all_in="plan.csv")
    # Where this is no screen it may be a log, in which nobody is to be named.
    if ready.question.diff and console.file.isatty():
        console.print()
        print_diff(console, ready.question)
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
    effect = planned.preview.effect()
    pages = count_of(planned.reading, "request")
    without = planned.requests_without_reading
    yield (
        f"{count_of(effect.requests, 'request')} to send instead of {without:,}; "
        f"reading took {pages}."
    )
    if effect.requests:
        yield f"Sending takes about {duration(planned.ready.forecast_s)} at the present pace."


def _print_parts(console: Console, parts: Sequence[PlannedPart]) -> None:
    """A line for each of several workspaces, those with the most changed tags first."""
    if not parts:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Workspace", overflow="fold")
    for name in ("Rows", "Will change", "Tags", "Wrong"):
        table.add_column(name, justify="right")
    effects = [(part, part.preview.effect()) for part in parts]
    effects.sort(key=lambda both: (-both[1].tag_changes, -both[1].requests))
    for part, effect in effects[:FIRST]:
        wrong = tallies_together(part.plan.tally, part.preview.tally).error
        counts = (part.part.rows, effect.requests, effect.tag_changes, wrong)
        table.add_row(Text(visible(part.part.name)), *(f"{count:,}" for count in counts))
    console.print()
    console.print(table)
    _print_rest(console, len(parts), "workspaces")


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


def _print_campaigns(console: Console, campaigns: pl.DataFrame, names: Mapping[str, str]) -> None:
    """Campaigns by name; those whose name is not known, or that share it, by id."""
    if campaigns.is_empty():
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Campaign", overflow="fold")
    for name in ("Will change", "Already so", "Other"):
        table.add_column(name, justify="right")
    uses = Counter(names.values())
    for campaign_id, *counts in campaigns.head(FIRST).iter_rows():
        name = names.get(campaign_id, "")
        shown = name if uses[name] == 1 and name else campaign_id
        table.add_row(Text(visible(shown)), *(f"{count:,}" for count in counts))
    console.print()
    console.print(table)
    _print_rest(console, len(campaigns), "campaigns")


def _print_rest(console: Console, total: int, what: str, *, all_in: str = "--json") -> None:
    if total > FIRST:
        print_sentences(console, f"… and {total - FIRST:,} more {what}; {all_in} has all of them.")


def print_differences(console: Console, verified: Verified) -> None:
    """The first values that are not there, as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("Line", "Column", "Set by the run", "Now"):
        table.add_column(name, justify="right" if name == "Line" else "left", overflow="fold")
    for line, _, _, column, wanted, found in verified.different.head(FIRST).iter_rows():
        table.add_row(f"{line:,}", column, visible(wanted), visible(found))
    console.print(table)
    left = len(verified.different) - FIRST
    if left > 0:
        print_sentences(console, f"… and {left:,} more in {verified.path}")
