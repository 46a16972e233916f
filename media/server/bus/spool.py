"""What a process has not got rid of yet, on disk: it outlives the process, and the next one finds it.

STATE/spool/<node id>/  lock          held by the process that owns the folder; goes with it
                        events.jsonl  events that Redis did not take, oldest first
                        recordings/<workspace id>/<call id>-<leg>.wav
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_CHUNK: Final = 262_144
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NodeFolder:
    """One process' folder. File work: call it off the event loop where it matters."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock

    @classmethod
    def make(cls, spool: Path, node_id: str) -> "NodeFolder":
        """A folder of one's own. It appears with its lock held, for others look for folders without an owner. Raises
        OSError."""
        hidden, path = spool / f".{node_id}", spool / node_id
        (hidden / "recordings").mkdir(parents=True)
        lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        return cls(path, lock)

    @classmethod
    def take(cls, path: Path) -> "NodeFolder | None":
        """A folder whose process is dead; None while somebody has it, or when it is gone."""
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
        """Where a stream's recording is written; its key follows from that alone."""
        workspace = workspace_id if _PLAIN.fullmatch(workspace_id) else "none"
        return self.path / "recordings" / workspace / f"{call_id}-{leg}.wav"

    def recordings(self) -> Iterator[Path]:
        """All recordings that are still here."""
        yield from sorted((self.path / "recordings").glob("*/*.wav"))

    def release(self) -> None:
        """Gives it up; it goes when nothing is left in it. Raises OSError when it cannot go, given up all the same."""
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


def abandoned(spool: Path) -> list[Path]:
    """Folders that may have no owner any more, by name."""
    try:
        return sorted(path for path in spool.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


class EventFile:
    """Lines on disk, oldest first. One thread at a time."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._start = 0  # of what has not been sent
        self._end = path.stat().st_size if path.exists() else 0

    @property
    def waiting(self) -> bool:
        """Something is to be sent."""
        return self._start < self._end

    def add(self, lines: Sequence[bytes]) -> int:
        """Appends; returns how many lines had room. Raises OSError, then none was added."""
        room, data = self._max_bytes - self._end, bytearray()
        taken = 0
        for line in lines:
            if len(data) + len(line) + 1 > room:
                break
            data += line + b"\n"
            taken += 1
        if taken:
            self._append(bytes(data))
        return taken

    def head(self, most: int) -> list[bytes]:
        """The oldest lines. One that was cut off by a crash is not among them. Raises OSError."""
        with self._path.open("rb") as file:
            file.seek(self._start)
            data = file.read(_CHUNK)
            while b"\n" not in data and (more := file.read(_CHUNK)):
                data += more
        if b"\n" not in data:
            self._end = self._start  # a line without its end, and nothing after it
        return data.split(b"\n")[:-1][:most]

    def done(self, lines: Sequence[bytes]) -> None:
        """The oldest lines, as `head` gave them, were sent. Raises OSError."""
        self._start += sum(len(line) + 1 for line in lines)
        if not self.waiting:
            self._path.unlink(missing_ok=True)
            self._start = self._end = 0

    def _append(self, data: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            try:
                written = file.write(data)
                if written != len(data):
                    raise OSError("the disk took a part only")
            except OSError:
                file.truncate(self._end)
                raise
        self._end += len(data)
