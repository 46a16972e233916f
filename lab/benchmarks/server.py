"""Runs a server under test on its own core."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.benchmarks.delays import PLAN

ROOT = Path(__file__).parents[2]
READY_S = 60.0
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that can be measured. `{port}` in its arguments is replaced by the port. path: of its media socket.
    folder: the checkout in which it runs. environment: added to ours."""

    name: str
    title: str
    arguments: tuple[str, ...]
    path: str
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)


OURS = Contender("ours", "Vocalized media", ("-m", "media", "--port", "{port}", "--plan", str(PLAN)), "/media/twilio")
STOCK = Contender(
    "stock",
    "stock pipecat",
    ("-m", "lab.benchmarks.peers.pipecat_server", "--mode", "stock", "--port", "{port}"),
    "/ws",
)
LEAN = Contender(
    "lean",
    "lean pipecat",
    ("-m", "lab.benchmarks.peers.pipecat_server", "--mode", "lean", "--port", "{port}"),
    "/ws",
)


class NotReady(Exception):
    """The server ended, or was not healthy in time; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running server. pid: of its first process. url: of its media socket."""

    pid: int
    url: str


@contextmanager
def running(contender: Contender, core: int, log: Path) -> Iterator[Running]:
    """Runs the server pinned to `core`; stops it with SIGTERM. Raises NotReady."""
    port = free_port()
    with log.open("wb") as output:
        process = _start(contender, port, core, output.fileno())
        try:
            wait_healthy(process, port, log)
            yield Running(process.pid, f"ws://127.0.0.1:{port}{contender.path}")
        finally:
            stop(process)


def _start(contender: Contender, port: int, core: int, output: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, *(part.format(port=port) for part in contender.arguments)]
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # a child inherits it, with every thread that it will ever have
    try:
        return subprocess.Popen(
            arguments,
            cwd=contender.folder,
            stdout=output,
            stderr=output,
            env={**os.environ, **contender.environment},
        )
    finally:
        os.sched_setaffinity(0, own)


def wait_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if _healthy(port):
            return
        time.sleep(0.1)
    raise NotReady(f"{process.args!r} is not ready:\n{log.read_text(errors='replace')[-2000:]}")


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
