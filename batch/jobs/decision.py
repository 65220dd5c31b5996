"""What a yes would mean, counted from what is left to send. Sends nothing, and asks no server."""

from collections import Counter
from pathlib import Path

import polars as pl

from batch.jobs.request import Request, command
from batch.jobs.work import Work
from batch.judging.plan import Plan
from batch.judging.totals import Effect, numbers
from batch.model import Tally, Webhooks
from batch.wording.decision import Decision
from batch.wording.questions import Basis

# What is known of leads: line of the row that carries the request, status, ai_tag ("" for none).
KNOWN = pl.Schema({"line": pl.UInt32, "status": pl.String, "ai_tag": pl.String})


def decision_of(  # noqa: PLR0913 - all that a yes means
    plan: Plan,
    work: Work,
    known: pl.DataFrame,
    *,
    request: Request,
    folder: Path,
    workspace: str | None,
    base_url: str,
    forecast: tuple[float, Basis],
    webhooks: Webhooks,
    effect: Effect | None = None,
    sets_back: bool,
) -> Decision:
    """What sending the rest of a plan means.

    known: of the leads that were read, what they are, with the columns of KNOWN.
    effect: of all of it, for a run that begins; None for one that is gone on with.
    sets_back: whether it takes another run's changes back.
    """
    counts, tags, unread = Counter[str](), Counter[str](), 0
    for part in work.sets():
        counts += numbers(part)
        tags.update(dict(part["ai_tag"].drop_nulls().value_counts().iter_rows()))
        unread += part.filter(~pl.col("line").is_in(known["line"].implode())).height
    left_out = work.left_out.tally if work.left_out else Tally()
    sent_rows = plan.rows - work.before.total()
    rest = Effect(
        requests=work.requests,
        sendable_rows=sent_rows,
        clears_rows=0,
        to_active=counts["to_active"],
        to_paused=counts["to_paused"],
        tags_set=counts["tags_set"],
        tags_cleared=counts["tags_cleared"],
    )
    is_practice = request.session.sandbox
    return Decision(
        effect=effect or rest,
        tags=tags,
        unread=unread,
        rows=plan.rows,
        sent_rows=sent_rows,
        judged=plan.tally,
        left_out=left_out,
        done=Tally(work.before - plan.tally - left_out),
        run=str(folder),
        workspace=workspace,
        base_url=base_url,
        forecast_s=forecast[0],
        basis=forecast[1],
        goes_on_of=None if effect else plan.requests,
        sets_back=sets_back,
        webhooks=webhooks,
        take_back=""
        if is_practice or sets_back
        else command("undo", str(folder), *request.key_options),
        clear_word=request.settings.input.clear_word,
    )
