"""The library `keyring`, which is an extra, with a backend in memory in place of a system's."""

import sys
from collections.abc import Collection, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class KeyringError(Exception):
    pass


class KeyringLocked(KeyringError):  # noqa: N818 - the library's own name
    pass


class Memory:
    """Keeps passwords. error: is raised instead, if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.error = error
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.error:
            raise self.error
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.error:
            raise self.error
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def backend_of(module: str, name: str = "Keyring", **given: Any) -> Memory:  # noqa: ANN401 - Memory's
    """A backend in memory that goes by this name."""
    kind = type(name, (Memory,), {"__module__": module})
    made: Memory = kind(**given)
    return made


def use(
    monkeypatch: pytest.MonkeyPatch,
    *backends: Memory,
    locked: Collection[str] = (),
    is_made: bool = True,
) -> None:
    """Put the library in place, set to this backend, or to several, one after another.

    locked: which collections of the Secret Service are. is_made: whether it has any.
    """
    errors, library = ModuleType("keyring.errors"), ModuleType("keyring")
    for error in (KeyringError, KeyringLocked):
        setattr(errors, error.__name__, error)
    chosen = backends[0] if len(backends) == 1 else _chain(backends)
    vars(library).update(get_keyring=lambda: chosen, errors=errors)
    service = ModuleType("secretstorage")
    bus = type("Bus", (), {"close": lambda _: None})
    base = type("SecretStorageException", (Exception,), {})
    none_there = type("ItemNotFoundException", (base,), {})
    exceptions = SimpleNamespace(SecretStorageException=base, ItemNotFoundException=none_there)

    def collection(_bus: object, name: str = "default") -> object:
        if not is_made:
            raise none_there
        return SimpleNamespace(is_locked=lambda: name in locked)

    # Nothing that makes a collection or unlocks one: it would ask somebody.
    vars(service).update(dbus_init=bus, Collection=collection, exceptions=exceptions)
    for module in (library, errors, service):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def _chain(backends: Sequence[Memory]) -> Memory:
    chosen = backend_of("keyring.backends.chainer", "ChainerBackend")
    vars(chosen)["backends"] = backends
    return chosen
