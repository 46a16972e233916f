"""Appends whole lines to a file, even if its disk fills up."""

import errno
import os
from io import FileIO


def append_whole(file: FileIO, data: bytes) -> None:
    """Appends all of it or nothing: what a full disk took of it is removed, or the next line would go on in the middle
    of this one. file: opened for appending. Raises OSError."""
    written = file.write(data)
    if written != len(data):
        file.truncate(os.fstat(file.fileno()).st_size - written)
        raise OSError(errno.ENOSPC, "the disk took only a part")
