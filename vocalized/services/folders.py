"""The state folder of a service: its creation, its lock, and the folder for its socket."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from vocalized.services.account import Account, make_folder, reachable, server_account
from vocalized.services.process import ServiceFailed

# The kernel's sockaddr_un holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
_LONGEST_SOCKET = 103
_LONGEST_NAME = len("/.s.PGSQL.5432")


def make_state(folder: Path) -> Path:
    """The real path of a state folder that can be written; it is created if it is missing. Raises ServiceFailed.

    A new one is closed to others; if this process is root, they may enter it without listing it, because PostgreSQL
    runs as another user in a folder below. The mode of an existing folder stays as its owner set it.
    """
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700 if server_account() is None else 0o711)
        with TemporaryFile(dir=folder):
            return folder.resolve()
    except FileExistsError:
        raise ServiceFailed(f"the state folder {folder} cannot be used: Not a directory") from None
    except OSError as error:
        raise ServiceFailed(f"the state folder {folder} cannot be used: {error.strerror or error}") from None


def make_files_private() -> None:
    """Whatever this process and its children write from now on is readable by their user alone: it holds callers' words
    or secrets."""
    os.umask(0o077)


@contextmanager
def locked(lock: Path, patience_s: float = 20.0) -> Iterator[int]:
    """Locks a file. Its descriptor is passed to the server, so that the lock lasts until the last process has ended.

    Whoever gets the lock can rely on that no server of an earlier owner is left, not even one still shutting down.
    Raises ServiceFailed when another process holds it for longer than `patience_s`.
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


def is_locked(lock: Path) -> bool:
    """Whether another process holds a lock of `locked`. Creates nothing."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def socket_folder(state: Path, account: Account | None) -> Iterator[Path]:
    """A folder for sockets that only the account may enter: `state`/run, or one in /tmp if that path is too long."""
    wanted = state / "run"
    if len(os.fsencode(wanted)) + _LONGEST_NAME <= _LONGEST_SOCKET and reachable(wanted, account):
        yield make_folder(wanted, account)
        return
    with TemporaryDirectory(prefix="vocalized-", dir="/tmp") as short:
        yield make_folder(Path(short), account)
