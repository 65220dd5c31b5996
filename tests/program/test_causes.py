"""A stop names its cause wherever it is told: terminal, run.json, rows and report."""

import socket
import ssl
from pathlib import Path

import httpx
import pytest

from batch.jobs import gate
from batch.recording.runfile import read_record
from batch.settings.options import CliOptions
from batch.terminal import commands
from tests.support.answering import Answering
from tests.support.program import read_rows
from tests.support.shell import shell_in
from tests.support.wired import pausing


def caused(fault: Exception, cause: Exception | None = None) -> Exception:
    fault.__cause__ = cause
    return fault


def certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


UNKNOWN_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
HOSTILE = "the answer could not be read: a [2Jb "
CAUSES = {
    "refused": (
        caused(httpx.ConnectError("x"), ConnectionRefusedError(111, "Connection refused")),
        "no connection: Connection refused",
    ),
    "DNS": (
        caused(httpx.ConnectError("x"), UNKNOWN_NAME),
        "no connection: Name or service not known",
    ),
    "certificate": (
        caused(httpx.ConnectError("x"), certificate()),
        "no connection: the server's certificate is not trusted (self-signed certificate)",
    ),
    "unreadable": (
        httpx.RemoteProtocolError("illegal header line"),
        "the answer could not be read: illegal header line",
    ),
    "hostile": (
        httpx.RemoteProtocolError("a\x1b[2Jb\u202e\n" + "c" * 5000 + " sk_0123456789abcdef"),
        HOSTILE + "c" * (199 - len(HOSTILE)) + "…",
    ),
}


@pytest.mark.parametrize(("fault", "words"), CAUSES.values(), ids=CAUSES)
def test_an_outage_names_its_cause_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, words: str
) -> None:
    for name, value in (
        ("MAX_OUTAGE_S", "0.3"),
        ("BACKOFF_BASE_S", "0.01"),
        ("BACKOFF_MAX_S", "0.05"),
    ):
        monkeypatch.setenv(f"SENDKIT_BATCH_RETRY_{name}", value)
    shell = shell_in(tmp_path, monkeypatch)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            raise fault
        data = [{"_id": "w1", "name": "Acme"}] if request.url.path == "/v1/workspaces" else []
        return httpx.Response(200, json={"data": data})

    monkeypatch.setattr(gate, "make_transport", lambda **_: Answering(answer))
    given = CliOptions(
        file=shell.leads(pausing(40)), out=Path("out"), yes=True, concurrency="2", rate="1000"
    )
    assert shell.do(lambda interrupts: commands.run(given, interrupts)) == 3
    assert words in " ".join(shell.err.split())
    record = read_record(tmp_path / "out" / "run.json")
    assert record.stop_reason.endswith(f"([retry] max_outage_s). The last fault: {words}.")
    rows = read_rows(tmp_path / "out" / "results.csv")
    assert len(rows) == 40
    assert all(words in row["message"] for row in rows)
    assert any(row["attempts"] == "0" for row in rows)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert words.split(":", maxsplit=1)[0] in page
    shell.results("out")
    assert read_rows(tmp_path / "out" / "results.csv") == rows
