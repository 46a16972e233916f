"""The engine process: both models loaded once for the machine (`python -m media.providers.local.host --socket PATH`).

Errors:
    EngineStartError   the engine process did not start; the message holds the reason
"""

import argparse
import asyncio
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from media.providers.local.service import EngineService

ROOT: Final = Path(__file__).resolve().parents[3]
READY: Final = "ready"
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_STOP_S: Final = 10.0


class EngineStartError(Exception):
    """The engine process did not start; the message holds the reason."""


@contextmanager
def running_engine(path: Path, timeout_s: float = 120.0) -> Iterator[int]:
    """Runs the engine process as a child that listens at `path`; yields its process id. The child ends with its parent.

    Raises EngineStartError when it is not ready in time (the first start of a machine reads 150 MB from disk)."""
    command = [sys.executable, "-m", "media.providers.local.host", "--socket", str(path.resolve()), "--child"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        _await_ready(process, timeout_s)
        yield process.pid
    finally:
        _stop(process)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after a clean stop, 1 when the engines cannot be loaded or the socket not be opened."""
    parser = argparse.ArgumentParser(prog="python -m media.providers.local.host", description="The speech engine.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen at")
    parser.add_argument("--child", action="store_true", help="end when the parent process or the standard input does")
    arguments = parser.parse_args(argv)
    if arguments.child:
        _die_with_parent()
    # Imported late, because parents of this process do not need the models.
    from media.providers.local.engine_loader import SpeechModelError, load_engines

    try:
        asyncio.run(_serve(load_engines(), arguments.socket, arguments.child))
        arguments.socket.unlink(missing_ok=True)
    except (SpeechModelError, OSError) as error:
        print(error, flush=True)
        return 1
    return 0


async def _serve(service: EngineService, path: Path, child: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if child:
        loop.add_reader(sys.stdin, _on_stdin, loop, stop)
    _remove_stale(path)
    before = os.umask(0o177)  # only this user may connect: the socket carries callers' speech
    try:
        server = await asyncio.start_unix_server(service.serve, path)
    finally:
        os.umask(before)
    print(READY, flush=True)
    await stop.wait()
    server.close()
    await service.close()


def _on_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin)
        stop.set()


def _die_with_parent() -> None:
    """Ends this process when its parent is killed (Linux only; elsewhere the closed standard input ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _remove_stale(path: Path) -> None:
    """Removes a socket file without a listener. Raises OSError when a process listens at it."""
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except FileNotFoundError:
            return
        else:
            raise OSError(f"{path}: another engine listens there")


def _await_ready(process: "subprocess.Popen[bytes]", timeout_s: float) -> None:
    assert process.stdout is not None
    line, deadline = b"", time.monotonic() + timeout_s
    while not line.endswith(b"\n"):
        if not select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise EngineStartError(f"the speech engine is not ready after {timeout_s:g} s")
        byte = os.read(process.stdout.fileno(), 4096)
        if not byte:
            raise EngineStartError(f"the speech engine ended with exit code {process.wait()}")
        line += byte
    if (reply := line.decode().strip()) != READY:
        raise EngineStartError(reply)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(BrokenPipeError):
                pipe.close()
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
