"""The proxy that the environment names for an address. Its password is never repeated."""

import urllib.request
from urllib.parse import urlsplit

import httpx

from batch.api.address import is_loopback
from batch.errors import SettingsError


def read_environment_proxy(base_url: str) -> httpx.URL | None:
    """The proxy that the environment names for this address, or None to go straight there.

    Raises SettingsError for one that can't be used.
    """
    target = urlsplit(base_url)
    if is_loopback(target.hostname or "") or urllib.request.proxy_bypass(target.netloc):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(target.scheme) or proxies.get("all")
    if not address:
        return None
    return _read_proxy_url(address if "://" in address else f"http://{address}")


def _read_proxy_url(address: str) -> httpx.URL:
    """Raises SettingsError, with no more of the address than its scheme: it may hold a password."""
    wanted = (
        "expected http://host:port or https://host:port. "
        "Correct HTTPS_PROXY or ALL_PROXY, or list the API's host in NO_PROXY."
    )
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        raise SettingsError(f"The proxy's address can't be read; {wanted}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        found = f"{url.scheme}://{'…' if url.host else ''}"
        raise SettingsError(f"The proxy's address: found {found}; {wanted}")
    return url
