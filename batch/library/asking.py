"""What a call asks for, as the use cases take it: settings, key, request, or a past run."""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from batch.api.sendkit import Access
from batch.jobs.check import seen_by
from batch.jobs.gate import Doubt, Keeper, open_access, open_accesses
from batch.jobs.past_run import PastRun
from batch.jobs.request import Guardrails, NamedAccess, Reading, Request, Session, Source
from batch.jobs.requesting import asked_again, restored_with
from batch.library.caller import Call, Caller, Place
from batch.recording.seen_workspaces import SeenWorkspaces
from batch.recording.state import default_state_dir
from batch.settings.credentials import (
    KEY_VARIABLE,
    Credentials,
    credentials_for,
    credentials_of_run,
    key_at_hand,
)
from batch.settings.load import LoadedSettings, default_config_dir, load_settings
from batch.settings.options import OPTIONS, CliOptions

_IN_PYTHON = "from Python"  # what a report says in a command's place


def load_for(place: Place | Call, *, heeds_folder: bool = True) -> LoadedSettings:
    """The settings: the call's over the environment's over a file's. Raises SettingsError."""
    config = place.get("config")
    return load_settings(
        Path(config) if config is not None else None,
        place.get("settings") or {},
        os.environ,
        Path.cwd(),
        default_config_dir(),
        option_name=lambda section, key: f'settings["{section}"]["{key}"]',
        heeds_folder=heeds_folder,
    )


def open_gate_for(loaded: LoadedSettings, call: Call, caller: Caller) -> Access:
    """Join the key with its address. Raises UnaskedError where that would need a yes."""
    credentials = credentials_for(loaded, _environ_of(call))
    return open_access(loaded, _told(credentials, call, caller), _keeper())


def open_gates_for(
    loaded: LoadedSettings, call: Call, caller: Caller
) -> tuple[Access, tuple[NamedAccess, ...]]:
    """The same, with the keys of workspaces: as `open_accesses`."""
    environ = _environ_of(call)
    credentials = credentials_of_run(loaded, environ)
    if credentials:
        credentials = _told(credentials, call, caller)
    return open_accesses(loaded, credentials, environ, _keeper())


def seen_for(loaded: LoadedSettings, place: Place, state_dir: Path) -> SeenWorkspaces | None:
    """The workspaces that rows may name, for what asks no server."""
    return seen_by(loaded.settings, key_at_hand(loaded, _environ_of(place)), state_dir)


def _environ_of(call: Place) -> dict[str, str]:
    environ = dict(os.environ)
    if key := call.get("api_key"):
        environ[KEY_VARIABLE] = key if isinstance(key, str) else key.get_secret_value()
    return environ


def _told(credentials: Credentials, call: Call, caller: Caller) -> Credentials:
    caller.note(*credentials.notes)
    return replace(credentials, place="api_key=") if call.get("api_key") else credentials


def _keeper() -> Keeper:
    return Keeper(state_dir=default_state_dir(), ask=None, remedy=_remedy)


def _remedy(doubt: Doubt) -> str:
    if doubt.values:
        return f"If it is right, name the file: config={doubt.named_by!r}."
    address = {"api": {"base_url": doubt.base_url}}
    return f"If it is right, name the address: settings={address!r}."


def request_for(  # noqa: PLR0913 - what a call names
    file: str | os.PathLike[str],
    loaded: LoadedSettings,
    access: Access | None,
    reading: Reading,
    guardrails: Guardrails,
    place: Place | Call,
    *,
    out: str | os.PathLike[str] | None = None,
    workspaces: tuple[NamedAccess, ...] = (),
    sandbox: bool = False,
    remembered: bool = False,
) -> Request:
    """What is asked of the use cases about a file. access: None where no server is asked."""
    path = Path(file)
    return Request(
        source=Source(name=path.name, path=path),
        settings=loaded.for_practice().settings if sandbox else loaded.settings,
        session=Session(
            state_dir=default_state_dir(),
            out=Path(out) if out is not None else None,
            sandbox=sandbox,
            access=access,
            workspaces=workspaces,
            command=_IN_PYTHON,
            remembers=remembered,
        ),
        reading=reading,
        guardrails=guardrails,
        options=_options(reading, guardrails, place, sandbox=sandbox),
    )


def _options(
    reading: Reading, guardrails: Guardrails, place: Place | Call, *, sandbox: bool
) -> CliOptions:
    """The same as it would be typed, for the commands that an outcome names."""
    sections = place.get("settings") or {}
    values = {**asdict(reading), **asdict(guardrails), "sandbox": sandbox}
    for name, option in OPTIONS.items():
        if option.section in sections and name in sections[option.section]:
            values[name] = sections[option.section][name]
    typed: dict[str, Any] = {
        name: value if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if name in OPTIONS and value
    }
    if expected := guardrails.expect_changes:
        typed["expect_changes"] = f"{expected.least}-{expected.most}"
    columns = sections.get("columns", {})
    config = place.get("config")
    return CliOptions(
        **typed,
        mapping=tuple(f"{name}={header}" for name, header in columns.items()),
        config=Path(config) if config is not None else None,
    )


def past_run_for(
    folder: Path,
    call: Call,
    caller: Caller,
    guardrails: Guardrails,
    *,
    out: str | os.PathLike[str] | None = None,
) -> PastRun:
    """An earlier run, with what this call demands otherwise."""
    config = call.get("config")

    def change(request: Request) -> Request:
        return asked_again(
            request,
            settings=restored_with(call.get("settings") or {}, request.settings),
            guardrails=guardrails,
            command=_IN_PYTHON,
            out=Path(out) if out is not None else None,
            config=Path(config) if config else None,
        )

    return PastRun(
        folder=folder,
        state_dir=default_state_dir(),
        load_own=lambda: load_for(call, heeds_folder=False),
        open_gate=lambda loaded: open_gate_for(loaded, call, caller),
        open_gates=lambda loaded: open_gates_for(loaded, call, caller),
        change=change,
        has_options=True,
        key_options=("--config", str(config)) if config else (),
    )
