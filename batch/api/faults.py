"""What a fault of an exchange says: whether anything left, and in one line what went wrong. Pure.

Words of the other side are left out: it may be a proxy, and they may hold its password.
"""

import os
import re
import ssl
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from batch.api.wire import Fault
from batch.model import Reason

# Only these mean that nothing left this machine; every other fault may have come after that.
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# How httpx's and our own transport's errors begin for an answer that broke off; with other words,
# the same class of error means an answer that can't be read.
_BROKEN_OFF = (
    "Server disconnected",
    "peer closed",
    "peer unexpectedly closed",
    "the server sent more",
)

_DEEPEST = 20  # causes are followed no further; a chain that is longer than this is a loop
_RECEIVED = re.compile(r"(?<![: ])[: ]*+\b(bytearray\()?b['\"].*", re.DOTALL)  # as h11 quotes it


def fault_of(error: Exception, limits: Mapping[str, float], *, is_ours: bool) -> Fault:
    """Why there is no answer. Its message may hold the key, if an answer did.

    limits: seconds for each step of an attempt, as httpx calls them. is_ours: it is our own
    transport's, which is stricter than the other one.
    """
    reason = Reason.NOT_CONNECTED if isinstance(error, _UNSENT) else Reason.NO_ANSWER
    match error:
        case httpx.ConnectTimeout():
            message = f"no connection within {limits['connect']:g} s (connect_timeout_s)"
        case httpx.PoolTimeout():
            message = f"no connection became free within {limits['pool']:g} s"
        case httpx.WriteTimeout():
            message = f"the server accepted no data for {limits['write']:g} s"
        case httpx.ReadTimeout():
            message = f"the server sent nothing for {limits['read']:g} s"
        case httpx.ProxyError():
            # its status in our words: the proxy's own may hold a password
            known = {status.value: status.phrase for status in HTTPStatus}
            found = re.match(r"[1-5][0-9]{2}\b", str(error))
            status = f": {found[0]} {known.get(int(found[0]), '')}" if found else ""
            message = f"the proxy could not connect{status}".rstrip()
        case _ if reason is Reason.NOT_CONNECTED:
            message = f"no connection: {cause_of(error)}"
        case httpx.RemoteProtocolError() if not str(error).startswith(_BROKEN_OFF):
            message = f"the answer could not be read: {cause_of(error)}"
            message += '; [http] transport = "stock" may read it' if is_ours else ""
        case _:
            message = f"the connection broke: {cause_of(error)}"
    return Fault(reason=reason, message=message)


def cause_of(fault: BaseException) -> str:
    """The innermost cause in a few words, as "Connection refused"; never an empty text.

    HTTP libraries wrap the operating system's error several times, often without its text. Words
    of the other side are left out: it may be a proxy, and they may hold its password.
    """
    text = ""
    cause: BaseException | None = fault
    for _ in range(_DEEPEST):
        if cause is None:
            break
        if isinstance(cause, BaseExceptionGroup):  # one for each address that was tried
            cause = cause.exceptions[0]
            continue
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _why(cause, "verify_message")
            text = f"the server's certificate is not trusted ({why})"
        elif isinstance(cause, ssl.SSLError):
            text = f"TLS failed ({_why(cause, 'reason')})"
        elif isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            text = os.strerror(cause.errno)
        elif isinstance(cause, OSError) and cause.strerror:  # a name that can't be looked up
            text = cause.strerror
        else:
            text = _RECEIVED.sub("", str(cause)) or text
        cause = cause.__cause__ or cause.__context__  # httpcore raises `from None` on its way out
    return text or type(fault).__name__


def _why(fault: ssl.SSLError, name: str) -> str:
    """OpenSSL's errors carry such an attribute; those that were raised in Python lack it."""
    words = getattr(fault, name, None) or " ".join(map(str, fault.args[-1:]))
    return str(words).rstrip(".")
