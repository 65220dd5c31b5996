"""How somebody gets to the page: tokens, the file that forwards, and what is printed."""

import json
import os
import re
import signal
import stat
import sys
import threading
import time
from pathlib import Path

import pexpect
import pytest

from batch.web.doorway import Doorway
from batch.web.tokens import StartTokens, TokenUse
from tests.support.program import command, ended, environment, started
from tests.support.web_site import ACCESS, BASE, PORT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs modes of files")
ADDRESS = f"http://127.0.0.1:{PORT}{BASE}/start?token="


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_good_once() -> None:
    tokens = StartTokens()
    token = tokens.make()
    assert [tokens.use(token) for _ in range(3)] == [TokenUse.TAKEN, TokenUse.USED, TokenUse.USED]
    assert tokens.use("another") is TokenUse.UNKNOWN
    assert tokens.use("") is TokenUse.UNKNOWN


@pytest.mark.parametrize(("after_s", "use"), [(60.0, TokenUse.TAKEN), (60.1, TokenUse.LATE)])
def test_a_token_is_good_for_a_minute(after_s: float, use: TokenUse) -> None:
    clock = Clock()
    tokens = StartTokens(clock=clock)
    token = tokens.make()
    clock.now += after_s
    assert tokens.use(token) is use


def test_a_token_that_is_shown_to_people_has_time() -> None:
    clock = Clock()
    tokens = StartTokens(clock=clock)
    token = tokens.make(lasts_s=None)
    clock.now += 10**6
    assert tokens.use(token) is TokenUse.TAKEN
    token = tokens.make()
    tokens.keep(token)
    clock.now += 10**6
    assert tokens.use(token) is TokenUse.TAKEN


def test_a_fresh_token_makes_the_earlier_one_void() -> None:
    tokens = StartTokens()
    old, new = tokens.make(), tokens.make()
    tokens.keep(old)
    assert tokens.use(old) is TokenUse.UNKNOWN
    assert tokens.use(new) is TokenUse.TAKEN


def test_one_token_is_taken_by_one_of_many_who_come_at_once() -> None:
    tokens = StartTokens()
    token = tokens.make()
    uses: list[TokenUse] = []
    threads = [threading.Thread(target=lambda: uses.append(tokens.use(token))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert uses.count(TokenUse.TAKEN) == 1


def doorway(
    folder: Path, tokens: StartTokens, files: list[Path], *, is_started: bool, is_taken: bool
) -> Doorway:
    """A browser that starts or doesn't, and that takes the file up or doesn't."""

    def open_file(path: Path) -> bool:
        files.append(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found = re.search(re.escape(ADDRESS) + r'([\w-]+)"', path.read_text("utf-8"))
        assert found is not None
        if is_taken:
            assert tokens.use(found[1]) is TokenUse.TAKEN
        return is_started

    return Doorway(
        ACCESS, tokens, folder, opens=True, open_file=open_file, taken_up_within_s=0.05
    )  # fmt: skip


def printed_token(text: str) -> str:
    (token,) = re.findall(re.escape(ADDRESS) + r"(\S+)", text)
    return str(token)


def test_a_browser_that_takes_the_file_up_is_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files: list[Path] = []
    before = os.umask(0)  # whatever the user's is, the file is theirs alone
    try:
        doorway(tmp_path, StartTokens(), files, is_started=True, is_taken=True).open()
    finally:
        os.umask(before)
    assert capsys.readouterr().out == ""  # no address is shown that somebody could look at
    assert len(files) == 1


@pytest.mark.parametrize("is_started", [True, False])
def test_without_a_browser_the_address_is_printed_and_good_once_without_the_minute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_started: bool
) -> None:
    clock = Clock()
    tokens = StartTokens(clock=clock)
    doorway(tmp_path, tokens, [], is_started=is_started, is_taken=False).open()
    out = capsys.readouterr().out
    assert out.startswith(
        "The browser did not open the page. Open this address yourself, it is good once: http"
    )
    clock.now += 10**6
    assert tokens.use(printed_token(out)) is TokenUse.TAKEN


def test_a_folder_that_takes_no_file_leaves_the_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = StartTokens()
    doorway(tmp_path / "none", tokens, [], is_started=True, is_taken=True).open()
    assert tokens.use(printed_token(capsys.readouterr().out)) is TokenUse.TAKEN


def test_a_fresh_address_is_printed_and_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens, is_open = StartTokens(), threading.Event()
    files: list[Path] = []

    def open_file(path: Path) -> bool:
        files.append(path)
        is_open.set()
        return True

    door = Doorway(ACCESS, tokens, tmp_path, opens=True, open_file=open_file)
    door.again()
    token = printed_token(capsys.readouterr().out)
    assert is_open.wait(10)
    assert token in files[0].read_text("utf-8")
    assert tokens.use(token) is TokenUse.TAKEN


FAKE_BROWSER = """#!{python}
import json, os, re, sys, urllib.parse, urllib.request
path = urllib.parse.urlsplit(sys.argv[1]).path
text = open(urllib.request.url2pathname(path), encoding="utf-8").read()
with open(os.environ["SEEN"] + "~", "w") as file:
    mode = os.stat(path).st_mode
    json.dump({{"argv": sys.argv, "environ": dict(os.environ), "mode": mode}}, file)
urllib.request.urlopen(re.search(r"url=([^\\"]+)", text)[1]).close()
os.rename(os.environ["SEEN"] + "~", os.environ["SEEN"])
"""


def test_the_browser_gets_neither_the_key_nor_a_token_in_its_arguments(tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen.json"
    browser.write_text(FAKE_BROWSER.format(python=sys.executable), encoding="utf-8")
    browser.chmod(0o700)
    env = {
        "BROWSER": str(browser),
        "SEEN": str(seen),
        "SENDKIT_API_KEY": "sk_0123456789abcdefghij",
        "SENDKIT_BATCH_PACE_RATE": "3",
    }
    with started("web", cwd=tmp_path, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"The page opens in your browser. Ctrl-C ends it.\n"
        give_up_at = time.monotonic() + 30
        while not seen.exists():
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        ran = ended(process, cwd=tmp_path)
    told = json.loads(seen.read_text("utf-8"))
    assert (ran.exit_code, ran.out) == (0, "")
    assert not [name for name in told["environ"] if name.startswith("SENDKIT")]
    assert not [text for text in told["argv"] if "token" in text or "127.0.0.1" in text]
    assert stat.S_IMODE(told["mode"]) == 0o600


def test_enter_in_the_terminal_gives_a_fresh_address(tmp_path: Path) -> None:
    words = command("web", "--no-open")
    child = pexpect.spawn(
        words[0], words[1:], cwd=tmp_path, env=environment(tmp_path), encoding="utf-8", timeout=30
    )
    try:
        address = r"The page: (http://127\.0\.0\.1:\d+/\S+/start\?token=\S+)"
        child.expect(address)
        first = str(child.after)
        child.expect_exact("Enter shows a fresh address. Ctrl-C ends it.")
        child.sendline()
        child.expect(address)
        assert str(child.after) != first
        assert str(child.after).partition("token")[0] == first.partition("token")[0]
        child.sendintr()
        child.expect_exact("The page is closed.")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0
    finally:
        child.close(force=True)
