"""An embedded Valkey (Redis protocol), on a Unix socket only."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vocalized.services.binaries import valkey_program
from vocalized.services.folders import locked, make_state, socket_folder
from vocalized.services.process import Program, ServiceFailed, running
from vocalized.services.thread import in_thread
from vocalized.services.valkey_users import user_lines

_READY_S = 30.0
# After so long Redis answers that a script keeps it busy, and control ends the script. The longest script of ours takes
# 21 ms.
BUSY_MS = 500
_ENDINGS = ((signal.SIGTERM, 15.0),)


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def serve_valkey(
    state: Path, *, durable: bool, sockets: Path | None = None, passwords: Mapping[str, str] | None = None
) -> Iterator[Valkey]:
    """Runs Valkey on `state`/valkey for as long as the block lasts; it answers when the block begins.

    `durable`: every write goes to a log on disk, synced once a second; else all data is lost at the end. Leave the
    block in the thread that entered it. sockets: a folder of `socket_folder`; None makes one. passwords: of the
    programs' users (`valkey_users`), who are the only ones then; `user_url` has their URLs. Raises ServiceFailed, also
    when another process uses this state.
    """
    state = make_state(state)
    data = state / "valkey"
    data.mkdir(exist_ok=True)
    own = socket_folder(state, None) if sockets is None else nullcontext(sockets)
    with locked(state / "valkey.lock") as lock, own as folder:
        path = folder / "valkey.sock"
        command = [str(valkey_program()), *_flags(path, durable)]
        if passwords is not None:
            write_private(data / "users.acl", "\n".join(user_lines(passwords)) + "\n")
            command += ["--aclfile", str(data / "users.acl")]
        program = Program(command, data, state / "valkey.log", lock, _ENDINGS)
        with running(program) as process:
            _until_ready(program, process, path)
            yield Valkey(f"unix://{quote(str(path))}", process)


@asynccontextmanager
async def running_valkey(
    state: Path, *, durable: bool, sockets: Path | None = None, passwords: Mapping[str, str] | None = None
) -> AsyncIterator[Valkey]:
    """As `serve_valkey`, without blocking the loop."""
    async with in_thread(serve_valkey(state, durable=durable, sockets=sockets, passwords=passwords)) as valkey:
        yield valkey


def user_url(url: str, name: str, password: str) -> str:
    """The URL by which a program signs in as its user, of that of a server."""
    return url.replace("unix://", f"unix://{name}:{quote(password, safe='')}@", 1)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)


def _flags(path: Path, durable: bool) -> list[str]:
    flags = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--save", "", "--daemonize", "no"]
    flags += ["--busy-reply-threshold", str(BUSY_MS)]
    return [*flags, "--appendonly", "yes" if durable else "no", "--maxmemory-policy", "noeviction"]


def _until_ready(program: Program, process: subprocess.Popen[bytes], path: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while not _answers(path):
        if process.poll() is not None:
            raise ServiceFailed(f"Valkey ended with code {process.returncode}:\n{program.tail()}")
        if time.monotonic() > deadline:
            raise ServiceFailed(f"Valkey was not ready after {_READY_S:g} s:\n{program.tail()}")
        time.sleep(0.01)


def _answers(path: Path) -> bool:
    """Whether it answers PING. False also while it reads its log: then it answers -LOADING."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
