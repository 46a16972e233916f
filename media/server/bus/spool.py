"""What a process has not sent yet, on disk: it outlives the process, and another one recovers it.

STATE/spool/<node id>/  lock          flock of the process that owns the folder; released when it dies
                        events.jsonl  events that Redis has not accepted, oldest first
                        recordings/<workspace id>/<call id>-<leg>.wav
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from media.server.line_file import append_whole

_CHUNK: Final = 262_144
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NodeFolder:
    """The folder of one process. All methods block on file operations."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock

    @classmethod
    def create(cls, spool: Path, node_id: str) -> "NodeFolder":
        """Creates a folder. It is renamed into place with its lock held, because others look for folders without an
        owner. Raises OSError."""
        hidden, path = spool / f".{node_id}", spool / node_id
        (hidden / "recordings").mkdir(parents=True)
        lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        return cls(path, lock)

    @classmethod
    def take_over(cls, path: Path) -> "NodeFolder | None":
        """Locks the folder of a dead process; None when it is locked by another process or was removed."""
        try:
            lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_ino == (path / "lock").stat().st_ino:
                return cls(path, lock)
        except OSError:
            pass
        os.close(lock)
        return None

    @property
    def events(self) -> Path:
        """The file of events."""
        return self.path / "events.jsonl"

    def recording(self, workspace_id: str, call_id: str, leg: int) -> Path:
        """The path of a stream's recording; its key in storage is derived from it."""
        workspace = workspace_id if _PLAIN.fullmatch(workspace_id) else "none"
        return self.path / "recordings" / workspace / f"{call_id}-{leg}.wav"

    def recordings(self) -> Iterator[Path]:
        """All recordings that are still in the folder."""
        yield from sorted((self.path / "recordings").glob("*/*.wav"))

    def release(self) -> None:
        """Unlocks the folder and removes it if nothing is left in it. Raises OSError when it cannot be removed; it is
        unlocked then too."""
        try:
            if not self.events.exists() and not any(self.recordings()):
                self._remove()
        finally:
            os.close(self._lock)

    def _remove(self) -> None:
        for folder in (*(self.path / "recordings").glob("*"), self.path / "recordings"):
            folder.rmdir()
        (self.path / "lock").unlink()
        self.path.rmdir()


def list_folders(spool: Path) -> list[Path]:
    """All node folders, by name; those of dead processes can be taken over."""
    try:
        return sorted(path for path in spool.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


class EventFile:
    """Queue of lines in a file. One thread at a time."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._start = 0  # offset of the first unsent line
        self._end = path.stat().st_size if path.exists() else 0

    @property
    def has_unsent(self) -> bool:
        """Whether there are lines to be sent."""
        return self._start < self._end

    def append(self, lines: Sequence[bytes]) -> int:
        """Appends lines up to the size limit; returns how many. Raises OSError, and appends none then."""
        room, data = self._max_bytes - self._end, bytearray()
        count = 0
        for line in lines:
            if len(data) + len(line) + 1 > room:
                break
            data += line + b"\n"
            count += 1
        if count:
            self._write(bytes(data))
        return count

    def read_oldest(self, most: int) -> list[bytes]:
        """The oldest lines, at most `most`. A line that was cut off by a crash is skipped. Raises OSError."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            data = file.read(_CHUNK)
            while b"\n" not in data and (more := file.read(_CHUNK)):
                data += more
        if b"\n" not in data:
            self._end = self._start  # only a line that was cut off is left
        return data.split(b"\n")[:-1][:most]

    def remove_oldest(self, lines: Sequence[bytes]) -> None:
        """Removes the oldest lines, as `read_oldest` returned them. Raises OSError."""
        self._start += sum(len(line) + 1 for line in lines)
        if not self.has_unsent:
            self._path.unlink(missing_ok=True)
            self._start = self._end = 0

    def _write(self, data: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            append_whole(file, data)
        self._end += len(data)
