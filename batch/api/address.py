"""The rule for the base address: where requests may go. Pure; looks up no host name."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from batch.errors import SettingsError

_HOST = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)
_PATH = re.compile(r"(/[\w~-][\w.~-]*)*/?", re.ASCII)  # no `..`, `//` or `%`: httpx rewrites them
_EXAMPLE = "an address such as https://api.sendkit.ai"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The server and path of a base address; equal for two spellings of one place."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        """The address with its port, as it is kept."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def address_of(url: str) -> Address:
    """The server and path of a base address. Raises SettingsError as `check_base_url` does."""
    parts = urlsplit(check_base_url(url))
    scheme = parts.scheme.lower()
    return Address(
        scheme=scheme,
        host=(parts.hostname or "").lower(),
        port=parts.port or _PORTS[scheme],
        path=parts.path.rstrip("/"),
    )


def check_base_url(url: str) -> str:
    """Check that a key may be sent to this address; return it without a trailing slash.

    Allowed are https, and http to this machine; no user name, query or fragment.
    Raises SettingsError, whose text never repeats what may be a secret.
    """
    if "@" in url:
        raise SettingsError(
            "base_url: found a user name or password before an @; expected none. "
            "The key belongs in SENDKIT_API_KEY."
        )
    if "?" in url or "#" in url:
        raise SettingsError(f"base_url: found a query or a fragment; expected {_EXAMPLE}.")
    host = _read_host(url)
    scheme = url.partition(":")[0].lower()
    if scheme != "https" and not (scheme == "http" and is_loopback(host)):
        raise SettingsError(
            f'base_url: found "{url}"; expected https, since the key travels with every request '
            "(http only to this machine: localhost, 127.0.0.1, [::1])."
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, judged by its name alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _read_host(url: str) -> str:
    """The host of a plain URL. Raises SettingsError where two parsers could read it differently."""
    problem = SettingsError(f"base_url: found {url!r}; expected {_EXAMPLE}.")
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:  # urlsplit drops line breaks in silence
        raise problem
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if "[" in parts.netloc:
            is_plain = "%" not in host and ip_address(host).version == 6
        else:
            is_plain = bool(_HOST.fullmatch(host))
    except ValueError:  # a port that is no number, a bracket too many
        raise problem from None
    if not is_plain or port == 0 or not _PATH.fullmatch(parts.path):
        raise problem
    return host
