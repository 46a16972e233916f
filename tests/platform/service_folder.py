"""Folders for the data of PostgreSQL and Valkey in tests: in memory where there is room."""

import shutil
from pathlib import Path
from tempfile import mkdtemp

# A copy of the migrated database has 300 files and 8 MB. On a disk it takes 60 ms to 1.5 s, in memory 20 to 40 ms.
MEMORY = Path("/dev/shm")
# Two test processes have a dozen databases and 300 MB of write-ahead log at most.
ROOM_BYTES = 2**30


def make_service_folder(memory: Path = MEMORY, room_bytes: int = ROOM_BYTES) -> Path:
    """Makes a folder with a short path that the user `nobody` can reach, unlike pytest's temporary folders.

    It is in /tmp if `memory` is missing or has less than `room_bytes` left, as in a container.
    """
    in_memory = memory.is_dir() and shutil.disk_usage(memory).free >= room_bytes
    folder = Path(mkdtemp(prefix="vocalized-tests-", dir=memory if in_memory else "/tmp"))
    folder.chmod(0o711)
    return folder
