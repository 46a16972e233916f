"""The engine process, which loads both models once per machine (`python -m media.providers.local.host --socket PATH`).

Errors:
    EngineStartError: the engine process did not start; the message contains the reason
"""

import argparse
import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from media.providers.engine_process.server import READY, end_with_parent, serve_until_stopped
from media.providers.local.service import EngineService

ROOT: Final = Path(__file__).resolve().parents[3]
_STOP_S: Final = 10.0


class EngineStartError(Exception):
    """The engine process did not start. The message contains the reason."""


@contextmanager
def running_engine(path: Path, timeout_s: float = 120.0) -> Iterator[int]:
    """Run the engine as a child process that listens at `path`, and yield its process ID. The child ends with its
    parent.

    Raises EngineStartError if the engine is not ready in time (the first start on a machine reads 150 MB from disk).
    """
    command = [sys.executable, "-m", "media.providers.local.host", "--socket", str(path.resolve()), "--child"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        _await_ready(process, timeout_s)
        yield process.pid
    finally:
        _stop(process)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine. Return the exit code: 0 after a clean stop, 1 if the engines cannot be loaded or the socket
    cannot be opened."""
    parser = argparse.ArgumentParser(prog="python -m media.providers.local.host", description="The speech engine.")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen at")
    parser.add_argument("--child", action="store_true", help="end when the parent process or the standard input does")
    arguments = parser.parse_args(argv)
    if arguments.child:
        end_with_parent()
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
    try:
        await serve_until_stopped(service.serve, path, child=child)
    finally:
        await service.close()


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
