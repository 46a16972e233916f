"""`vocalized services`: PostgreSQL and Valkey in the foreground, for other programs."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from vocalized.services.folders import make_files_private
from vocalized.services.postgres import serve_postgres
from vocalized.services.process import ServiceFailed
from vocalized.services.valkey import serve_valkey

_POLL_S = 0.5


class _Stopped(BaseException):
    """SIGINT or SIGTERM; a BaseException, so that no handler of errors catches it."""


def run_services(state: Path, *, durable: bool, as_json: bool, console: Console) -> int:
    """Runs until SIGINT or SIGTERM: exit code 0. A service that does not start, or ends by itself: exit code 1."""
    make_files_private()
    try:
        with (
            _stoppable(),
            serve_postgres(state, durable=durable) as postgres,
            serve_valkey(state, durable=durable) as valkey,
        ):
            _announce({"database_url": postgres.url, "redis_url": valkey.url}, as_json, console)
            ended = _until_one_ends({"PostgreSQL": postgres.process, "Valkey": valkey.process})
    except _Stopped:
        return 0
    except ServiceFailed as error:
        print(f"vocalized: {error}", file=sys.stderr)
        return 1
    print(f"vocalized: {ended} ended by itself; see its log in {state}", file=sys.stderr)
    return 1


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turns the first SIGINT or SIGTERM into an exception, and ignores further ones during the shutdown."""
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop(_: int, frame: FrameType | None) -> NoReturn:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(urls: dict[str, str], as_json: bool, console: Console) -> None:
    if as_json:
        print(json.dumps(urls), flush=True)
        return
    for name, url in urls.items():
        console.print(f"{name:14}{url}", soft_wrap=True)
    console.print("Ctrl-C stops both")


def _until_one_ends(services: dict[str, "subprocess.Popen[bytes]"]) -> str:
    while True:
        for name, process in services.items():
            if process.poll() is not None:
                return name
        time.sleep(_POLL_S)
