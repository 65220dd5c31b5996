"""The workspaces that rows may name, and how each is reached.

A platform key names all that it sees. Else each key of `[workspaces]` is proven before anything is
sent, and all that fail are told at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import polars as pl

from batch.advice import Fix, Remedy
from batch.api.sendkit import Access, KeyRefusedError, ReadFailedError, Workspace
from batch.errors import InputError, SettingsError, UsageError
from batch.jobs.frontend import Frontend
from batch.jobs.gate import daily_quota, make_client
from batch.jobs.known_pace import make_pacer
from batch.jobs.opening import OpenRun
from batch.jobs.preflight import LONGEST_TEST_S, own_workspace
from batch.jobs.request import NamedAccess, Request
from batch.judging.workspaces import assign, find_workspace
from batch.reading.grid import listed
from batch.recording.history import known_runs
from batch.recording.pace_memory import good_pace
from batch.recording.runfile import RunPart, RunWorkspace
from batch.recording.seen_workspaces import keep_workspaces
from batch.sending.pace.pacer import Pacer
from batch.settings.model import Settings, WorkspaceSettings, workspace_section
from batch.settings.values import BudgetOwner

_TOLD = 3  # keys that failed, of which one may be meant
_AT_ONCE = 10  # keys that are proven at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A workspace that rows may name, and how it is reached.

    access: its workspace_id is set with platform keys only. settings: the run's, with what the
    settings say of this workspace. name_in_settings: under `[workspaces]`; "" where a platform key
    found it.
    failure: why its key could not be proven; "" if it was. Then id and name are the settings' own,
    access may be None, and nothing is to be sent.
    """

    workspace: RunWorkspace
    access: Access | None
    settings: Settings
    name_in_settings: str = ""
    failure: str = ""

    @property
    def key(self) -> Access:
        """The key of a workspace that can be reached."""
        if self.access is None or self.failure:
            raise ValueError(f"{self.workspace.name} can't be reached")
        return self.access

    @property
    def names(self) -> tuple[str, ...]:
        """How rows may name it, beside its id."""
        return tuple(filter(None, (self.workspace.name, self.name_in_settings)))


def known(targets: Sequence[Target]) -> Mapping[str, Collection[str]]:
    """The names of each workspace by its id, as `judging.workspaces.assign` takes them."""
    return {target.workspace.id: target.names for target in targets}


async def find_targets(request: Request) -> tuple[Target, ...]:
    """All workspaces that rows may name: those with keys of their own, then the key's.

    Raises UsageError naming all whose keys fail, unless the request goes on without them; also
    where every key fails.
    """
    session = request.session
    found: dict[int, Target] = {}
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def prove(number: int, each: NamedAccess) -> None:
        async with limiter:
            found[number] = await _prove(request, each)

    async with anyio.create_task_group() as tasks:
        for number, each in enumerate(session.workspaces):
            tasks.start_soon(prove, number, each)
    targets = _told_apart([found[number] for number in range(len(session.workspaces))])
    if session.access is not None and not session.is_first_workspaces:
        others = {each.workspace.id for each in targets}
        targets += await _all_of(request, session.access, others)
    failed = [each for each in targets if each.failure]
    if failed and (not request.guardrails.skip_failed_workspaces or len(failed) == len(targets)):
        raise UsageError("\n".join(["Nothing was sent.", *map(_told, failed)]))
    if not failed and not session.sandbox:
        keep_workspaces(
            session.state_dir,
            {each.workspace.id: each.names for each in targets},
            base_url=request.settings.api.base_url,
            key=session.access.api_key
            if session.access and not session.is_first_workspaces
            else None,
            sections=[each.name for each in session.workspaces],
        )
    return tuple(targets)


def _budget_of(target: Target) -> tuple[str, ...]:
    """What names the budget that a workspace's requests are taken from.

    Nobody knows whose it is unless somebody has said so; until then it is the key's.
    """
    match target.settings.pace.budget:
        case BudgetOwner.ALL:
            return ()
        case BudgetOwner.WORKSPACE:
            return (target.workspace.id,)
    if target.access is None:
        return (target.workspace.id,)
    return (target.access.base_url, target.access.api_key.get_secret_value())


def pacers_of(targets: Sequence[Target], state_dir: Path) -> dict[str, Pacer]:
    """The pacer of each workspace, by its id: one for all of those that share a budget.

    What is remembered of a workspace's pace counts for it alone.
    """
    sharing: dict[tuple[str, ...], list[Target]] = {}
    for target in targets:
        sharing.setdefault(_budget_of(target), []).append(target)
    pacers: dict[str, Pacer] = {}
    for first, *others in sharing.values():
        base_url, id_ = first.settings.api.base_url, first.workspace.id
        good = None if others else good_pace(state_dir, base_url=base_url, workspace_id=id_)
        pacer = make_pacer(first.settings, good)
        pacers |= {each.workspace.id: pacer for each in (first, *others)}
    return pacers


def one_target(name: str, targets: Sequence[Target]) -> Target:
    """The workspace of this name or id. Raises SettingsError where none, or several, have it."""
    try:
        id_ = find_workspace(name, known(targets))
    except ValueError as error:
        raise SettingsError(f"Nothing was sent. The workspace: {error}") from error
    target = next(each for each in targets if each.workspace.id == id_)
    if target.failure:
        raise SettingsError(f"Nothing was sent. {_told(target)}")
    return target


def refuse_others(opened: OpenRun, targets: Sequence[Target]) -> None:
    """Raise InputError where rows name a workspace that is known, but not reached by the only key.

    Known are those of the user's own runs at this address. Rows of a workspace nobody knows are
    errors by themselves; but these were hardly meant to be left behind.
    """
    request, session = opened.request, opened.request.session
    if session.has_workspaces:
        return
    runs = known_runs(session.state_dir, Path(request.settings.run.runs_dir)).own
    reached = known(targets)
    others = {
        run.record.workspace.id: (run.record.workspace.name,)
        for run in runs
        if run.record.workspace and run.record.base_url == opened.access.base_url
    }
    others = {id_: names for id_, names in others.items() if id_ not in reached}
    for rows in assign(opened.table.cells, request.rules(), {**others, **reached}, None):
        found = rows.filter(pl.col("workspace_id").is_in(list(others))).head(1)
        for line, id_ in found.select("line", "workspace_id").iter_rows():
            raise InputError(
                f"Nothing was sent. {request.source.name} line {line} names the workspace "
                f"{others[id_][0]}, and the key is of {targets[0].workspace.name}. Use a platform "
                "key, or give each workspace its key under [workspaces] of your settings."
            )


def seen_by(part: RunPart, targets: Sequence[Target]) -> Target | None:
    """The workspace of a part among those that rows may name now; None if it is none of them."""
    # One whose key could not be proven was known by its name in the settings alone.
    found = {each.name_in_settings: each for each in targets}
    return (found | {each.workspace.id: each for each in targets}).get(part.workspace.id)


def target_of(part: RunPart, targets: Sequence[Target]) -> Target:
    """How the workspace of a part is reached now. Raises SettingsError where it can't be."""
    id_, name = part.workspace.id, part.workspace.name
    target = seen_by(part, targets)
    if target is None or target.failure:
        failed = [target] if target else [each for each in targets if each.failure]
        raise SettingsError(
            f"Nothing was sent. No key sees the workspace {name} ({id_}) of the part "
            f"{part.folder} now.",
            *map(_told, failed[:_TOLD]),
        )
    return target


def default_workspace(request: Request, targets: Sequence[Target]) -> str | None:
    """The id of the workspace whose rows name none; None if each has to. Raises SettingsError.

    It is the one that was named for that, else the one that was set for a platform key.
    """
    if request.reading.workspace is not None:
        return one_target(request.reading.workspace, targets).workspace.id
    own = request.session.access.workspace_id if request.session.access else None
    return own if own in {each.workspace.id for each in targets} else None


def in_one_workspace(frontend: Frontend, opened: OpenRun) -> OpenRun:
    """A run whose rows name no workspaces, with the key and the settings of its workspace.

    Raises UsageError where none was named, and there are several.
    """
    request, name = opened.request, opened.request.reading.workspace
    session = request.session
    if session.sandbox or (name is None and not session.needs_workspace):
        return opened
    others = replace(request.guardrails, skip_failed_workspaces=True)  # are not asked for
    found = frontend.run(partial(find_targets, replace(request, guardrails=others)))
    if name is None and len(found) != 1:
        raise SettingsError(
            f"Nothing was sent. {request.source.name} has no column workspace; the workspaces are "
            f"{listed([each.workspace.name for each in found])}.",
            Remedy(Fix.NAME_ONE_WORKSPACE),
        )
    target = found[0] if name is None else one_target(name, found)
    access = target.key
    session = replace(session, access=access, section=target.name_in_settings)
    request = replace(request, settings=target.settings, session=session)
    return replace(opened, request=request, access=access)


async def _prove(request: Request, named: NamedAccess) -> Target:
    """The workspace of a key of its own, or why that key can't be used."""
    access, failure, found = named.access, named.failure, None
    settings = request.settings.for_workspace(request.settings.workspaces[named.name])
    if access is not None:
        with anyio.move_on_after(LONGEST_TEST_S) as limit:
            try:
                workspaces = await _workspaces(request, access)
                wanted = named.workspace_id or None
                found = own_workspace(workspaces, wanted)
                failure = "" if found else "The key sees no workspace."
            except (KeyRefusedError, ReadFailedError, SettingsError) as error:
                failure = str(error)
        if limit.cancelled_caught:
            failure = f"{access.base_url} gave no answer within {LONGEST_TEST_S} s."
    id_ = found.id if found else named.workspace_id or named.name
    return Target(
        workspace=RunWorkspace(id=id_, name=found.name if found else named.name),
        access=access,
        settings=settings,
        name_in_settings=named.name,
        failure=failure,
    )


def _told(target: Target) -> str:
    """Why a workspace can't be reached, with its place in the settings."""
    return f"[{workspace_section(target.name_in_settings)}]: {target.failure}"


def _told_apart(targets: Sequence[Target]) -> list[Target]:
    """The same, but that no workspace has two keys: the second one is a failure."""
    first: dict[str, Target] = {}
    told = []
    for each in targets:
        other = first.setdefault(each.workspace.id, each)
        if not each.failure and other is not each:
            failure = (
                f"The key is of the workspace {each.workspace.name}, as that of "
                f"[{workspace_section(other.name_in_settings)}] is."
            )
            each = replace(each, failure=failure)  # noqa: PLW2901
        told.append(each)
    return told


async def _all_of(request: Request, access: Access, others: Collection[str]) -> list[Target]:
    """The workspaces that a key sees, without those that have keys of their own."""
    try:
        workspaces = await _workspaces(request, access)
    except ReadFailedError as error:
        raise UsageError(f"Nothing was sent. The workspaces could not be read: {error}") from error
    return [
        Target(
            workspace=RunWorkspace(id=each.id, name=each.name),
            access=replace(access, workspace_id=each.id) if access.is_platform else access,
            settings=request.settings.for_workspace(section) if section else request.settings,
            name_in_settings=name,
        )
        for each in workspaces
        if each.id not in others
        for name, section in [_section_of(request.settings, each)]
    ]


def _section_of(settings: Settings, workspace: Workspace) -> tuple[str, WorkspaceSettings | None]:
    """The section of a workspace that a platform key has found, and its name there."""
    for name, section in settings.workspaces.items():
        is_named = not section.workspace_id and name.casefold() == workspace.name.casefold()
        if not section.has_key and (section.workspace_id == workspace.id or is_named):
            return name, section
    return "", None


async def _workspaces(request: Request, access: Access) -> tuple[Workspace, ...]:
    session = request.session
    quota = None if session.sandbox else daily_quota(access, request.settings, session.state_dir)
    async with make_client(access, request.settings, connections=1, quota=quota) as api:
        return await api.read_workspaces()
