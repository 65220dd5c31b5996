import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sandbox import process
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.process import Sandbox, start_sandbox
from tests.support.sampling import examples
from tests.support.sandbox_client import CAMPAIGN, LEAD, URL, WORKSPACE

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and sessions of POSIX")
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10).filter(
    "--".__ne__  # which ends the options of any command line
)


def client_of(sandbox: Sandbox) -> httpx.Client:
    headers = {"X-Api-Key": sandbox.api_key}
    return httpx.Client(base_url=sandbox.base_url, headers=headers, trust_env=False)


def is_listening(sandbox: Sandbox) -> bool:
    port = int(sandbox.base_url.rpartition(":")[2])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@given(
    options=st.builds(
        Options,
        port=st.integers(0, 65535),
        seed_csv=st.none() | st.just(Path("a folder", "-leads.csv")),
        labels=st.lists(words).map(tuple),
        workspaces=st.lists(words, min_size=1).map(tuple),
        skip_in_progress=st.booleans(),
        moved_status=st.none() | words,
        headers=words,
        faults=st.lists(words).map(tuple),
        exit_with_stdin=st.booleans(),
    )
)
@examples(50)
def test_options_survive_the_way_over_the_command_line(options: Options) -> None:
    assert Options.from_argv(options.to_argv(), prog="x") == options


def test_only_what_differs_from_the_default_is_spelt() -> None:
    assert Options().to_argv() == []
    assert Options(
        port=8080, labels=("A", "B"), skip_in_progress=True, rate_limit="fixed:1/s"
    ).to_argv() == [
        *["--port=8080", "--label=A", "--label=B"],
        *["--skip-in-progress", "--rate-limit=fixed:1/s"],
    ]


def test_an_unknown_option_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        Options.from_argv(["--lable=A"], prog="sendkit-batch sandbox")
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(
        "sendkit-batch sandbox: error: unrecognized arguments: --lable=A\n"
    )


def test_it_logs_every_request_before_the_answer_and_keeps_the_log_that_was_asked_for(
    tmp_path: Path,
) -> None:
    log = tmp_path / "requests.jsonl"
    with start_sandbox(Options(log=log, faults=("close-after,every=2",))) as sandbox:
        assert sandbox.log_path == log
        with client_of(sandbox) as client:
            client.patch(URL + "?x=1", json={"status": "paused"})
            with pytest.raises(httpx.RemoteProtocolError):
                client.patch(URL, json={"status": "active"})
            client.patch(URL, content=b"\xffnot json", headers={"X-Api-Key": "sk_secret"})
            client.get("/v1/tags", headers={"X-Api-Key": ""})
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [
        (line["operation"], line["status"], line["fault"], line["applied"], line["key"])
        for line in lines
    ] == [
        ("patch", 200, None, True, "workspace"),
        ("patch", None, "close-after", True, "workspace"),
        ("patch", 401, None, False, "unknown"),
        ("tags", 401, None, False, "missing"),
    ]
    assert {**lines[0], "time": ""} == {
        "time": "",
        "method": "PATCH",
        "path": URL,
        "query": "x=1",
        "operation": "patch",
        "campaignId": CAMPAIGN,
        "campaignLeadId": LEAD,
        "body": {"status": "paused"},
        "key": "workspace",
        "workspaceId": WORKSPACE,
        "status": 200,
        "fault": None,
        "applied": True,
    }
    assert [line["body"] for line in lines[2:]] == ["\ufffdnot json", None]
    assert sandbox.api_key not in log.read_text()
    assert "sk_secret" not in log.read_text()


@posix_only
def test_a_kill_loses_no_line_and_leaves_none_half() -> None:
    with start_sandbox() as sandbox, client_of(sandbox) as client:
        for _ in range(20):
            client.patch(URL, json={"status": "paused"})
        os.kill(sandbox.pid, signal.SIGKILL)
        lines = sandbox.log_path.read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == [200] * 20


def test_a_request_that_never_comes_in_whole_is_logged_too() -> None:
    with start_sandbox() as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(
                f"PATCH {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode()
            )
        for _ in range(500):
            if lines := sandbox.log_path.read_text().splitlines():
                break
            time.sleep(0.01)
    assert [json.loads(line)["fault"] for line in lines] == ["client-left"]


def test_answers_on_a_kept_connection_come_without_the_40_ms_of_a_delayed_acknowledgement() -> None:
    with start_sandbox() as sandbox, client_of(sandbox) as client:
        times_s = [
            client.patch(URL, json={"status": "paused"}).elapsed.total_seconds() for _ in range(8)
        ]
    assert min(times_s[1:]) < 0.03


def test_it_ends_with_the_block_and_at_once_even_with_a_request_unanswered() -> None:
    with start_sandbox(Options(faults=("stall",))) as sandbox:
        assert is_listening(sandbox)
        port = int(sandbox.base_url.rpartition(":")[2])
        stalled = socket.create_connection(("127.0.0.1", port))
        head = f"PATCH {URL} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {sandbox.api_key}\r\n\r\n"
        stalled.sendall(head.encode())
        while not sandbox.log_path.read_text():
            time.sleep(0.01)
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 3
    assert not is_listening(sandbox)
    with stalled:
        assert stalled.recv(100) == b""


PARENT = """
import sys, time
from batch.sandbox.process import start_sandbox
with start_sandbox() as sandbox:
    print(sandbox.base_url, flush=True)
    time.sleep(60)
"""


def test_it_ends_by_itself_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        base_url = parent.stdout.readline().decode().strip()
        assert httpx.get(base_url, trust_env=False).status_code == 401
        parent.kill()
    for _ in range(500):
        try:
            httpx.get(base_url, trust_env=False)
        except httpx.ConnectError:
            return
        except httpx.TransportError:
            pass  # it is just about to end
        time.sleep(0.01)
    pytest.fail("still there after 5 seconds")


def test_each_start_has_keys_of_its_own_unless_one_is_given() -> None:
    with start_sandbox() as one, start_sandbox() as other:
        keys = {one.api_key, one.platform_key, other.api_key, other.platform_key}
        assert len(keys) == 4
        assert all(len(key) > 40 for key in keys)
        with client_of(one) as client:
            assert client.get("/v1/tags").status_code == 200
            assert client.get("/v1/tags", headers={"X-Api-Key": other.api_key}).status_code == 401
        command_line = Path(f"/proc/{one.pid}/cmdline")
        if command_line.exists():
            assert one.api_key.encode() not in command_line.read_bytes()
    with start_sandbox(Options(key="sk_practice_1")) as fixed:
        assert (fixed.api_key, fixed.platform_key) == ("sk_practice_1", "sk_user_practice_1")


@posix_only
def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    ready, log = tmp_path / "ready.json", tmp_path / "requests.jsonl"
    command = [sys.executable, "-m", "batch.sandbox", f"--ready-file={ready}", f"--log={log}"]
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "ready.json.part").symlink_to(elsewhere)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout
        server.stdout.readline()
        for _ in range(500):
            if ready.exists():
                break
            time.sleep(0.01)
        modes = {path.stat().st_mode & 0o777 for path in (ready, log)}
        server.terminate()
    assert modes == {0o600}
    assert json.loads(ready.read_text())["api_key"].startswith("sk_sandbox_")
    assert not elsewhere.exists()


@posix_only
def test_the_terminal_s_ctrl_c_does_not_reach_it() -> None:
    with start_sandbox() as sandbox:
        assert os.getsid(sandbox.pid) == sandbox.pid != os.getsid(0)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="read from Linux's /proc")
def test_it_inherits_neither_keys_nor_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_back = ["SENDKIT_API_KEY", "SENDKIT_WORKSPACE_ID", "HTTPS_PROXY", "http_proxy", "NO_PROXY"]
    for name in [*kept_back, "KEPT_ALL_THE_SAME"]:
        monkeypatch.setenv(name, "value")
    with start_sandbox() as sandbox:
        inherited = Path(f"/proc/{sandbox.pid}/environ").read_bytes().decode()
    names = {pair.partition("=")[0] for pair in inherited.split("\0")}
    assert "KEPT_ALL_THE_SAME" in names
    assert not names & {*kept_back}


def test_a_wrong_option_is_told_as_the_server_said_it() -> None:
    with pytest.raises(SandboxError) as caught, start_sandbox(Options(error_body="xml")):
        pass
    assert str(caught.value) == (
        '--error-body: found "xml"; expected documented, text, object, message, html.'
    )


def test_a_port_that_is_taken_is_told() -> None:
    with start_sandbox() as first:
        port = int(first.base_url.rpartition(":")[2])
        with pytest.raises(SandboxError) as caught, start_sandbox(Options(port=port)):
            pass
    assert str(caught.value) == (
        f"--port: 127.0.0.1:{port} can't be listened on ({os.strerror(errno.EADDRINUSE)}); "
        "give another port, or 0 for a free one."
    )


@posix_only
def test_on_its_own_it_says_how_to_point_a_run_at_it_until_ctrl_c() -> None:
    command = [sys.executable, "-m", "batch.sandbox", "--label=A", "--leads=2000", "--key=sk_mine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        said = [server.stdout.readline() for _ in range(5)]
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 130
    base_url = said[0].split()[2].rstrip(".")
    assert said == [
        f"Sandbox on {base_url}. Campaigns: 3, leads: 6,000, labels: 1.\n",
        "Nothing here is real.\n",
        (
            "A file of its leads:  curl -H 'X-Api-Key: sk_mine' -o leads.csv "
            f"{base_url}/sandbox/leads.csv\n"
        ),
        (
            "A run against it:     SENDKIT_API_KEY=sk_mine sendkit-batch run leads.csv "
            f"--base-url {base_url}\n"
        ),
        "Ctrl-C ends it.\n",
    ]


def test_starting_one_loads_no_server_into_this_process() -> None:
    code = "import sys, batch.sandbox.process; print({'starlette', 'uvicorn'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@posix_only
def test_a_wait_that_was_broken_off_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_END_WITHIN_S", 0.2)
    started: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as Popen has them
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    with start_sandbox() as sandbox:
        (child,) = started
        # As a signal leaves it that comes just when the lock is taken.
        lock = child._waitpid_lock  # type: ignore[attr-defined]  # noqa: SLF001 - no other way in
        lock.acquire()
    lock.release()
    child.wait(10)
    assert not is_listening(sandbox)
