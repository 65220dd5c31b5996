"""The workspaces that rows may name, and how each is reached.

A platform key names all that it sees. Else each key of `[workspaces]` is proven before anything is
sent, and all that fail are told at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio

from batch.api.sendkit import Access, KeyRefusedError, ReadFailedError, Workspace
from batch.errors import SettingsError, UsageError
from batch.jobs.gate import daily_quota, make_client
from batch.jobs.preflight import LONGEST_TEST_S, own_workspace
from batch.jobs.request import Request
from batch.recording.runfile import RunWorkspace
from batch.settings.credentials import PLATFORM_PREFIX
from batch.settings.model import Settings

_AT_ONCE = 10  # keys that are proven at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccess:
    """A workspace of `[workspaces]`: its name there, and the key with the address it may go to."""

    name: str
    access: Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A workspace that rows may name, and how it is reached.

    access: its workspace_id is set with platform keys only. settings: the run's, with what the
    settings say of this workspace. name_in_settings: under `[workspaces]`; "" where a platform key
    found it.
    failure: why its key could not be proven; "" if it was. Then id and name are the settings' own,
    and nothing is to be sent.
    """

    workspace: RunWorkspace
    access: Access
    settings: Settings
    name_in_settings: str = ""
    failure: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """How rows may name it, beside its id."""
        return tuple(filter(None, (self.workspace.name, self.name_in_settings)))


def known(targets: Sequence[Target]) -> Mapping[str, Collection[str]]:
    """The names of each workspace by its id, as `judging.workspaces.assign` takes them."""
    return {target.workspace.id: target.names for target in targets}


def is_platform(access: Access) -> bool:
    """Whether the key acts across workspaces."""
    return access.api_key.get_secret_value().startswith(PLATFORM_PREFIX)


async def find_targets(
    request: Request, named: Sequence[NamedAccess], *, skip_failed: bool = False
) -> tuple[Target, ...]:
    """All workspaces that rows may name: those with keys of their own, then a platform key's.

    named: those of the settings that have a key. skip_failed: whether those whose keys fail are
    given with their failure. Else UsageError names all of them, as it does where every key fails.
    """
    session = request.session
    found: dict[int, Target] = {}
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def prove(number: int, each: NamedAccess) -> None:
        async with limiter:
            found[number] = await _prove(request, each)

    async with anyio.create_task_group() as tasks:
        for number, each in enumerate(named):
            tasks.start_soon(prove, number, each)
    targets = _told_apart([found[number] for number in range(len(named))])
    if session.access is not None and is_platform(session.access):
        targets += await _all_of(request, session.access, {each.workspace.id for each in targets})
    failed = [each for each in targets if each.failure]
    if failed and (not skip_failed or len(failed) == len(targets)):
        raise UsageError("Nothing was sent: " + "\n".join(each.failure for each in failed))
    return tuple(targets)


async def _prove(request: Request, named: NamedAccess) -> Target:
    """The workspace of a key of its own, or why that key can't be used."""
    access, where = named.access, f'[workspaces."{named.name}"]'
    found, failure = None, ""
    with anyio.move_on_after(LONGEST_TEST_S) as limit:
        try:
            workspaces = await _workspaces(request, access)
            found = own_workspace(workspaces, access.workspace_id)
            failure = "" if found else f"{where}: the key sees no workspace."
        except (KeyRefusedError, ReadFailedError, SettingsError) as error:
            failure = f"{where}: {error}"
    if limit.cancelled_caught:
        failure = f"{where}: {access.base_url} gave no answer within {LONGEST_TEST_S} s."
    id_ = found.id if found else access.workspace_id or named.name
    return Target(
        workspace=RunWorkspace(id=id_, name=found.name if found else named.name),
        access=access,
        settings=request.settings,
        name_in_settings=named.name,
        failure=failure,
    )


def _told_apart(targets: Sequence[Target]) -> list[Target]:
    """The same, but that no workspace has two keys: the second one is a failure."""
    first: dict[str, Target] = {}
    for each in targets:
        first.setdefault(each.workspace.id, each)
    return [
        each
        if each.failure or first[each.workspace.id] is each
        else replace(
            each,
            failure=f'[workspaces."{each.name_in_settings}"]: its key is of the workspace '
            f"{each.workspace.name}, as that of "
            f'[workspaces."{first[each.workspace.id].name_in_settings}"] is.',
        )
        for each in targets
    ]


async def _all_of(request: Request, access: Access, others: Collection[str]) -> list[Target]:
    """The workspaces that a platform key sees, without those that have keys of their own."""
    try:
        workspaces = await _workspaces(request, replace(access, workspace_id=None))
    except ReadFailedError as error:
        raise UsageError(f"Nothing was sent: the workspaces could not be read: {error}") from error
    return [
        Target(
            workspace=RunWorkspace(id=each.id, name=each.name),
            access=replace(access, workspace_id=each.id),
            settings=request.settings,
        )
        for each in workspaces
        if each.id not in others
    ]


async def _workspaces(request: Request, access: Access) -> tuple[Workspace, ...]:
    session = request.session
    quota = None if session.sandbox else daily_quota(access, request.settings, session.state_dir)
    async with make_client(access, request.settings, connections=1, quota=quota) as api:
        return await api.read_workspaces()
