"""The server of a helper process. It listens at a Unix socket until it is stopped or its parent process ends."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

# The line that the process prints when it listens.
READY: Final = "ready"
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve_until_stopped(serve: Serve, path: Path, *, child: bool) -> None:
    """Serve each connection at the socket until SIGTERM or SIGINT.

    Args:
        child: Also stop when the standard input is closed.

    Raises:
        OSError: The socket cannot be opened, or another process listens there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if child:
        loop.add_reader(sys.stdin, _on_stdin, loop, stop)
    _remove_stale(path)
    before = os.umask(0o177)  # only this user may connect: the socket carries callers' speech
    try:
        server = await asyncio.start_unix_server(serve, path)
    finally:
        os.umask(before)
    print(READY, flush=True)
    await stop.wait()
    server.close()


def end_with_parent() -> None:
    """End this process when its parent is killed (Linux only; on other systems the closed standard input ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _on_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin)
        stop.set()


def _remove_stale(path: Path) -> None:
    """Remove a socket file without a listener. Raises OSError if a process listens at the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except FileNotFoundError:
            return
        else:
            raise OSError(f"{path}: another engine listens at this socket")
