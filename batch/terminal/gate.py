"""The gate in a terminal: the key, the question whether it may go there, and who can't be asked."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from batch.api.sendkit import Access
from batch.errors import SettingsError
from batch.jobs.gate import Doubt, Keeper, named_by, open_access, open_accesses
from batch.jobs.request import NamedAccess
from batch.recording.state import default_state_dir
from batch.settings.credentials import Credentials, credentials_for, credentials_of_run
from batch.settings.load import CONFIG_NAME, LoadedSettings, default_config_dir
from batch.settings.origins import differences
from batch.terminal.console import Terminal, somebody_is_there


def key_of(terminal: Terminal, loaded: LoadedSettings, environ: Mapping[str, str]) -> Credentials:
    """The key, and what is to be said of it. Raises SettingsError."""
    _refuse_key_of_folder(loaded)
    credentials = credentials_for(loaded, environ)
    _tell_key(terminal, credentials)
    return credentials


def keys_of(
    terminal: Terminal, loaded: LoadedSettings, environ: Mapping[str, str]
) -> Credentials | None:
    """As `credentials_of_run`, and what is to be said of the key. Raises SettingsError."""
    _refuse_key_of_folder(loaded)
    credentials = credentials_of_run(loaded, environ)
    if credentials:
        _tell_key(terminal, credentials)
    return credentials


def open_gates(
    terminal: Terminal,
    loaded: LoadedSettings,
    credentials: Credentials | None,
    environ: Mapping[str, str],
) -> tuple[Access, tuple[NamedAccess, ...]]:
    """As `open_accesses`. Raises SettingsError and DeclinedError."""
    return open_accesses(loaded, credentials, environ, _keeper(terminal))


def _tell_key(terminal: Terminal, credentials: Credentials) -> None:
    terminal.key = credentials.api_key
    for note in credentials.notes:
        terminal.note(note)


def _refuse_key_of_folder(loaded: LoadedSettings) -> None:
    """Raise SettingsError where the settings file of a folder says where a key is."""
    if loaded.refused_key_file:
        own = default_config_dir() or Path("~/.config/sendkit-batch")
        raise SettingsError(
            f"{loaded.refused_key_file}: a key file that the settings file of a folder names does "
            "not count, since that file may come from anybody. Move the line to "
            f"{own / CONFIG_NAME}, or name the file: {_again('--config', f'./{CONFIG_NAME}')}"
        )


def open_gate(terminal: Terminal, loaded: LoadedSettings, credentials: Credentials) -> Access:
    """Join the key with its address. Raises DeclinedError where that needs a yes and gets none."""
    return open_access(loaded, credentials, _keeper(terminal))


def _keeper(terminal: Terminal) -> Keeper:
    def ask(doubt: Doubt) -> bool:
        terminal.interrupts.check()
        prompt = "Send it there?" if doubt.is_address else "Go on with that?"
        return terminal.confirm(str(doubt), prompt)

    return Keeper(
        state_dir=default_state_dir(),
        ask=ask if somebody_is_there() else None,
        remedy=_remedy,
    )


def tell_foreign(terminal: Terminal, loaded: LoadedSettings) -> None:
    """Name what comes from a file that may be anybody's, before anything is asked."""
    if found := differences(loaded.settings, loaded.own):
        terminal.note(f"From {named_by(loaded)}: {', '.join(map(str, found))}")


def _remedy(doubt: Doubt) -> str:
    """The whole commands that say what is missing."""
    by_address = _again("--base-url", doubt.base_url)
    if doubt.is_run:
        return (
            "There is no terminal to ask, and no run of your own has sent this key there. If it is "
            f"right, say so: {by_address}"
        )
    by_file = _again("--config", f"./{CONFIG_NAME}")
    words = f"There is no terminal to ask. If it is right, name the file: {by_file}"
    return words if doubt.values else f"{words}\nor the address: {by_address}"


def _again(option: str, value: str) -> str:
    """The command of this process with one option more, as a shell takes it."""
    name, *words = sys.argv[1:] or ["run"]
    return shlex.join(["sendkit-batch", name, option, value, *words])
