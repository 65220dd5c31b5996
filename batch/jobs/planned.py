"""A plan that is kept, of one workspace or of several, as front ends tell it."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl

from batch.columns import Naming
from batch.jobs.parts import OpenPart
from batch.jobs.ready import ReadyRun
from batch.jobs.request import command
from batch.judging.diff import Verdict
from batch.judging.explain import quoted
from batch.judging.explain_leads import LeadRow
from batch.judging.leads import REQUESTS
from batch.judging.plan import Problem
from batch.judging.preview import Preview
from batch.model import Field, Reason, Tally
from batch.recording.plan_file import KeptPlan
from batch.wording.parts import tallies_together

# Verdicts on rows that have to be mended: the column at fault, and what a request calls it.
_WRONG = {
    Verdict.UNKNOWN_LEAD: (Field.CAMPAIGN_LEAD_ID, "campaign_lead_id"),
    Verdict.OWN_ID: (Field.CAMPAIGN_LEAD_ID, "campaign_lead_id"),
    Verdict.UNKNOWN_CAMPAIGN: (Field.CAMPAIGN_ID, "campaign_id"),
    Verdict.BAD_STATUS: (Field.STATUS, "status"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPart:
    """What a plan does in one of several workspaces. preview: of what its leads are."""

    part: OpenPart
    plan: KeptPlan
    preview: Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that is kept.

    ready: of several workspaces the whole, whose own plan has the rows of none.
    preview: of what all leads are. reading: requests that it took to read them.
    tally: every input row, those that would be sent as not reached.
    parts: of several workspaces; else none.
    """

    ready: ReadyRun
    preview: Preview
    reading: int
    sheet: Path
    tally: Tally
    parts: tuple[PlannedPart, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if rows are wrong, as the command's."""
        return int(bool(self.tally.error))

    @property
    def is_of_several(self) -> bool:
        """Whether rows name workspaces; perhaps no row is of any."""
        return Naming.WORKSPACE in self.ready.opened.table.fields

    @property
    def _plans(self) -> tuple[KeptPlan, ...]:
        return (self.ready.plan, *(part.plan for part in self.parts))

    @property
    def rows(self) -> int:
        """Of the input."""
        return sum(plan.rows for plan in self._plans)

    @property
    def judged(self) -> Tally:
        """The rows that no lead had to be read for, by reason."""
        return tallies_together(*(plan.tally for plan in self._plans))

    @property
    def requests_without_reading(self) -> int:
        """How many requests a run would send that reads nothing."""
        return sum(plan.requests for plan in self._plans)

    @property
    def campaigns(self) -> dict[str, str]:
        """Names of campaigns, by id, as far as they are known."""
        return {**self.ready.opened.lookup.names, **self.ready.campaigns}

    @property
    def next_command(self) -> str | None:
        """What applies it, or plans it again once its rows are mended; None for neither."""
        opened = self.ready.opened
        request = opened.request
        if self.preview.effect().requests:
            return command("apply", str(opened.folder.path), *request.key_options)
        words = (*request.reading_options, *request.options_for("plan"))
        return command("plan", request.source.argument, *words) if self.tally.error else None

    def first_wrong(self, most: int) -> list[Problem]:
        """The first rows that have to be mended, by what they say or by what their leads are."""
        verdicts, plans = self.preview.verdicts, self._plans
        wrong = verdicts.filter(pl.col("verdict").cast(pl.String).is_in(list(_WRONG))).head(most)
        found_in = chain.from_iterable(plan.requests_of(wrong["line"]) for plan in plans)
        requests = pl.concat([pl.DataFrame(schema=REQUESTS), *found_in]).sort("line")
        problems = [problem for plan in plans for problem in plan.first_problems]
        rows = wrong.select("line", *LeadRow._fields).iter_rows()
        for (line, *seen), asked in zip(rows, requests.iter_rows(named=True), strict=True):
            reason, message = self.preview.left_out_by(*seen)
            column, named = _WRONG[seen[0]]
            found = "" if reason is Reason.BAD_STATUS else f"found {quoted(asked[named])}; "
            problems.append(
                Problem(
                    line=line,
                    column=column,
                    reason=reason,
                    found=asked[named],
                    message=f"{found}{message}",
                )
            )
        return sorted(problems, key=lambda problem: problem.line)[:most]
