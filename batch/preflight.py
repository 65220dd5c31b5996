"""What is asked of the server before anything is sent: whose key it is, and which labels exist.

One refusal ends the job; any other failure is told and the job goes on without the answer.
"""

from dataclasses import dataclass

from batch.errors import SettingsError
from batch.sendkit import ReadFailedError, SendKit, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What the server said.

    workspace: None when it could not be read.
    labels: the workspace's; None when they were not asked for or could not be read.
    labels_failed: they were asked for in vain, so tags go out unchecked.
    notes: sentences about what could not be read.
    """

    workspace: Workspace | None
    labels: tuple[str, ...] | None
    labels_failed: bool = False
    notes: tuple[str, ...] = ()


async def ask_server(api: SendKit, *, workspace_id: str | None, tag_check: bool) -> Preflight:
    """Prove the key, name the workspace, and bring its labels.

    workspace_id: the one to work in with a platform key; None with a workspace key.
    Raises KeyRefusedError on 401, and SettingsError when the key does not see the workspace.
    """
    notes: list[str] = []
    workspace = None
    try:
        workspace = _own_workspace(await api.read_workspaces(), workspace_id)
    except ReadFailedError as error:
        notes.append(f"The workspace could not be read: {error}")
    labels = None
    if tag_check:
        try:
            labels = await api.read_labels()
        except ReadFailedError as error:
            notes.append(f"The workspace's labels could not be read, tags are not checked: {error}")
    return Preflight(
        workspace=workspace,
        labels=labels,
        labels_failed=tag_check and labels is None,
        notes=tuple(notes),
    )


def _own_workspace(workspaces: tuple[Workspace, ...], workspace_id: str | None) -> Workspace | None:
    if workspace_id is None:
        return workspaces[0] if workspaces else None
    for workspace in workspaces:
        if workspace.id == workspace_id:
            return workspace
    seen = ", ".join(f"{each.name} ({each.id})" for each in workspaces[:10]) or "none"
    raise SettingsError(
        f"The key does not see the workspace {workspace_id}; it sees {seen}. "
        "Correct SENDKIT_WORKSPACE_ID, or workspace_id under [api]."
    )
