import errno
import socket
import ssl

import pytest

from batch.api.faults import cause_of


def wrapped(cause: BaseException, *, text: str = "") -> BaseException:
    """The cause as an HTTP library hands it on."""
    fault = RuntimeError(text)
    fault.__cause__ = cause
    return fault


def caught_while(cause: BaseException) -> BaseException:
    fault = RuntimeError()
    fault.__context__ = cause
    return fault


def untrusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] …")
    error.verify_message = "certificate has expired."
    return error


def broken_tls() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:992)")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (REFUSED, "Connection refused"),
        (wrapped(REFUSED, text="All connection attempts failed"), "Connection refused"),
        (wrapped(caught_while(REFUSED)), "Connection refused"),
        (wrapped(ExceptionGroup("one each", [REFUSED, OSError()])), "Connection refused"),
        (wrapped(ExceptionGroup("one each", [OSError()]), text="All failed"), "All failed"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (untrusted(), "the server's certificate is not trusted (certificate has expired)"),
        (
            ssl.SSLCertVerificationError("no such issuer"),
            "the server's certificate is not trusted (no such issuer)",
        ),
        (broken_tls(), "TLS failed (WRONG_VERSION_NUMBER)"),
        (ssl.SSLError(1, "wrong version"), "TLS failed (wrong version)"),
        (ssl.SSLError("wrong version"), "TLS failed (wrong version)"),
        (RuntimeError("words"), "words"),
        (wrapped(RuntimeError(), text="outer words"), "outer words"),
        (wrapped(RuntimeError()), "RuntimeError"),
        (RuntimeError("illegal status line: bytearray(b'secret \\'1\\' ')"), "illegal status line"),
        (RuntimeError('malformed footer: b"secret" (expected b"x")'), "malformed footer"),
        (wrapped(RuntimeError("b'secret'")), "RuntimeError"),
    ],
)
def test_a_fault_is_told_by_its_innermost_cause(fault: BaseException, words: str) -> None:
    assert cause_of(fault) == words


def test_faults_that_name_each_other_as_the_cause_come_to_an_end() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert cause_of(one) in {"one", "other"}
