"""Files that stay open while a program runs."""

import os
from pathlib import Path
from typing import Protocol


class OpenFile(Protocol):
    """A file of the system."""

    def fileno(self) -> int:
        """Its descriptor."""


def is_in_place(file: OpenFile, path: str | Path) -> bool:
    """Whether the path still names this open file. One that somebody removed, with its folder perhaps, takes what is
    written without an error, and nobody can ever read it. Where the system cannot tell (EIO, a share that is away) it
    counts as in place: a new file would overwrite what is in it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
