"""What a yes would mean, counted from what is left to send. Sends nothing, and asks no server.

Names and e-mail addresses of people are in the diff's rows alone, which are shown and not kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

import polars as pl

from batch.api.lists import Workspace
from batch.columns import name_key
from batch.errors import BatchError
from batch.jobs.opening import OpenRun
from batch.jobs.request import Request, command
from batch.jobs.work import Work
from batch.judging.leads import LEAD
from batch.judging.plan import Plan
from batch.judging.totals import Effect, numbers
from batch.lines import only_lines
from batch.model import MOVES, Change, Tally, Webhooks
from batch.reading.table import Table
from batch.recording.history import own_runs
from batch.recording.journal import JOURNAL_NAME, Journal
from batch.recording.runfile import RunWorkspace
from batch.recording.snapshot import LEADS_NOW, Snapshot
from batch.wording.decision import Decision, Moved
from batch.wording.questions import Basis, DiffRow, Values

# What is known of leads: line of the row that carries the request, status, ai_tag ("" for none).
KNOWN = pl.Schema({"line": pl.UInt32, "status": pl.String, "ai_tag": pl.String})

# The user's own columns that say whom or what a row is about, as `name_key` has their names.
_KNOWN = {
    **dict.fromkeys(("name", "fullname", "leadname", "contactname"), "name"),
    **dict.fromkeys(("firstname", "givenname"), "first"),
    **dict.fromkeys(("lastname", "surname", "familyname"), "last"),
    **dict.fromkeys(("email", "emailaddress", "mail"), "email"),
    **dict.fromkeys(("campaign", "campaignname"), "campaign"),
}
_READ_TO = 100_000  # the last line whose own columns are looked up: reading takes a second
_ID_ENDING = 8
_LATEST_RUNS = 3  # of those that moved leads, whose journals are looked at
_NONE = "null"  # a cleared tag, as the server tells it
_TEXTS = dict.fromkeys(LEAD, pl.String)


def decision_of(  # noqa: PLR0913 - all that a yes means
    plan: Plan,
    work: Work,
    known: pl.DataFrame,
    *,
    opened: OpenRun,
    workspace: Workspace | RunWorkspace | None,
    forecast: tuple[float, Basis],
    webhooks: Webhooks,
    campaigns: Mapping[str, str],
    effect: Effect | None,
    is_shown: bool,
) -> Decision:
    """What sending the rest of a plan means.

    known: of the leads that were read, what they are, with the columns of KNOWN, by line.
    effect: of all of it, for a run that begins; None for one that is gone on with.
    campaigns: names, by id, as far as they are known. is_shown: whether somebody is shown all of
    it; else leads are neither named nor what their tags did before.
    """
    request, folder, base_url = opened.request, opened.folder.path, opened.access.base_url
    sets_back = opened.undo_of is not None
    counts, tags, unread = Counter[str](), Counter[str](), 0
    for part in work.sets():
        if effect is None:
            counts += numbers(part)
        tags.update(dict(part["ai_tag"].drop_nulls().value_counts().iter_rows()))
        unread += part.height - only_lines(part, known["line"]).height
    left_out = work.left_out.tally if work.left_out else Tally()
    sent_rows = plan.rows - work.before.total()
    goes_on_of = None if effect else plan.requests
    effect = effect or Effect(
        requests=work.requests,
        sendable_rows=sent_rows,
        clears_rows=0,
        to_active=counts["to_active"],
        to_paused=counts["to_paused"],
        tags_set=counts["tags_set"],
        tags_cleared=counts["tags_cleared"],
    )
    is_practice = request.session.sandbox
    asked_tags = {*tags, *([_NONE] if effect.tags_cleared else [])}
    return Decision(
        effect=effect,
        tags=tags,
        unread=unread,
        rows=plan.rows,
        sent_rows=sent_rows,
        judged=plan.tally,
        left_out=left_out,
        done=Tally(work.before - plan.tally - left_out),
        run=str(folder),
        workspace=workspace.name if workspace else None,
        base_url=base_url,
        forecast_s=forecast[0],
        basis=forecast[1],
        goes_on_of=goes_on_of,
        sets_back=sets_back,
        webhooks=webhooks,
        moved=_moved(request, workspace, base_url, asked_tags, but=folder) if is_shown else (),
        canary=request.guardrails.canary,
        take_back=""
        if is_practice or sets_back
        else command("undo", str(folder), *request.key_options),
        keeps_before=request.settings.run.keep_before,
        diff=_diff(work, known, request, opened.table, Snapshot(folder / LEADS_NOW), campaigns)
        if is_shown
        else (),
        is_practice=is_practice,
    )


def _moved(
    request: Request,
    workspace: Workspace | RunWorkspace | None,
    base_url: str,
    tags: set[str],
    *,
    but: Path,
) -> tuple[Moved, ...]:
    """What these tags have done with leads in subsequences, by the latest runs in the workspace.

    but: the folder of this run, whose journal is open.
    """
    if not tags or workspace is None or request.session.sandbox:
        return ()
    wanted, found = {tag.casefold() for tag in tags}, set[tuple[str, str, str]]()
    with_moves = (
        run
        for run in own_runs(request.session.state_dir, Path(request.settings.run.runs_dir))
        if run.record.moves
        and run.record.base_url == base_url
        and run.record.workspace
        and run.record.workspace.id == workspace.id
        and run.folder.resolve() != but.resolve()
    )
    for run in islice(with_moves, _LATEST_RUNS):
        # Of what can't be read nothing is known: another process may be at work on it.
        with suppress(BatchError), closing(Journal.look(run.folder / JOURNAL_NAME)) as journal:
            found |= journal.moved_by_tag()
    return tuple(
        Moved(tag, action, subsequence)
        for tag, action, subsequence in sorted(found)
        if tag.casefold() in wanted and action in MOVES
    )


def _diff(
    work: Work,
    known: pl.DataFrame,
    request: Request,
    table: Table,
    snapshot: Snapshot,
    campaigns: Mapping[str, str],
) -> tuple[DiffRow, ...]:
    """The first rows of what is left to send."""
    changes = list(islice(work.changes(), request.session.shown_rows))
    lines = pl.Series("line", [change.lines[0] for change in changes], dtype=pl.UInt32)
    was = {
        line: Values(status, tag)
        for line, status, tag in known.filter(pl.col("line").is_in(lines.implode()))
        .select("line", "status", "ai_tag")
        .iter_rows()
    }
    cells = _cells(table, lines)
    people = _people(snapshot, changes)
    rows = []
    for change in changes:
        line, tag = change.lines[0], "" if change.clear_tag else change.ai_tag
        own = cells.get(line, {})
        lead = (change.campaign_id, change.campaign_lead_id)
        rows.append(
            DiffRow(
                line=line,
                who=people.get(lead) or _who(own) or _ending(change.campaign_lead_id),
                campaign=campaigns.get(change.campaign_id)
                or own.get("campaign")
                or request.reading.campaign
                or _ending(change.campaign_id),
                was=was.get(line),
                becomes=Values(change.status, tag),
            )
        )
    return tuple(rows)


def _people(snapshot: Snapshot, changes: Sequence[Change]) -> Mapping[tuple[str, str], str]:
    """Who the leads are, of those that were read: the name, else the e-mail address."""
    ids = [(change.campaign_id, change.campaign_lead_id) for change in changes]
    leads = pl.DataFrame(ids, schema=list(LEAD), orient="row", schema_overrides=_TEXTS)
    columns = (*LEAD, "first_name", "last_name", "email")
    return {
        (campaign, lead): " ".join(filter(None, (first, last))) or email
        for campaign, lead, first, last, email in snapshot.find(leads).select(columns).iter_rows()
    }


def _cells(table: Table, lines: pl.Series) -> Mapping[int, Mapping[str, str]]:
    """What a person knows these rows by, from the user's own columns; of the first rows alone."""
    columns = {
        str(at): name_key(name) for at, name in enumerate(table.header) if name_key(name) in _KNOWN
    }
    wanted = lines.filter(lines <= _READ_TO)
    found: dict[int, Mapping[str, str]] = {}
    for frame in table.rows() if columns and len(wanted) else ():
        for row in only_lines(frame, wanted).select("line", *columns).iter_rows(named=True):
            texts = {columns[at]: text.strip() for at, text in row.items() if at != "line" and text}
            found[row["line"]] = {_KNOWN[key]: text for key, text in texts.items() if text}
        if frame["line"][-1] >= wanted[-1]:
            break
    return found


def _who(cells: Mapping[str, str]) -> str:
    both = " ".join(filter(None, (cells.get("first"), cells.get("last"))))
    return cells.get("name") or both or cells.get("email", "")


def _ending(id_: str) -> str:
    """The end of an id, by which one can be told from its neighbours."""
    return id_ if len(id_) <= _ID_ENDING else f"…{id_[-_ID_ENDING:]}"
