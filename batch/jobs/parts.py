"""A run of several workspaces up to its question: split, and made ready part by part.

Its folder has an ordinary run folder for each workspace below `parts`, with that workspace's rows,
rules, journal, pace, stops and guardrails. The whole's own plan and journal have the rows that are
no workspace's. Shows nothing, and asks nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import anyio
import polars as pl

from batch.advice import Advice
from batch.api.sendkit import Workspace
from batch.errors import DeclinedError, InputError, QuotaUsedError, SettingsError, UsageError
from batch.jobs.execution import OTHER_FILES, raise_open_files
from batch.jobs.known_pace import KnownPace, as_member, meeting_of
from batch.jobs.opening import OpenRun, take_locks, write_mends
from batch.jobs.preflight import Preflight
from batch.jobs.ready import ReadyRun
from batch.jobs.request import Guardrails, command, refusal_of, too_many_tags
from batch.jobs.run_record import new_id
from batch.jobs.sorting import Slices, keep_nobodys, sort_rows
from batch.jobs.work import whole_work
from batch.jobs.workspaces import Target, pacers_of
from batch.judging.guardrails import unexpected_changes
from batch.judging.rules import check_clear_word
from batch.model import Tally
from batch.recording.folder import RunFolder
from batch.recording.journal import Journal
from batch.recording.meeting import Meeting
from batch.recording.parts import folder_names
from batch.recording.plan_file import PLAN_FILE, KeptPlan
from batch.recording.runfile import PARTS, RunPart, RunRecord, RunState
from batch.recording.spill import Spill
from batch.sending.pace.pacer import Pacer
from batch.sending.sharing import Me
from batch.wording.parts import (
    PartDecision,
    decide_together,
    effect_of_all,
    question_about_parts,
    shown_name,
    tallies_together,
)

MOST_PARTS = 2_000  # of which run.json takes some 0.4 MB
# Its slice, its plan, its journal with what SQLite has beside it, its timeline, where runs meet.
FILES_A_PART = 11
_ASKED_AGAIN = 5  # times that a workspace is asked for its labels where its server says to wait

_P = TypeVar("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPart:
    """A workspace's rows, opened as a run of their own. rows: how many they are.

    name: the workspace's, with its id where another has the same.
    pacer: those of one budget share it.
    """

    target: Target
    name: str
    opened: OpenRun
    rows: int
    pacer: Pacer

    @property
    def lines(self) -> pl.Series:
        """The lines of its rows (UInt32, rising)."""
        none = pl.Series("line", [], dtype=pl.UInt32)
        return pl.concat([none, *(frame["line"] for frame in self.opened.table.frames())])

    @property
    def failure(self) -> str:
        """Why the workspace can't be reached, so that its rows stay unsent; "" if it can."""
        return self.target.failure

    def skipping(self, preflight: Preflight) -> "OpenPart":
        """The same, as one that is not reached if its labels hold it back and others may go on.

        Raises SettingsError where they may not.
        """
        request = self.opened.request
        try:
            check_clear_word(request.rules(labels=preflight.labels))
        except SettingsError as error:
            if not request.guardrails.skip_failed_workspaces:
                raise
            return replace(self, target=replace(self.target, failure=str(error)))
        return self

    @property
    def recorded(self) -> RunPart:
        """As the whole's run.json has it."""
        folder = self.opened.folder.path.name
        return RunPart(workspace=self.target.workspace, folder=folder, rows=self.rows)

    async def ask(self) -> Preflight:
        """Ask for the workspace's labels; its key is proven. Raises UsageError if refused."""
        workspace = Workspace(**dict(self.target.workspace))
        if self.failure:
            return Preflight(workspace=workspace, labels=None)
        pacer, longest_s = self.pacer, self.opened.request.settings.pace.longest_wait_s
        for _ in range(1 + _ASKED_AGAIN):
            while (wait_s := pacer.wait_s(anyio.current_time())) > 0:  # noqa: ASYNC110 - for a time
                await anyio.sleep(wait_s)
            asked_at = anyio.current_time()
            pacer.take_turn(asked_at)
            pacer.begin_attempt()
            try:
                found = await self.opened.ask(workspace)
            finally:
                pacer.end_attempt()
            now = anyio.current_time()
            pacer.observe(now, found.budgets, sent_at=asked_at)
            if found.labels is not None:
                pacer.report_served(now, sent_at=asked_at)
            left_s = (found.held_until or now) - now
            if not found.labels_failed or not 0 < left_s <= longest_s:
                break
            pacer.hold(now, left_s, found.hold_why)  # those that share it wait, too
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRun:
    """A run of several workspaces whose rows are split.

    nobodys: the plan of the rows of none. parts: those in which something may be left to send.
    finished: the rows of those in which nothing is, by reason.
    record, journal: of the earlier run that this goes on with; None for a new one.
    """

    id: str
    opened: OpenRun
    nobodys: KeptPlan
    parts: tuple[OpenPart, ...]
    finished: Tally = field(default_factory=Tally)
    record: RunRecord | None = None
    journal: Journal | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it goes on with a run that was begun; what was only planned was not."""
        return self.record is not None and self.record.state is not RunState.PLANNED

    @property
    def done(self) -> Tally:
        """The rows for which nothing is left to send."""
        return tallies_together(self.nobodys.tally, self.finished)

    def check(self) -> None:
        """Raise InputError where the rows of no workspace hold all of it back."""
        rows = self.nobodys.rows + sum(part.rows for part in self.parts)
        if refusal := refusal_of(replace(self.nobodys, rows=rows), self.opened.request):
            raise InputError(refusal)

    def check_lookups(self) -> None:
        """Raise InputError where leads would have to be looked up in a workspace not reached."""
        unread = [part for part in self.parts if part.failure and self.opened.table.is_by_email]
        if unread:
            raise InputError(
                "Nothing was sent: leads are named by e-mail address, and can't be looked up.",
                *(f"{part.name}: {part.failure}" for part in unread),
            )

    def meetings(self) -> dict[Pacer, tuple[Meeting | None, Me]]:
        """Where the runs of each budget meet, and as what this one comes in, for `at_one_pace`.

        Workspaces that have a budget in common come in as one run.
        """
        found: dict[Pacer, tuple[Meeting | None, Me]] = {}
        for part in self.parts:
            request, folder = part.opened.request, part.opened.folder.path.name
            if part.pacer in found:
                folder = self.opened.folder.path.name
            if not part.failure:
                meeting = meeting_of(request, part.target.key, part.target.workspace.id)
                found[part.pacer] = meeting, as_member(request.settings, folder)
        return found

    @property
    def names(self) -> list[str]:
        """What the workspaces are called."""
        return [part.name for part in self.parts]

    def ready(self, parts: Sequence[ReadyRun], *, can_ask: bool) -> "ReadyParts":
        """Put the one question. parts: as they are here, ready.

        can_ask: whether somebody can type the number that a guardrail asks for. Raises InputError
        when together they are not what was expected, or a guardrail holds all of them back.
        """
        both = list(zip(self.parts, parts, strict=True))
        reached = [(part, ready) for part, ready in both if not part.failure]
        asked = [replace(ready.asked, name=part.name) for part, ready in reached]
        effect = effect_of_all(each.decision.effect for each in asked)
        expected = self.opened.request.guardrails.expect_changes
        if refusal := unexpected_changes(effect, expected):
            raise InputError(refusal)
        held = effect_of_all(each.decision.effect for each in asked if each.guardrails)
        # Those of parts that are gone on with, or tried again, were confirmed before.
        new = [
            ready.asked.decision.effect
            for _, ready in reached
            if not ready.opened.request.guardrails.is_confirmed
        ]
        too_many = too_many_tags(effect_of_all(new), self.opened.request, is_total=True)
        if too_many and not can_ask:
            raise InputError(too_many)
        if too_many:
            held = effect_of_all(new)
        number = held.tag_changes or held.clears_rows
        seconds: dict[Pacer, float] = {}  # those that share a budget come one after another
        for part, ready in reached:
            seconds[part.pacer] = seconds.get(part.pacer, 0.0) + ready.forecast_s
        forecast_s = max(seconds.values(), default=0.0)
        together = decide_together(
            asked,
            nobodys=self.nobodys.tally,
            done=self.finished,
            run=str(self.opened.folder.path),
            base_url=self.opened.access.base_url,
            forecast_s=forecast_s,
            take_back=""
            if self.opened.undo_of
            else command("undo", str(self.opened.folder.path), *self.opened.request.key_options),
            goes_on_in=len(self.record.parts) if self.has_begun and self.record else None,
        )
        shown_rows = self.opened.request.session.shown_rows
        together = replace(together, diff=together.diff[:shown_rows])
        question = question_about_parts(
            together,
            asked,
            unreached=[f"{part.name}: {part.failure}" for part in self.parts if part.failure],
            guardrails=(too_many,) if too_many else (),
            typed_number=number or None,
        )
        own = ReadyRun(
            opened=self.opened,
            workspace=None,
            plan=self.nobodys,
            work=whole_work(self.nobodys),
            question=question,
            asked=PartDecision(name="", decision=together),
            pace=KnownPace(),
            forecast_s=forecast_s,
            labels_failed=any(part.labels_failed for part in parts),
            campaigns={  # often of one name
                id_: f"{part.name}: {name}"
                for part, ready in reached
                for id_, name in {**ready.opened.lookup.names, **ready.campaigns}.items()
            },
            record=self.record,
            journal=self.journal,
        )
        return ReadyParts(
            split=self,
            own=own,
            parts=tuple(ready for _, ready in reached),
            unreached=tuple((part, ready) for part, ready in both if part.failure),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyParts:
    """A run of several workspaces that only waits for a yes.

    own: the whole, which sends nothing itself. parts: those of the split that can be reached.
    unreached: the others.
    """

    split: SplitRun
    own: ReadyRun
    parts: tuple[ReadyRun, ...]
    unreached: tuple[tuple[OpenPart, ReadyRun], ...] = ()

    @property
    def requests(self) -> int:
        """How many requests a yes sends."""
        return sum(part.work.requests for part in self.parts)

    @property
    def journals(self) -> dict[str, Journal]:
        """The journals of parts that are gone on with, by the parts' folders."""
        return {each.opened.folder.path.name: each.journal for each in self.parts if each.journal}

    def waiting(self) -> "ReadyParts":
        """The same, where a yes also says that the end of a long window is waited for."""
        parts = (part.waiting() if part.window else part for part in self.parts)
        return replace(self, parts=tuple(parts))


@contextmanager
def split_run(
    opened: OpenRun,
    targets: Sequence[Target],
    default: str | None,
    owned: pl.DataFrame | None = None,
) -> Iterator[SplitRun]:
    """Give each workspace's rows a run of their own, in a folder below the run's.

    default: the id of the workspace whose rows name none; None if each has to.
    owned: the rows whose workspace is known, as `judging.workspaces.assign` takes them.
    What was made goes away at the end unless it is kept. Raises InputError where there are too
    many workspaces, and LockedError while a process is at work on the same rows of one.
    """
    whole_id = new_id()
    with ExitStack() as resources:
        slices = Slices(opened.folder)
        resources.callback(slices.close)
        nobodys = Spill(opened.folder.path)
        resources.callback(nobodys.close)
        sort_rows(opened, targets, default, slices, nobodys, owned)
        named = [each for each in targets if each.workspace.id in slices.rows]
        if len(named) > MOST_PARTS:
            raise InputError(
                f"{opened.request.source.name}: found rows of {len(named):,} workspaces; expected "
                f"{MOST_PARTS:,} at most. Split the file."
            )
        raise_open_files(FILES_A_PART * len(named) + OTHER_FILES)
        path = opened.folder.path / PLAN_FILE
        opened.folder.will_hold(path)
        kept = keep_nobodys(nobodys, path)
        pacers = pacers_of(named, opened.request.session.state_dir)
        parts = []
        names = folder_names(each.workspace.name for each in named)
        for target, name in zip(named, names, strict=True):
            part = resources.enter_context(_open_part(opened, target, name, slices, whole_id))
            shown = shown_name(target.workspace, [each.workspace for each in named])
            parts.append(
                OpenPart(
                    target=target,
                    name=shown,
                    opened=part,
                    rows=slices.rows[target.workspace.id],
                    pacer=pacers[target.workspace.id],
                )
            )
        yield SplitRun(id=whole_id, opened=opened, nobodys=kept, parts=tuple(parts))


@contextmanager
def _open_part(
    whole: OpenRun, target: Target, name: str, slices: Slices, whole_id: str
) -> Iterator[OpenRun]:
    """A workspace's rows in a folder of their own."""
    asked, workspace_id = whole.request, target.workspace.id
    access = target.access or whole.access  # of one that can't be reached none is used
    path = whole.folder.path / PARTS / name
    folder = RunFolder.create(path, runs_dir=path.parent, stem=name, now=whole.started_at)
    request = replace(
        asked,
        settings=target.settings,
        session=replace(asked.session, access=access, section=target.name_in_settings, out=None),
        guardrails=of_a_part(asked.guardrails),
    )
    with ExitStack() as resources:
        resources.callback(folder.discard_unless_kept)
        folder.link_input(whole.folder.path / whole.input.copy_name)
        write_mends(folder, request)
        sha256 = whole.input.sha256
        resources.enter_context(
            take_locks(request, sha256=sha256, run=folder.path, part=workspace_id, shares_key=False)
        )
        spill = Spill(folder.path)
        resources.callback(spill.close)
        yield replace(
            whole,
            request=request,
            folder=folder,
            table=whole.table.part(lambda: slices.frames(workspace_id)),
            access=access,
            notes=(),
            spill=spill,
            lookup=type(whole.lookup)(),
            part_of=whole_id,
        )


def of_a_part(guardrails: Guardrails) -> Guardrails:
    """Guardrails of the whole as they hold for one part."""
    expects = guardrails.expect_changes is not None  # of the whole; then no part has too many
    is_confirmed = guardrails.is_confirmed or expects
    return replace(guardrails, expect_changes=None, is_confirmed=is_confirmed)


def in_each(names: Sequence[str], of: Iterable[_P], do: Callable[[_P], _T]) -> list[_T]:
    """Do something in each workspace. Raises InputError naming all where it is refused.

    names: of the workspaces. of: what it is done to.
    """
    done: list[_T] = []
    refused: list[Advice] = []
    for name, each in zip(names, of, strict=True):
        try:
            done.append(do(each))
        except (DeclinedError, QuotaUsedError):  # somebody has said so, or it is said of all
            raise
        except UsageError as error:
            refused.append(Advice(f"{name}:", error.advice))
    if refused:
        raise InputError(*refused)
    return done
