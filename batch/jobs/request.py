"""What somebody asks of the use cases: source, settings, reading, guardrails and session.

And what of a plan the guardrails hold back.
"""

import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from batch.advice import Advice
from batch.api.sendkit import Access
from batch.columns import Column, Naming
from batch.errors import SettingsError
from batch.judging.guardrails import (
    Range,
    TagLimit,
    too_many_clears,
    too_many_invalid,
    too_many_tag_changes,
    unexpected_changes,
)
from batch.judging.plan import Plan
from batch.judging.rules import DEFAULT_ID_PATTERN, Rules
from batch.judging.totals import Effect
from batch.model import LEAD_STATUSES, Status
from batch.reading.mended import Mend
from batch.reading.spreadsheet import Found, TableOptions
from batch.recording.seen_workspaces import SeenWorkspaces
from batch.settings.declarations import Repeat, Words
from batch.settings.model import Settings, workspace_section
from batch.settings.options import OPTIONS, SHOWN_ROWS, CliOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the spreadsheet comes from. stream: standard input; None when it is a file."""

    name: str
    path: Path | None = None
    stream: BinaryIO | None = None

    @property
    def argument(self) -> str:
        """What a command line calls it."""
        return "-" if self.path is None else str(self.path)

    @property
    def bytes_from(self) -> Path | BinaryIO:
        """What is copied."""
        if self.path is not None:
            return self.path
        if self.stream is not None:
            return self.stream
        raise ValueError("a source has a path or a stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the spreadsheet is read; None is found out.

    header_row: the line of its header.
    campaign: of all rows that name none; None if each row says. workspace: the same.
    """

    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    campaign: str | None = None
    workspace: str | None = None

    def __post_init__(self) -> None:
        """Raise SettingsError for a line that can't be meant."""
        row: object = self.header_row
        if row is True or (isinstance(row, int) and row < 1):
            raise SettingsError(f"header_row: found {row!r}; expected a line, from 1 on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrails:
    """What holds a request back, and what has been allowed.

    expect_changes: how many tags are to change; None if nobody said.
    canary: how many changes are sent first, and read back before the others; 0 for none.
    force: change leads even if they are not what they are expected to be.
    no_tag_check: don't ask for the workspace's labels.
    skip_failed_workspaces: send the rows of the other workspaces where some can't be reached.
    is_confirmed: these are rows of an earlier run that was confirmed.
    """

    strict: bool = False
    allow_invalid: bool = False
    allow_clears: bool = False
    expect_changes: Range | None = None
    canary: int = 0
    force: bool = False
    no_tag_check: bool = False
    skip_failed_workspaces: bool = False
    is_confirmed: bool = False

    def __post_init__(self) -> None:
        """Raise SettingsError for a value that can't be meant."""
        if type(self.canary) is not int or self.canary < 0:  # True is an int, too
            raise SettingsError(
                f"canary: found {self.canary!r}; expected a whole number, 0 for none."
            )
        changes: object = self.expect_changes
        if changes is None or (isinstance(changes, Range) and 0 <= changes.least <= changes.most):
            return
        raise SettingsError(f"expect_changes: found {changes!r}; expected a Range that can be met.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccess:
    """A workspace of `[workspaces]` that has a key of its own.

    name: there. access: the key with the address it may go to; None where the key can't be read,
    as failure says. workspace_id: what it must be; "" if the settings don't say.
    """

    name: str
    access: Access | None
    workspace_id: str = ""
    failure: str = ""


class PracticeGround:
    """A practice sandbox that outlives a job: what one began there, others go on with.

    It is opened by the first job that needs it.
    """

    def __init__(self) -> None:
        self._kept = ExitStack()
        self.access: Access | None = None

    def open(self, sandbox: AbstractContextManager[Access]) -> Access:
        """The way to it. sandbox: opens one, if none is open yet."""
        if self.access is None:
            self.access = self._kept.enter_context(sandbox)
        return self.access

    def end(self) -> None:
        """End the sandbox, and all that its leads were."""
        self._kept.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where a request is carried out.

    state_dir: the user's state folder, with the locks and the list of runs. out: the run's folder;
    None for a new one below `runs_dir`.
    access: the key and the address that it may go to, as the gate gives them; None for practice,
    which never sees the real ones, and where no server is asked. Where only workspaces have keys it
    is the first one's.
    workspaces: those that have keys of their own. section: of the one whose key `access` is, by its
    name in the settings; "" for any other key.
    command: what was typed to ask for it, as a report may tell it; "" where nobody typed.
    faults: what goes wrong in practice, as the sandbox spells it.
    practice: where practice is to go on; None for a sandbox that ends with the job.
    remembers: whether a mapping of columns that was confirmed before is used.
    shown_rows: how many rows of the diff are shown before a question.
    seen: the workspaces that rows may name, where no server is asked; None if they name none.
    makes_parts: a run of several workspaces only makes its parts, which are sent one by one.
    """

    state_dir: Path
    out: Path | None = None
    sandbox: bool = False
    command: str = ""
    faults: tuple[str, ...] = ()
    practice: PracticeGround | None = None
    access: Access | None = None
    workspaces: tuple[NamedAccess, ...] = ()
    section: str = ""
    remembers: bool = False
    shown_rows: int = SHOWN_ROWS
    makes_parts: bool = False
    seen: SeenWorkspaces | None = None

    @property
    def has_workspaces(self) -> bool:
        """Whether its keys reach several workspaces."""
        is_platform = self.access is not None and self.access.is_platform
        return bool(self.workspaces) or is_platform or self.seen is not None

    @property
    def is_first_workspaces(self) -> bool:
        """Whether `access` is only the first of the workspaces' own keys."""
        return any(each.access is self.access for each in self.workspaces)

    @property
    def key_place(self) -> str:
        """The section of the settings whose own key `access` is; "" for any other key."""
        is_platform = self.access is not None and self.access.is_platform
        return f"[{workspace_section(self.section)}]" if self.section and not is_platform else ""

    @property
    def needs_workspace(self) -> bool:
        """Whether rows, or an option, must say which workspace is meant."""
        if self.access is None:
            return False
        is_open = self.access.is_platform and self.access.workspace_id is None
        return is_open or self.is_first_workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asked for.

    options: as typed, or as they would be typed to ask for the same as an earlier run.
    is_planned: it is planned first: every lead is read then, and a status that can't be set may
        stand where the lead has it already.
    is_recorded: it is an earlier run's, whose settings stand for options, too.
    found: how that run's input was read; None where it is to be found out.
    mapped: the columns that a person has mapped to headers for this file.
    mended: cells of it that a person has mended.
    sets_back: its rows were made to undo a run.
    """

    source: Source
    settings: Settings
    session: Session
    reading: Reading = Reading()
    guardrails: Guardrails = Guardrails()
    options: CliOptions = field(default_factory=CliOptions)
    is_planned: bool = False
    is_recorded: bool = False
    found: Found | None = None
    mapped: frozenset[Column] = frozenset()
    mended: tuple[Mend, ...] = ()
    sets_back: bool = False

    @property
    def table_options(self) -> TableOptions:
        """How the table is to be read."""
        return TableOptions(
            sheet=self.reading.sheet,
            encoding=self.reading.encoding,
            delimiter=self.reading.delimiter,
            header_row=self.reading.header_row,
            columns=self._columns,
            has_campaign=self.reading.campaign is not None,
            has_own_ids=self.settings.api.id_pattern != DEFAULT_ID_PATTERN,
            has_workspaces=self.session.has_workspaces or bool(self.settings.workspaces),
            was_accepted=self.is_recorded,
            found=self.found,
            mended=self.mended,
        )

    @property
    def _columns(self) -> Mapping[Column, str]:
        """The headers of columns. Practice has one workspace, so rows name none."""
        names = self.settings.columns.names()
        names_none = self.session.sandbox and self.session.seen is None
        return {
            column: header
            for column, header in names.items()
            if not (names_none and column is Naming.WORKSPACE)
        }

    def rules(self, *, labels: tuple[str, ...] | None = None) -> Rules:
        """What the rows are judged by; labels: the workspace's, None if unknown."""
        return Rules(
            name=self.source.name,
            id_pattern=self.settings.api.id_pattern,
            clear_word=self.settings.input.clear_word,
            labels=labels,
            statuses=LEAD_STATUSES if self.is_planned else tuple(Status),
            sets_back=self.sets_back,
        )

    @property
    def key_options(self) -> Words:
        """What a next command on the run needs to find the key."""
        return self.options.key_options

    @property
    def reading_options(self) -> Words:
        """The options about the file itself that a next command on it needs again."""
        return self.options.repeated(Repeat.FILE)

    def options_for(self, name: str) -> Words:
        """What a next `run` or `plan` must be told to mean the same, but for how to read a file."""
        told = _as_options(self.settings) if self.is_recorded else {}
        return replace(self.options, **told).repeated(Repeat.ALWAYS, taken_by=name)


def _as_options(settings: Settings) -> dict[str, Any]:
    """Settings that differ from their defaults, as options."""
    found, defaults = settings.public(), Settings().public()
    return {
        name: value if isinstance(value, bool) else str(value).removesuffix(".0")
        for name, option in OPTIONS.items()
        if option.section not in {"", "api"}  # the run's record has the address
        and (value := found[option.section][name]) != defaults[option.section][name]
    }


def command(name: str, subject: str, *options: str) -> str:
    """A command line of this program about a file or a run, as a shell takes it."""
    is_option = subject.startswith("-") and subject != "-"
    subject = f"./{subject}" if is_option else subject
    return shlex.join(["sendkit-batch", name, subject, *options])


def refusal_of(plan: Plan, request: Request, effect: Effect | None = None) -> str | None:
    """Why nothing of this plan may be sent; None if it may.

    effect: of what is left to send; None before the leads were read, when how many tags change
    can't be compared with what is expected.
    """
    guardrails, name = request.guardrails, request.source.name
    if guardrails.strict and plan.tally.error:
        rows = "1 row is" if plan.tally.error == 1 else f"{plan.tally.error:,} rows are"
        first = plan.first_problems[0].sentence(name)
        return f"{rows} invalid, and a strict run sends nothing then. The first: {first}"
    if effect and (unexpected := unexpected_changes(effect, guardrails.expect_changes)):
        return unexpected
    return None if guardrails.allow_invalid else too_many_invalid(plan, name=name)


def guardrails_hit(
    effect: Effect, request: Request, *, is_part: bool = False, is_total: bool = False
) -> tuple[Advice, ...]:
    """Why somebody should type a number before this is sent.

    is_part, is_total: of one of several workspaces, or of all together, as `too_many_tags` has it.
    """
    guardrails = (
        None if request.guardrails.allow_clears else too_many_clears(effect),
        too_many_tags(effect, request, is_part=is_part, is_total=is_total),
    )
    return tuple(filter(None, guardrails))


def typed_number(effect: Effect, request: Request, *, is_part: bool = False) -> int:
    """The number to type once the guardrails are understood: the larger one if there are two."""
    if too_many_tags(effect, request, is_part=is_part):
        return effect.tag_changes
    return effect.clears_rows


def too_many_tags(
    effect: Effect, request: Request, *, is_part: bool = False, is_total: bool = False
) -> Advice | None:
    """Why somebody should confirm how many tags change; None if nobody need do so.

    The limits of one workspace and of all hold both where these are the same. is_part: only the
    one's. is_total: only that of all.
    """
    if request.guardrails.expect_changes is not None or request.guardrails.is_confirmed:
        return None
    run = request.settings.run
    own = TagLimit(limit=run.tag_change_limit, setting="tag_change_limit")
    total = TagLimit(limit=run.tag_change_limit_total, setting="tag_change_limit_total")
    limits = [*([] if is_total else [own]), *([] if is_part else [total])]
    lowest = sorted((each for each in limits if each.limit), key=lambda each: each.limit)
    return too_many_tag_changes(effect, lowest[0]) if lowest else None
