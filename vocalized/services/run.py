"""`vocalized services`: both embedded services in the foreground, for whoever needs them from outside."""

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

from vocalized.services.child import ServiceFailed
from vocalized.services.postgres import serve_postgres
from vocalized.services.valkey import serve_valkey

_LOOK_S = 0.5


class _Stopped(BaseException):
    """Somebody asked for the end; passes through everything that catches errors."""


def run_services(state: Path, *, durable: bool, as_json: bool, console: Console) -> int:
    """Until SIGINT or SIGTERM: exit code 0. A service that does not start, or ends by itself: 1."""
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
    """Makes the first SIGINT or SIGTERM an exception, and deaf to further ones while all is ended in order."""
    wishes = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for wish in wishes:
            signal.signal(wish, signal.SIG_IGN)
        raise _Stopped

    before = {wish: signal.signal(wish, stop) for wish in wishes}
    try:
        yield
    finally:
        for wish, handler in before.items():
            signal.signal(wish, handler)


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
        time.sleep(_LOOK_S)
