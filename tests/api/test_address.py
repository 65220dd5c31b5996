import pytest

from batch.api.address import check_base_url
from batch.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://api.sendkit.ai", "https://api.sendkit.ai"),
        ("https://api.sendkit.ai/", "https://api.sendkit.ai"),
        ("HTTPS://API.sendkit.ai:8443/v-1/x.y/", "HTTPS://API.sendkit.ai:8443/v-1/x.y"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
    ],
)
def test_the_base_address_is_https_or_this_machine(url: str, checked: str) -> None:
    assert check_base_url(url) == checked


@pytest.mark.parametrize(
    "url",
    [
        "http://api.sendkit.ai",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "http://0.0.0.0:8000",
        "http://127.1",
        "http://2130706433",
        "ftp://localhost",
        "ws://localhost",
    ],
)
def test_http_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_base_url(url)
    assert str(caught.value) == (
        f'base_url: found "{url}"; expected https, since the key travels with every request '
        "(http only to this machine: localhost, 127.0.0.1, [::1])."
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.sendkit.ai",
        "https://",
        "https:///v1",
        "https://api.sendkit.ai:port",
        "https://api.sendkit.ai:99999",
        "https://api.sendkit.ai:0",
        "https://api sendkit.ai",
        "https://api.sendkit.ai\n",
        "https://api\\.sendkit.ai",
        "https://äpi.sendkit.ai",
        "https://api..sendkit.ai",
        f"https://{'a' * 64}.test",
        "https://api.sendkit.ai/../v1",
        "https://api.sendkit.ai/a%2Fb",
        "https://api.sendkit.ai//v1",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[1.2.3.4]",
        "https://[x]",
    ],
)
def test_an_address_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_base_url(url)
    assert str(caught.value) == (
        f"base_url: found {url!r}; expected an address such as https://api.sendkit.ai."
    )


@pytest.mark.parametrize("url", ["https://sk_secret@api.sendkit.ai", "https://a:sk_secret@b.test"])
def test_a_user_name_or_password_in_the_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_base_url(url)
    assert str(caught.value) == (
        "base_url: found a user name or password before an @; expected none. "
        "The key belongs in SENDKIT_API_KEY."
    )


@pytest.mark.parametrize(
    "url", ["https://a.test?key=sk_secret", "https://a.test#x", "https://a.test?"]
)
def test_a_query_or_fragment_in_the_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_base_url(url)
    assert str(caught.value) == (
        "base_url: found a query or a fragment; expected an address such as https://api.sendkit.ai."
    )
