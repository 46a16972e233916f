"""Appends whole lines to a file, even if its disk fills up."""

import errno
import os
from io import FileIO


def append_whole(file: FileIO, data: bytes) -> None:
    """Append all of the data or nothing. Raises OSError.

    A partial write to a full disk is removed; otherwise the next line would continue in the middle of this one.

    Args:
        file: A file that was opened for appending.
    """
    written = file.write(data)
    if written != len(data):
        file.truncate(os.fstat(file.fileno()).st_size - written)
        raise OSError(errno.ENOSPC, "the disk accepted only a part of the data")
