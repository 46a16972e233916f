"""Files with events and recordings that a process has not sent yet. Another process can recover them.

STATE/spool/<node id>/  lock          flock of the process that owns the folder; released when it dies
                        events.jsonl  events that Redis has not accepted, oldest first
                        recordings/<workspace id>/<call id>-<leg>.wav
                        recordings/<workspace id>/<call id>-<leg>.voucher  proves the recording's event
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from media.server.line_file import append_whole
from shared.bus.stream_credentials import StreamCredential

_CHUNK: Final = 262_144
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NodeFolder:
    """The folder of one process. All methods block on file operations."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock

    @classmethod
    def create(cls, spool: Path, node_id: str) -> "NodeFolder":
        """Create a folder. Raises OSError.

        The folder is renamed into place with its lock held, because other processes look for folders without an owner.
        """
        hidden, path = spool / f".{node_id}", spool / node_id
        (hidden / "recordings").mkdir(parents=True)
        lock = _new_lock(hidden)
        hidden.rename(path)
        return cls(path, lock)

    @classmethod
    def take_over(cls, path: Path) -> "NodeFolder | None":
        """Lock the folder of a dead process. Return None if another process has locked it, or it was removed."""
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

    def restore(self) -> bool:
        """Create the folder and its lock again if they were removed from outside. Return whether that was necessary.
        Raises OSError.

        Otherwise, no process would recover the files that are written there from now on.
        """
        lock = self.path / "lock"
        if lock.exists() and os.path.samestat(os.fstat(self._lock), lock.stat()):
            return False
        (self.path / "recordings").mkdir(parents=True, exist_ok=True)
        before, self._lock = self._lock, _new_lock(self.path)
        os.close(before)
        return True

    @property
    def events(self) -> Path:
        """The path of the events file."""
        return self.path / "events.jsonl"

    def recording(self, workspace_id: str, call_id: str, leg: int) -> Path:
        """Return the path of a stream's recording, from which its key in storage is derived."""
        workspace = workspace_id if _PLAIN.fullmatch(workspace_id) else "none"
        return self.path / "recordings" / workspace / f"{call_id}-{leg}.wav"

    def recordings(self) -> Iterator[Path]:
        """Yield all recordings that are still in the folder."""
        yield from sorted((self.path / "recordings").glob("*/*.wav"))

    def release(self) -> None:
        """Unlock the folder, and remove it if it is empty.

        Raises OSError if it cannot be removed. The folder is unlocked in that case, too.
        """
        try:
            if not self.events.exists() and not any(self.recordings()):
                with suppress(FileNotFoundError):  # the folder was removed from outside
                    self._remove()
        finally:
            os.close(self._lock)

    def _remove(self) -> None:
        for stream_credential in (self.path / "recordings").glob("*/*.voucher"):
            stream_credential.unlink(missing_ok=True)
        for folder in (*(self.path / "recordings").glob("*"), self.path / "recordings"):
            folder.rmdir()
        (self.path / "lock").unlink()
        self.path.rmdir()


def _new_lock(folder: Path) -> int:
    """Create and hold a lock. Raises OSError, also if another process has just locked it."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def keep_stream_credential(recording: Path, text: str) -> None:
    """Store a stream credential next to its recording, for the process that finds both if this process dies. Blocks.

    Without the credential the recording's event would be rejected. A failure is ignored, because it must not end the
    call.
    """
    with suppress(OSError):
        recording.parent.mkdir(parents=True, exist_ok=True)
        path = os.open(_stream_credential_path(recording), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(path, "w") as file:
            file.write(text)


def read_stream_credential(recording: Path) -> StreamCredential | None:
    """Read the stream credential next to a recording. Returns None if no valid credential is stored. Blocks."""
    try:
        return StreamCredential.parse(_stream_credential_path(recording).read_text())
    except (OSError, ValueError):
        return None


def forget_stream_credential(recording: Path) -> None:
    """Remove the stream credential of a recording that is stored or was never made. Blocks."""
    if not recording.exists():
        _stream_credential_path(recording).unlink(missing_ok=True)


def _stream_credential_path(recording: Path) -> Path:
    return recording.with_suffix(".voucher")


def list_folders(spool: Path) -> list[Path]:
    """Return all node folders, ordered by name. Folders of dead processes can be taken over."""
    try:
        return sorted(path for path in spool.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


class EventFile:
    """A queue of lines in a file, for one thread at a time.

    If the file is removed or truncated from outside, its lines are lost, and further lines go into a new file.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._start = 0  # offset of the first unsent line
        self._end = path.stat().st_size if path.exists() else 0
        self._count = 0  # the number of unsent lines that were appended
        self._vanished = 0

    @property
    def has_unsent(self) -> bool:
        """Whether the file has unsent lines."""
        return self._start < self._end

    def take_vanished(self) -> int:
        """Return how many appended lines were lost with the file since the last call."""
        count, self._vanished = self._vanished, 0
        return count

    def append(self, lines: Sequence[bytes]) -> int:
        """Append lines up to the size limit. Return the number of appended lines. Raises OSError without appending any
        line."""
        self._forget_vanished()
        room, data = self._max_bytes - self._end, bytearray()
        count = 0
        for line in lines:
            if len(data) + len(line) + 1 > room:
                break
            data += line + b"\n"
            count += 1
        if count:
            self._write(bytes(data))
        self._count += count
        return count

    def read_oldest(self, most: int) -> list[bytes]:
        """Return at most `most` of the oldest lines. A line that a crash cut off is skipped. Raises OSError."""
        self._forget_vanished()
        if not self.has_unsent:
            return []
        with self._path.open("rb") as file:
            file.seek(self._start)
            data = file.read(_CHUNK)
            while b"\n" not in data and (more := file.read(_CHUNK)):
                data += more
        if b"\n" not in data:
            self._end = self._start  # the rest is only a line that was cut off
        return data.split(b"\n")[:-1][:most]

    def remove_oldest(self, lines: Sequence[bytes]) -> None:
        """Remove the oldest lines, as `read_oldest` returned them. Raises OSError."""
        self._start += sum(len(line) + 1 for line in lines)
        self._count = max(0, self._count - len(lines))
        if not self.has_unsent:
            self._path.unlink(missing_ok=True)
            self._start = self._end = 0

    def _forget_vanished(self) -> None:
        if self._end and not (self._path.exists() and self._path.stat().st_size >= self._end):
            self._vanished += self._count
            self._start = self._end = self._count = 0

    def _write(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)  # the folder may have been removed from outside
        with self._path.open("ab", buffering=0) as file:
            append_whole(file, data)
        self._end += len(data)
