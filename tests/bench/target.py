"""Servers faster than any client, on a core of their own: nginx, or one that takes its time."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.bench.answers import ANSWERS, CHANGED
from tests.bench.measure import cpu_s

SERVER_CORE = 1

_CONF = """
worker_processes 1;
worker_cpu_affinity 10;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 60s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}{tls};
    {certificate}
    {locations}
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where it listens, what its clients need to trust it, and the process that answers."""

    base_url: str
    pid: int
    environment: Mapping[str, str] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Seconds of its core that it has used."""
        return cpu_s(self.pid)


@contextmanager
def nginx(folder: Path, *, tls: bool) -> Iterator[Target]:
    """nginx with one worker, which answers every request with 200 and a fixed body."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise SystemExit("The bench needs nginx: apt-get install nginx")
    folder.mkdir()
    port, trusted = free_port(), _certify(folder) if tls else {}
    conf = folder / "nginx.conf"
    conf.write_text(_configured(folder, port, tls=tls))
    with _started([program, "-c", str(conf)], port) as process:
        scheme = "https" if tls else "http"
        (worker,) = _children(process.pid)
        yield Target(base_url=f"{scheme}://127.0.0.1:{port}", pid=worker, environment=trusted)


@contextmanager
def slow_server(latency_s: float) -> Iterator[Target]:
    """A server that takes that long for each answer."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.slow_server", str(port), str(latency_s)]
    with _started(["taskset", "-c", str(SERVER_CORE), *command], port) as process:
        yield Target(base_url=f"http://127.0.0.1:{port}", pid=process.pid)


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _configured(folder: Path, port: int, *, tls: bool) -> str:
    answers = [(f"= {path}", body) for path, body in ANSWERS.items()]
    locations = "\n    ".join(
        f"location {where} {{ return 200 '{body.decode()}'; }}"
        for where, body in [*answers, ("/", CHANGED)]
    )
    pair = f"ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;"
    return _CONF.format(
        folder=folder,
        port=port,
        tls=" ssl" if tls else "",
        certificate=pair if tls else "",
        locations=locations,
    )


def _certify(folder: Path) -> dict[str, str]:
    """A certificate for the server, and the variables that make clients trust it."""
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1")
    pair.private_key_pem.write_to_path(folder / "server.key")
    for blob in pair.cert_chain_pems:
        blob.write_to_path(folder / "server.pem", append=True)
    trusted = str(folder / "authority.pem")
    authority.cert_pem.write_to_path(trusted)
    return {"SSL_CERT_FILE": trusted, "REQUESTS_CA_BUNDLE": trusted}


@contextmanager
def _started(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command) as process:
        try:
            _wait_for(port, process)
            yield process
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("The target did not start.")


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]
