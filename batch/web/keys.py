"""The key of one start of the page: where it comes from, and what is said of it.

It stays in this process's memory, or in the operating system's keyring if the person says so; no
page and no file ever gets it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from batch.api.sendkit import Workspace
from batch.errors import SettingsError
from batch.jobs.gate import Doubt
from batch.jobs.preflight import Preflight
from batch.reading.grid import listed
from batch.settings.credentials import (
    IN_KEYRING,
    KEY_VARIABLE,
    WORKSPACE_VARIABLE,
    Credentials,
    credentials_for,
    credentials_of_run,
    key_at_hand,
)
from batch.settings.load import CONFIG_NAME, LoadedSettings
from batch.settings.model import KEYRING, Settings
from batch.web.remedies import START
from batch.wording.amounts import count_of

_FROM_KEYRING = "from this computer's keyring"
_WITH_FILE = START.format(value=f"./{CONFIG_NAME}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed on the page for this session: sections of keys, as in a file.

    key: typed, or taken from the keyring (is_of_keyring). key_for: the address that stood beside
    it. is_forgotten: whether the address was changed since the start; then no other key counts any
    more. key_told: what came of its test.
    """

    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    key: SecretStr | None = None
    key_for: str = ""
    is_of_keyring: bool = False
    is_forgotten: bool = False
    key_told: str = ""
    plans_first: bool = True


def credentials_of(loaded: LoadedSettings, typed: Typed, environ: Mapping[str, str]) -> Credentials:
    """The key at hand. Raises SettingsError where there is none that counts."""
    environ = _environ_of(loaded, typed, environ)
    return _placed(credentials_for(loaded, environ), typed)


def credentials_of_file(
    loaded: LoadedSettings, typed: Typed, environ: Mapping[str, str]
) -> Credentials | None:
    """The same for a file whose rows may name workspaces: as `credentials_of_run`."""
    found = credentials_of_run(loaded, _environ_of(loaded, typed, environ))
    return found and _placed(found, typed)


def key_of_file_at_hand(
    loaded: LoadedSettings, typed: Typed, environ: Mapping[str, str]
) -> Credentials | None:
    """The same, but None where no key can be used, and no keyring is asked."""
    with suppress(SettingsError):
        return key_at_hand(loaded, _environ_of(loaded, typed, environ))
    return None


def _environ_of(
    loaded: LoadedSettings, typed: Typed, environ: Mapping[str, str]
) -> Mapping[str, str]:
    """The environment with what was typed. Raises SettingsError where no other key counts."""
    if typed.key is None and typed.is_forgotten:
        raise SettingsError(
            "The address was changed, so no key is left. Type the key for it under Settings."
        )
    if typed.key is None and loaded.refused_key_file:
        raise SettingsError(
            f"{loaded.refused_key_file}: a key file that the settings file of a folder names "
            "does not count, since that file may come from anybody. Type the key under "
            f"Settings, or start the page with: {_WITH_FILE}"
        )
    environ = dict(environ)
    if typed.key is not None:
        environ[KEY_VARIABLE] = typed.key.get_secret_value()
    if workspace_id := typed.overrides.get("api", {}).get("workspace_id"):
        environ[WORKSPACE_VARIABLE] = str(workspace_id)
    return environ


def _placed(found: Credentials, typed: Typed) -> Credentials:
    if typed.key is None:
        return found
    place = IN_KEYRING if typed.is_of_keyring else "The key that was typed"
    return replace(found, place=place, typed_for=typed.key_for)


def key_place(settings: Settings, typed: Typed, environ: Mapping[str, str]) -> str:
    """Where the key comes from, in words; "" if there is none. Reads none."""
    if typed.key is not None:
        return _FROM_KEYRING if typed.is_of_keyring else "typed for this session"
    if typed.is_forgotten:
        return ""
    if environ.get(KEY_VARIABLE, "").strip():
        return f"from the environment ({KEY_VARIABLE})"
    if settings.api.key_from == KEYRING:
        return _FROM_KEYRING
    file = settings.api.api_key_file
    return f"from the file {file}" if file else ""


def told_of(found: Preflight | tuple[Workspace, ...]) -> str:
    """What the server says of a key that works. found: as `try_key` gives it."""
    if not isinstance(found, Preflight):
        names = listed([each.name for each in found])
        return (
            f"It works: {count_of(len(found), 'workspace')} ({names}). Rows say in a column "
            "workspace which one they are of; or name one for all rows of a file."
        )
    workspace = found.workspace.name if found.workspace else "unknown"
    if found.labels is None:
        return f"It works: workspace {workspace}. {' '.join(found.notes)}"
    return f"It works: workspace {workspace}, {count_of(len(found.labels), 'label')}."


def remedy(doubt: Doubt) -> str:
    """What to do about what the gate refuses: the page has no yes for it."""
    if doubt.is_run:
        return (
            "No run of your own has sent this key there: go on with it by the command line, or "
            "type the key for that address under Settings."
        )
    start = f"If it is right, start the page with: {_WITH_FILE}"
    if doubt.values:
        return start
    return f"{start}, or type the key for that address under Settings."
