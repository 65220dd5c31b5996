"""What is asked of the server before anything is sent: whose key it is, and which labels exist.

One refusal ends the job; any other failure is told and the job goes on without the answer. What
the server asks to wait with a failure is kept for all that is asked or sent after it.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from batch.advice import Fix, Remedy
from batch.api.sendkit import MAX_READ_WAIT_S, Access, ReadFailedError, SendKit, Workspace
from batch.errors import SettingsError, UsageError
from batch.jobs.gate import daily_quota, make_client
from batch.model import Budget
from batch.recording.seen_workspaces import keep_workspaces
from batch.settings.model import Settings
from batch.wording.amounts import duration

LONGEST_TEST_S = 20  # a person waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What the server said.

    workspace: None when it could not be read.
    labels: the workspace's; None when they were not asked for or could not be read.
    labels_failed: they were asked for in vain, so tags go out unchecked.
    notes: sentences about what could not be read.
    held_until: before then nothing may be sent, as the server asked with a list that it did not
        give; seconds of time.monotonic(), None if nothing is asked (any more).
    hold_why: what it answered, as "HTTP 429, Retry-After 40 s".
    budgets: what the last answer said of the server's budgets.
    latency_s: seconds that the quickest answer took; None if none came.
    """

    workspace: Workspace | None
    labels: tuple[str, ...] | None
    labels_failed: bool = False
    notes: tuple[str, ...] = ()
    held_until: float | None = None
    hold_why: str = ""
    budgets: tuple[Budget, ...] = ()
    latency_s: float | None = field(default=None, compare=False)


@dataclass(slots=True, kw_only=True)
class _Held:
    """Until when the server asks to wait; each wait ends before the next thing is asked for."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    until: float = field(default=float("-inf"))
    why: str = ""

    def heed(self, failure: ReadFailedError) -> None:
        if failure.retry_after_s is None:
            return
        self.until = self.clock() + failure.retry_after_s
        self.why = f"HTTP {failure.http_status}, Retry-After {failure.retry_after_s:.0f} s"

    async def wait_out(self) -> None:
        """Raises ReadFailedError where that would take too long for something not yet sent."""
        left_s = self.until - self.clock()
        if left_s > MAX_READ_WAIT_S:
            raise ReadFailedError(f"not asked for, since the server asks to wait ({self.why}).")
        if left_s > 0:
            await self.sleep(left_s)


async def ask_server(
    api: SendKit,
    *,
    workspace_id: str | None,
    tag_check: bool,
    known: Workspace | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
) -> Preflight:
    """Prove the key, name the workspace, and bring its labels.

    workspace_id: the one to work in with a platform key; None with a workspace key.
    known: the key's workspace, if that is proven already.
    Raises KeyRefusedError on 401, and SettingsError when the key does not see the workspace.
    """
    notes: list[str] = []
    held = _Held(clock=clock, sleep=sleep)
    workspace = known
    took_s: list[float] = []
    try:
        if known is None:
            asked_at = clock()
            workspaces = await api.read_workspaces()
            took_s.append(clock() - asked_at)
            workspace = own_workspace(workspaces, workspace_id)
        if workspace is not None:
            await anyio.to_thread.run_sync(api.know_workspace, workspace.id)
    except ReadFailedError as error:
        notes.append(f"The workspace could not be read: {error}")
        held.heed(error)
    labels = None
    if tag_check:
        try:
            await held.wait_out()
            asked_at = clock()
            labels = await api.read_labels()
            took_s.append(clock() - asked_at)
        except ReadFailedError as error:
            notes.append(f"The workspace's labels could not be read, tags are not checked: {error}")
            held.heed(error)
    is_held = held.until > clock()
    return Preflight(
        workspace=workspace,
        labels=labels,
        labels_failed=tag_check and labels is None,
        notes=tuple(notes),
        held_until=held.until if is_held else None,
        hold_why=held.why if is_held else "",
        budgets=api.budgets,
        latency_s=min(took_s, default=None),
    )


def try_key(
    access: Access, settings: Settings, *, state_dir: Path
) -> Preflight | tuple[Workspace, ...]:
    """What the server says of a key, asked as before a run. state_dir: counts the day's requests.

    Of a platform key that is bound to no workspace it is all those that it reaches. Raises as
    `ask_server` does, and ReadFailedError where nothing can be said of the key.
    """

    async def ask() -> Preflight | tuple[Workspace, ...]:
        quota = daily_quota(access, settings, state_dir)
        with anyio.move_on_after(LONGEST_TEST_S):
            async with make_client(access, settings, connections=1, quota=quota) as api:
                workspace_id = access.workspace_id
                if access.is_platform and workspace_id is None:
                    found = await api.read_workspaces()
                    keep_workspaces(
                        state_dir,
                        {each.id: (each.name,) for each in found},
                        base_url=settings.api.base_url,
                        key=access.api_key,
                    )
                    return found
                return await ask_server(api, workspace_id=workspace_id, tag_check=True)
        raise ReadFailedError(f"{access.base_url} gave no answer within {LONGEST_TEST_S} s.")

    found = anyio.run(ask)
    if not isinstance(found, Preflight):
        return found
    if found.workspace is None:
        raise ReadFailedError(found.notes[0] if found.notes else "The key sees no workspace.")
    return found


def own_workspace(workspaces: tuple[Workspace, ...], workspace_id: str | None) -> Workspace | None:
    """The one to work in, None if there is none. Raises SettingsError as `ask_server` does."""
    if workspace_id is None:
        return workspaces[0] if workspaces else None
    for workspace in workspaces:
        if workspace.id == workspace_id:
            return workspace
    seen = ", ".join(f"{each.name} ({each.id})" for each in workspaces[:10]) or "none"
    raise SettingsError(
        f"The key does not see the workspace {workspace_id}; it sees {seen}.",
        Remedy(Fix.NAME_WORKSPACE),
    )


def hold_of(preflight: Preflight, settings: Settings) -> tuple[float, str] | None:
    """What the server asked to wait before anything is sent.

    Raises UsageError when that is longer than is waited for.
    """
    if preflight.held_until is None:
        return None
    left_s = preflight.held_until - time.monotonic()
    if left_s > settings.pace.longest_wait_s:
        raise UsageError(
            f"Nothing was sent: the server asks to wait {duration(left_s)} "
            f"({preflight.hold_why}), and at most {duration(settings.pace.max_wait_s)} are waited "
            "for ([pace] max_wait_s). Run it again later.",
            Remedy(Fix.WAIT),
        )
    return preflight.held_until, preflight.hold_why
