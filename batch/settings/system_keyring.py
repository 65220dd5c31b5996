"""Keys in the operating system's keyring: each entry is for one address and used for no other.

Needs the extra `keyring`. Only keyrings of operating systems count: whatever else that library may
be set to (a plain file, nothing at all) is refused by its name. Nobody is asked to unlock or to
make one: a job at night would wait for ever. So its backend `libsecret` does not count, which is
the Secret Service too, but unlocks by asking.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Protocol

from pydantic import SecretStr

from batch.advice import Fix, Remedy
from batch.api.address import address_of
from batch.errors import SettingsError

SERVICE = "sendkit-batch"  # what the keyring calls us
_SECRET_SERVICE = "keyring.backends.SecretService"  # noqa: S105 - a module
_OF_SYSTEMS = {
    _SECRET_SERVICE: "the Secret Service",
    "keyring.backends.macOS": "the Keychain",
    "keyring.backends.Windows": "Windows' Credential Manager",
}


class _Backend(Protocol):
    def get_password(self, service: str, username: str, /) -> str | None: ...
    def set_password(self, service: str, username: str, password: str, /) -> None: ...
    def delete_password(self, service: str, username: str, /) -> None: ...


def read_key(base_url: str) -> SecretStr:
    """The key that is kept for this very address. Raises SettingsError where there is none."""
    with _unlocked() as backend:
        return _kept_key(backend, base_url)


def keep_key(base_url: str, key: SecretStr) -> None:
    """Keep a key for this address, in place of another. Raises SettingsError."""
    with _unlocked() as backend:
        backend.set_password(SERVICE, _entry(base_url), key.get_secret_value())


def forget_key(base_url: str) -> None:
    """Remove the key that is kept for this address. Raises SettingsError where there is none."""
    with _unlocked() as backend:
        _kept_key(backend, base_url)
        backend.delete_password(SERVICE, _entry(base_url))


def refusal_of_keyring() -> str:
    """Why keys can't be kept here; "" if they can, once the keyring is unlocked."""
    try:
        _system_backend()
    except SettingsError as error:
        return str(error)
    return ""


def _kept_key(backend: _Backend, base_url: str) -> SecretStr:
    if key := backend.get_password(SERVICE, _entry(base_url)):
        return SecretStr(key)
    raise SettingsError(f"The keyring has no key for {base_url}.", Remedy(Fix.KEEP_KEY))


def _entry(base_url: str) -> str:
    """The name of an address's entry, the same for each way to write that address."""
    return str(address_of(base_url))


def _system_backend() -> _Backend:
    """The operating system's keyring. Raises SettingsError where none is in use."""
    try:
        import keyring  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise SettingsError(
            "A key can be kept in this computer's keyring with the extra: "
            "pip install '.[keyring]' in the README's folder."
        ) from error
    chosen = keyring.get_keyring()
    # Where there are several, the library puts a list of them in their place.
    every: list[_Backend] = list(getattr(chosen, "backends", ())) or [chosen]
    for backend in every:
        if type(backend).__module__ in _OF_SYSTEMS:
            return backend
    names = ", ".join(f"{type(each).__module__}.{type(each).__qualname__}" for each in every)
    raise SettingsError(
        f"The keyring in use is {names}; expected the operating system's: the Secret Service, the "
        "Keychain or Windows' Credential Manager. Anything else may keep keys in the open."
    )


@contextmanager
def _unlocked() -> Iterator[_Backend]:
    """The operating system's keyring, and its errors in words. Raises SettingsError if locked."""
    backend = _system_backend()
    name = _OF_SYSTEMS[type(backend).__module__]
    from keyring.errors import KeyringLocked  # noqa: PLC0415 - of an extra

    try:
        if type(backend).__module__ == _SECRET_SERVICE:
            _check_unlocked(backend)
        yield backend
    except KeyringLocked as error:
        raise SettingsError(
            f"The keyring ({name}) is locked. Unlock it, as by logging in at the screen, and try "
            "again."
        ) from error
    except SettingsError:
        raise
    # Of the library or of those below it; its text may come from anybody's daemon.
    except Exception as error:
        raise SettingsError(
            f"The keyring ({name}) can't be used ({type(error).__name__})."
        ) from error


def _check_unlocked(backend: _Backend) -> None:
    """Raise KeyringLocked if the Secret Service would ask somebody to unlock its keyring.

    Raises SettingsError if there is none yet, which the library would ask somebody to make.
    """
    import secretstorage  # noqa: PLC0415 - of an extra
    from keyring.errors import KeyringLocked  # noqa: PLC0415

    # The library can be told another than the default one.
    named = [backend.preferred_collection] if hasattr(backend, "preferred_collection") else []
    try:
        with closing(secretstorage.dbus_init()) as bus:
            is_locked = secretstorage.Collection(bus, *named).is_locked()
    except secretstorage.exceptions.ItemNotFoundException as error:
        raise SettingsError(
            "The Secret Service has no keyring yet. Make one in your desktop's program for "
            "passwords and keys, and try again."
        ) from error
    if is_locked:
        raise KeyringLocked
