import sys

import pytest
from pydantic import SecretStr

from batch.errors import SettingsError
from batch.settings.credentials import read_credentials
from batch.settings.model import ApiSettings, Settings
from batch.settings.system_keyring import forget_key, keep_key, read_key, refusal_of_keyring
from tests.support.elsewhere import EVIL, OUR
from tests.support.memory_keyring import KeyringError, KeyringLocked, backend_of, use

KEY = SecretStr("sk_kept_0123456789")
KEYCHAIN, SECRET_SERVICE = "keyring.backends.macOS", "keyring.backends.SecretService"


def problem(base_url: str = OUR) -> str:
    with pytest.raises(SettingsError) as caught:
        read_key(base_url)
    return str(caught.value)


@pytest.mark.parametrize(
    "other", [EVIL, f"{OUR}/v2", f"{OUR}:8443", "https://api.sendkit.ai.evil.example"]
)
def test_a_key_is_for_its_address_alone(monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    use(monkeypatch, backend_of(KEYCHAIN))
    keep_key(OUR, KEY)
    for same in (OUR, f"{OUR}/", "HTTPS://API.sendkit.ai:443"):
        assert read_key(same) == KEY
    assert problem(other) == f"The keyring has no key for {other}."
    with pytest.raises(SettingsError):
        forget_key(other)
    forget_key(OUR)
    assert problem() == f"The keyring has no key for {OUR}."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keyring.backends.null", "Keyring"),
        ("keyring.backends.fail", "Keyring"),
        ("keyring.backends.kwallet", "DBusKeyring"),
        ("keyring.backends.libsecret", "Keyring"),
        ("keyrings.alt.file", "PlaintextKeyring"),
        ("keyrings.alt.file", "EncryptedKeyring"),
    ],
)
def test_what_is_no_systems_keyring_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    backend = backend_of(module, name)
    for others in ((), (backend_of("keyring.backends.null"),)):
        use(monkeypatch, backend, *others)
        assert refusal_of_keyring().startswith(f"The keyring in use is {module}.{name}")
        for do in (lambda: keep_key(OUR, KEY), lambda: read_key(OUR)):
            with pytest.raises(SettingsError, match="expected the operating system's"):
                do()
    assert not backend.kept


def test_of_several_the_systems_own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, system = backend_of("keyrings.alt.file"), backend_of(SECRET_SERVICE)
    use(monkeypatch, plain, system)
    keep_key(OUR, KEY)
    assert (plain.kept, list(system.kept.values())) == ({}, [KEY.get_secret_value()])
    assert refusal_of_keyring() == ""


def test_a_locked_keyring_is_told_and_nobody_is_asked_to_unlock_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = backend_of(SECRET_SERVICE)
    locked = (
        "The keyring (the Secret Service) is locked. Unlock it, as by logging in at the screen, "
        "and try again."
    )
    use(monkeypatch, backend, locked={"default"})
    assert problem() == locked
    vars(backend)["preferred_collection"] = "work"
    assert problem() == f"The keyring has no key for {OUR}."
    use(monkeypatch, backend, locked={"work"})
    assert problem() == locked
    assert backend.asked == 1


def test_nobody_is_asked_to_make_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, backend := backend_of(SECRET_SERVICE), is_made=False)
    for do in (lambda: keep_key(OUR, KEY), lambda: read_key(OUR), lambda: forget_key(OUR)):
        with pytest.raises(
            SettingsError, match=r"^The Secret Service has no keyring yet\. Make one"
        ):
            do()
    assert (backend.asked, backend.kept) == (0, {})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyringLocked(), "is locked. Unlock it, as by logging in at the screen, and try again."),
        (KeyringError(KEY.get_secret_value()), "can't be used (KeyringError)."),
        (ConnectionResetError(KEY.get_secret_value()), "can't be used (ConnectionResetError)."),
    ],
)
def test_an_error_of_the_keyring_is_told_without_its_words(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    use(monkeypatch, backend_of(KEYCHAIN, error=error))
    assert problem() == f"The keyring (the Keychain) {told}"


def test_without_the_extra_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert problem().endswith("with the extra: pip install '.[keyring]' in the README's folder.")


def test_the_keyring_is_read_only_where_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = backend_of(KEYCHAIN)
    use(monkeypatch, backend)
    keep_key(OUR, KEY)
    with pytest.raises(SettingsError, match=r"^No API key"):
        read_credentials(Settings(), {})
    settings = Settings(api=ApiSettings(key_from="keyring"))
    environ = {"SENDKIT_API_KEY": "sk_of_the_environment"}
    assert read_credentials(settings, environ).place == "SENDKIT_API_KEY"
    assert backend.asked == 0
    found = read_credentials(settings, {})
    assert (found.api_key, found.place) == (KEY, "The key in the keyring")
