"""A disk that can be filled: a mounted file system where that is permitted, else a limit on what programs may write."""

import errno
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final, Protocol

# Holds the recordings of 50 calls for a minute and a half after it was freed: 32 KB a second each.
SIZE_BYTES: Final = 192 * 1_048_576
_PIECE: Final = bytes(1_048_576)
_BALLAST: Final = "ballast"


class SmallDisk(Protocol):
    """kind: how it is made, for the report."""

    kind: str

    def fill(self, programs: Sequence[int]) -> None:
        """Leaves these programs no room; again and again, because they may free some. Raises OSError."""

    def free(self, programs: Sequence[int]) -> None:
        """Gives the room back."""


class MountedDisk:
    """A tmpfs: programs get ENOSPC, and may make holes in files, as on any full disk. Root alone may mount one."""

    kind = "tmpfs (ENOSPC)"

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / _BALLAST

    def fill(self, programs: Sequence[int]) -> None:
        """As in SmallDisk."""
        with self._ballast.open("ab", buffering=0) as file:
            for piece in (_PIECE, _PIECE[:4_096], _PIECE[:1]):
                _write_until_full(file, piece)

    def free(self, programs: Sequence[int]) -> None:
        """As in SmallDisk."""
        self._ballast.unlink()


class LimitedFiles:
    """No file of the programs grows any more (RLIMIT_FSIZE): they get EFBIG, for holes too. Needs no rights."""

    kind = "RLIMIT_FSIZE (EFBIG)"

    def fill(self, programs: Sequence[int]) -> None:
        """As in SmallDisk."""
        self._limit(programs, 0)

    def free(self, programs: Sequence[int]) -> None:
        """As in SmallDisk."""
        self._limit(programs, resource.RLIM_INFINITY)

    def _limit(self, programs: Sequence[int], size: int) -> None:
        for pid in programs:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """The disk of an empty folder, while the block lasts."""
    options = f"size={SIZE_BYTES},mode=0711"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        yield LimitedFiles()
        return
    try:
        yield MountedDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _write_until_full(file: FileIO, piece: bytes) -> None:
    """Raises OSError for any other failure."""
    try:
        while file.write(piece) == len(piece):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
