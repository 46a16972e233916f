"""The state folder of a service: who holds it, and where its socket goes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from vocalized.services.account import Account, reachable, settle
from vocalized.services.child import ServiceFailed

# The kernel's sockaddr_un holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
_LONGEST_SOCKET = 103
_LONGEST_NAME = len("/.s.PGSQL.5432")


@contextmanager
def held(lock: Path, patience_s: float = 20.0) -> Iterator[int]:
    """Holds a lock file; its descriptor is handed to the server, so that the lock lasts until the last process ended.

    Who gets the lock therefore knows that no server of an earlier owner is left, not even one still shutting down.
    Raises ServiceFailed when another holds it for longer than `patience_s`.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _until_locked(descriptor, lock, time.monotonic() + patience_s)
        yield descriptor
    finally:
        os.close(descriptor)


def _until_locked(descriptor: int, lock: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{lock.parent} is in use by another process, which holds {lock.name}") from None
        time.sleep(0.05)


@contextmanager
def socket_folder(state: Path, account: Account | None) -> Iterator[Path]:
    """A folder for sockets that only the account enters: `state`/run, or a short one in /tmp where that won't do."""
    wanted = state / "run"
    if len(os.fsencode(wanted)) + _LONGEST_NAME <= _LONGEST_SOCKET and reachable(wanted, account):
        yield settle(wanted, account)
        return
    with TemporaryDirectory(prefix="vocalized-", dir="/tmp") as short:
        yield settle(Path(short), account)
