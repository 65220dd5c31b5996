"""An API that answers at every address, and says which ones were asked."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock
from urllib.parse import urlsplit

import httpx

from batch.jobs import gate
from batch.terminal.command_line import run_command_line
from tests.support.answering import Answering
from tests.support.shell import Shell
from tests.support.wired import confirmed

EVIL = "https://evil.example"
OUR = "https://api.sendkit.ai"


@contextmanager
def everywhere() -> Iterator[list[str]]:
    """Within it every address is an API; the hosts of all requests, in their order."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return confirmed(request)
        found = {"/v1/workspaces": [{"_id": "w1", "name": "Acme"}]}.get(request.url.path, [])
        return httpx.Response(200, json={"success": True, "data": found})

    def make_transport(*, base_url: str, **_: object) -> httpx.AsyncBaseTransport:
        def asking(request: httpx.Request) -> httpx.Response:
            asked.append(urlsplit(base_url).netloc)
            return answer(request)

        return Answering(asking)

    with mock.patch.object(gate, "make_transport", make_transport):
        yield asked


def typed(shell: Shell, *words: str) -> tuple[int, list[str]]:
    """A whole command line: its exit code, and the hosts that were asked."""
    shell.monkeypatch.setattr(sys, "argv", ["sendkit-batch", *words])
    with everywhere() as asked:
        return shell.do(run_command_line), asked


def printed_commands(text: str) -> list[list[str]]:
    """The whole commands that a refusal prints, without the program's name."""
    found = re.findall(r"(?:: |^)(sendkit-batch .*?)$", text, flags=re.MULTILINE)
    return [shlex.split(each)[1:] for each in found]


def as_toml(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def as_json(**values: object) -> str:
    return json.dumps(values)
