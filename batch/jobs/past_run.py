"""An earlier run that a command goes back to: what was asked of it, its settings, and its key.

Its settings stand in its run.json. Of a run in the user's own list they count as the user's; any
other run may come from anybody, so its settings are compared with those that would count here
without it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from batch.api.address import address_of, check_base_url
from batch.api.sendkit import Access
from batch.errors import SettingsError
from batch.jobs.recorded import request_of
from batch.jobs.request import NamedAccess, PracticeGround, Request, command
from batch.recording.run_list import find_listed
from batch.recording.runfile import PARTS, RunRecord, RunState, read_record
from batch.settings.load import LoadedSettings
from batch.settings.model import KNOWN, WORKSPACES, PaceSettings, Settings
from batch.settings.origins import ADDRESS, DAILY, KEY_FILE, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """An earlier run, and how the front end reaches its server.

    load_own: the settings that count here without the run's. open_gate: joins the key with the
    address of settings; raises UsageError where it may not go there.
    change: what is asked for otherwise this time.
    has_options: whether options of the command may confirm the run's address.
    key_options: what a next command on it needs to find the key.
    practice: where a practice run goes on, if its sandbox is still there.
    open_gates: the same as `open_gate` for a run of several workspaces, of which some have keys of
    their own; None where the front end knows no such keys.
    """

    folder: Path
    state_dir: Path
    load_own: Callable[[], LoadedSettings]
    open_gate: Callable[[LoadedSettings], Access]
    change: Callable[[Request], Request]
    has_options: bool = False
    key_options: tuple[str, ...] = ()
    practice: PracticeGround | None = None
    open_gates: Callable[[LoadedSettings], tuple[Access, tuple[NamedAccess, ...]]] | None = None

    def record(self) -> RunRecord:
        """What its run.json says now. Raises InputError when the folder is no run."""
        return read_record(self.folder / "run.json")

    def request(self) -> Request:
        """What was asked of it, with the key. Raises UsageError where it may not go there."""
        record = self.record()
        request = self.change(request_of(self.folder, record, state_dir=self.state_dir))
        if request.session.sandbox:
            return replace(request, session=replace(request.session, practice=self.practice))
        own = self.load_own()
        is_listed = find_listed(self.state_dir, self.folder, record) is not None
        loaded = settings_of_run(
            self.folder,
            record,
            request.settings,
            own=own,
            is_listed=is_listed,
            is_confirmed=self.has_options and is_confirmed_by(own, self.folder, record),
        )
        workspaces: tuple[NamedAccess, ...] = ()
        if record.is_of_several and self.open_gates:
            access, workspaces = self.open_gates(loaded)
        else:
            access = self.open_gate(loaded)
        if record.part_of and record.workspace and access.workspace_id and is_listed:
            # A platform key reaches each workspace, whichever one the environment names.
            access = replace(access, workspace_id=record.workspace.id)
        session = replace(
            request.session, access=access, workspaces=workspaces, section=record.section
        )
        return replace(request, settings=loaded.settings, session=session)

    def part_request(self, folder: Path, record: RunRecord, own: LoadedSettings) -> Request:
        """What was asked of a part of this run, without its key. own: as `load_own` gives it."""
        request = self.change(request_of(folder, record, state_dir=self.state_dir))
        loaded = settings_of_run(folder, record, request.settings, own=own, is_listed=True)
        return replace(request, settings=loaded.settings)


def settings_of_run(
    folder: Path,
    record: RunRecord,
    settings: Settings,
    *,
    own: LoadedSettings,
    is_listed: bool,
    is_confirmed: bool = False,
) -> LoadedSettings:
    """A run's settings, as the gate takes them.

    settings: those of its record, with options over them. own: those that count here, without the
    file of the current folder. The key file is theirs, never the run's.
    is_confirmed: whether an option has named the address for just this run.
    Raises SettingsError for an address that no key may be sent to.
    """
    origin = Origin.LISTED_RUN if is_listed else Origin.UNLISTED_RUN
    origins = {(section, key): origin for section, keys in KNOWN.items() for key in keys}
    origins[KEY_FILE] = own.origin(KEY_FILE)
    if is_confirmed:
        origins[ADDRESS] = Origin.OPTION
    try:
        check_base_url(record.base_url)
    except SettingsError as error:
        raise SettingsError(f"{folder / 'run.json'}: {error}") from error
    key = {name: getattr(own.settings.api, name) for name in ("api_key_file", "key_from")}
    api = settings.api.model_copy(update={"base_url": record.base_url, **key})
    settings = settings.model_copy(update={"api": api})
    # Workspaces and their keys, as the key file, are those that count here.
    update = {"pace": _pace_of(settings, own), WORKSPACES: own.settings.workspaces}
    settings = settings.model_copy(update=update)
    if not is_listed:  # where new folders are made is not for a stranger's file to say
        runs_dir = own.settings.run.runs_dir
        run = settings.run.model_copy(update={"runs_dir": runs_dir})
        settings = settings.model_copy(update={"run": run})
    return LoadedSettings(
        settings=settings,
        source=folder / "run.json",
        source_origin=origin,
        origins=origins,
        own=settings if is_listed else own.settings,
        # To which workspace a key goes is not for a stranger's file to say.
        run_workspace=record.workspace if is_listed or is_confirmed else None,
        run_section=record.section,
    )


def _pace_of(settings: Settings, own: LoadedSettings) -> PaceSettings:
    """A run's pace, within the day's quota that holds for all runs by now.

    Of a quota of the run's own and one that counts here the smaller holds, but for an option.
    """
    pace, here = settings.pace, own.settings.pace
    if not here.daily or own.origin(DAILY) is Origin.OPTION:
        return pace
    daily = min(here.daily, pace.daily or here.daily)
    return pace.model_copy(update={"daily": daily, "time_zone": here.time_zone})


def is_confirmed_by(own: LoadedSettings, folder: Path, record: RunRecord) -> bool:
    """Whether an option confirms the address of an earlier run; it never redirects one.

    Raises SettingsError when an option, or the file of `--config`, names another address.
    """
    named, origin = own.settings.api.base_url, own.origin(ADDRESS)
    if origin not in {Origin.OPTION, Origin.CONFIG}:
        return False
    if address_of(named) != address_of(record.base_url):
        raise SettingsError(
            f"The address is {named}, but {folder} sends to {record.base_url}, and a run goes on "
            "where it began. Name no address, or start a new run."
        )
    return origin is Origin.OPTION


def check_several(past: PastRun, record: RunRecord, does: str) -> None:
    """Raise SettingsError for a run of several workspaces that is not in the user's list of runs.

    does: the command, which works on each part.
    """
    if find_listed(past.state_dir, past.folder, record) is None:
        if record.state is RunState.PLANNED:
            raise SettingsError(
                f"{past.folder}: is a plan of {len(record.parts):,} workspaces that is not in your "
                "list of runs. Plan its file anew."
            )
        part = next((part.folder for part in record.parts), "WORKSPACE")
        works = command(does, str(past.folder / PARTS / part), *past.key_options)
        raise SettingsError(
            f"{past.folder}: is a run of {len(record.parts):,} workspaces that is not in your list "
            f"of runs. Name each workspace by itself: {works}"
        )
