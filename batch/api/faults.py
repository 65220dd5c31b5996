"""Words for a network fault, found in the exception that the operating system or TLS raised."""

import os
import re
import ssl

_DEEPEST = 20  # causes are followed no further; a chain that is longer than this is a loop
_RECEIVED = re.compile(r"(?<![: ])[: ]*+\b(bytearray\()?b['\"].*", re.DOTALL)  # as h11 quotes it


def cause_of(fault: BaseException) -> str:
    """The innermost cause in a few words, as "Connection refused"; never an empty text.

    HTTP libraries wrap the operating system's error several times, often without its text. What
    the other side sent is not repeated: it may be a proxy, and hold what only the proxy may know.
    """
    text = ""
    cause: BaseException | None = fault
    for _ in range(_DEEPEST):
        if cause is None:
            break
        if isinstance(cause, BaseExceptionGroup):  # one for each address that was tried
            cause = cause.exceptions[0]
            continue
        text = _words_for(cause) or text
        cause = cause.__cause__ or cause.__context__  # httpcore raises `from None` on its way out
    return text or type(fault).__name__


def _words_for(fault: BaseException) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({_why(fault, 'verify_message')})"
    if isinstance(fault, ssl.SSLError):
        return f"TLS failed ({_why(fault, 'reason')})"
    if isinstance(fault, OSError) and fault.errno and fault.errno > 0:
        return os.strerror(fault.errno)
    if isinstance(fault, OSError) and fault.strerror:  # a name that can't be looked up
        return fault.strerror
    return _RECEIVED.sub("", str(fault))


def _why(fault: ssl.SSLError, name: str) -> str:
    """OpenSSL's errors carry such an attribute; those that were raised in Python lack it."""
    words = getattr(fault, name, None) or " ".join(map(str, fault.args[-1:]))
    return str(words).rstrip(".")
