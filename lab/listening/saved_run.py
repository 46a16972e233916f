"""A run's file: written after each family, so that one that was stopped goes on where it was."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from lab.listening.results import ListeningRun

_ROOT: Final = Path(__file__).parents[2]
# What a call's outcome depends on: code, models and lists of clips. Documents are no part of it.
_FOLDERS: Final = ("media", "shared", "vendors", "lab/listening")
_PASSED_OVER: Final = (".md", ".pyc")


class FolderInUse(Exception):
    """Another process uses the folder; the message names the file that it has locked."""


@lru_cache(maxsize=1)
def code_version() -> str:
    """A hash of everything that the cases of a run depend on, except the packages."""
    digest = hashlib.sha256()
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix not in _PASSED_OVER:
                digest.update(f"{path.relative_to(_ROOT)} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def load_run(path: Path, wanted: ListeningRun) -> ListeningRun:
    """The run that the file holds, if it was made as `wanted` is to be, by the same code; else `wanted`."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=ListeningRun)
    except (FileNotFoundError, msgspec.DecodeError):
        return wanted
    return found if found.setup == wanted.setup else wanted


def save(path: Path, content: object) -> None:
    """Writes the file as a whole: whoever is stopped meanwhile leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.half")
    half.write_bytes(msgspec.json.encode(content))
    half.replace(path)


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Keeps other processes out of the folder, whose files one at a time may write. Raises FolderInUse."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise FolderInUse(f"{path} is locked: another run uses {folder}; wait for it, or give --cache") from error
    finally:
        os.close(descriptor)
