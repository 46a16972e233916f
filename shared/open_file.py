"""Files that stay open while a program runs."""

import os
from pathlib import Path
from typing import Protocol


class OpenFile(Protocol):
    """An open file of the operating system."""

    def fileno(self) -> int:
        """Return the file's descriptor."""


def is_in_place(file: OpenFile, path: str | Path) -> bool:
    """Return whether the path still names this open file.

    If the file was removed, perhaps with its folder, writes succeed but nobody can ever read the data. If the system
    cannot answer (EIO, a share that is away), the file counts as in place, because a new file would overwrite its data.
    """
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
