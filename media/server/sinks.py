"""The files of a stand-alone server: a JSON lines file for each call, and an index by stream."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from io import FileIO
from pathlib import Path
from typing import Final

import structlog

from media.server.line_file import append_whole
from shared.events import CallStarted, EventEnvelope, encode_event
from shared.open_file import is_in_place

log = structlog.get_logger()

# How long events wait, in seconds, so that several are written together.
FLUSH_S: Final = 0.25
# The maximum number of events that wait for a slow disk. Further events are lost and counted.
MAX_WAITING: Final = 50_000
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127}")


class StateFolder:
    """The paths STATE/calls/<call_id>.jsonl, STATE/streams/<stream_id> (which contains the call ID) and
    STATE/recordings/<call_id>.wav."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def prepare(self) -> None:
        """Create the folders. Raises OSError."""
        for name in ("calls", "streams", "recordings"):
            (self.state / name).mkdir(parents=True, exist_ok=True)

    def events(self, call_id: str) -> Path:
        """Return the path of the call's events."""
        return self.state / "calls" / f"{call_id}.jsonl"

    def recording(self, call_id: str) -> Path:
        """Return the path of the call's recording."""
        return self.state / "recordings" / f"{call_id}.wav"

    def stream(self, stream_id: str) -> Path | None:
        """Return the path of a stream's index entry, or None if the stream ID is not safe as a file name."""
        return self.state / "streams" / stream_id if _SAFE_NAME.fullmatch(stream_id) else None


class EventFiles:
    """Appends events to the files of their calls, on the disk thread.

    The events of all calls are written together every `FLUSH_S`, because a job for each event costs more CPU time than
    the event itself. When a call ends, all waiting events are written at once, so that no event waits after the last
    call has ended.
    """

    def __init__(
        self, folder: StateFolder, disk: Executor, count_lost: Callable[[float], object] = lambda count: None
    ) -> None:
        """Create the writer without open files.

        Args:
            count_lost: Called with the number of events that the disk did not accept, on the disk thread or on the
                event loop.
        """
        self._folder = folder
        self._disk = disk
        self._count_lost = count_lost
        self._waiting: list[tuple[str, EventEnvelope | None]] = []  # None means that the call has no further events
        self._added = self._taken = 0  # numbers of events: the event loop updates the first, the disk thread the second
        self._timer: asyncio.TimerHandle | None = None
        # The next two belong to the disk thread. Both are by call ID: open files, and streams without an index entry.
        self._files: dict[str, tuple[FileIO, str]] = {}  # each with its path
        self._unindexed: dict[str, str] = {}

    def append(self, call_id: str, envelope: EventEnvelope) -> None:
        """Schedule the event to be written."""
        if self._added - self._taken >= MAX_WAITING:
            return self._lose(call_id, envelope, "the disk is too slow")
        self._added += 1
        self._waiting.append((call_id, envelope))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def close(self, call_id: str) -> None:
        """Close the call's file at once, after its events were written."""
        self._waiting.append((call_id, None))
        self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        self._disk.submit(self._write_all, waiting)

    def _write_all(self, waiting: list[tuple[str, EventEnvelope | None]]) -> None:
        # The lines of a call are written together, because each access to a file moves the interpreter from the event
        # loop to this thread and back.
        unwritten: dict[str, list[EventEnvelope]] = {}
        for call_id, envelope in waiting:
            if envelope is not None:
                unwritten.setdefault(call_id, []).append(envelope)
                continue
            if call_id in unwritten:
                self._write_events(call_id, unwritten.pop(call_id))
            self._close(call_id)
        for call_id, envelopes in unwritten.items():
            self._write_events(call_id, envelopes)

    def _write_events(self, call_id: str, envelopes: list[EventEnvelope]) -> None:
        self._taken += len(envelopes)
        for envelope in envelopes:
            if isinstance(envelope.event, CallStarted):
                self._unindexed[call_id] = envelope.event.stream_id
        self._write_or_lose(call_id, envelopes)
        self._index(call_id)

    def _write_or_lose(self, call_id: str, envelopes: list[EventEnvelope]) -> None:
        """Write events. Errors are logged here, because nothing awaits this work."""
        try:
            self._write(call_id, b"".join(encode_event(envelope) + b"\n" for envelope in envelopes))
        except OSError as error:
            if len(envelopes) == 1:
                return self._lose(call_id, envelopes[0], str(error))
            for envelope in envelopes:  # a full disk may have room for some events
                self._write_or_lose(call_id, [envelope])

    def _lose(self, call_id: str, envelope: EventEnvelope, reason: str) -> None:
        self._count_lost(1)
        log.error("event.lost", call_id=call_id, seq=envelope.seq, error=reason)

    def _write(self, call_id: str, lines: bytes) -> None:
        """Write lines. If the file was removed from outside, its content is lost, and the lines go into a new file.
        Raises OSError."""
        file, path = self._files.get(call_id) or self._open(call_id)
        if not is_in_place(file, path):
            log.error("event.file_vanished", call_id=call_id)
            self._close_file(call_id)
            file, _ = self._open(call_id)
        append_whole(file, lines)

    def _open(self, call_id: str) -> tuple[FileIO, str]:
        """Open the file of a call. Raises OSError."""
        path = self._folder.events(call_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = self._files[call_id] = path.open("ab", buffering=0), str(path)
        return opened

    def _close_file(self, call_id: str) -> None:
        file, _ = self._files.pop(call_id)
        file.close()

    def _close(self, call_id: str) -> None:
        if call_id in self._files:
            self._close_file(call_id)
        if self._unindexed.pop(call_id, None) is not None:
            log.error("stream.index_lost", call_id=call_id)

    def _index(self, call_id: str) -> None:
        """Write the index entry of the call's stream. If the disk is full, the next write tries again."""
        stream_id = self._unindexed.get(call_id)
        path = self._folder.stream(stream_id) if stream_id is not None else None
        try:
            if path is not None:
                # renamed into place, so that a reader never finds an empty entry
                temporary = path.with_name(f".{call_id}")
                temporary.write_text(call_id)
                temporary.replace(path)
        except OSError:
            return
        self._unindexed.pop(call_id, None)


class FileSink:
    """The sink of one call's events."""

    def __init__(self, files: EventFiles, call_id: str) -> None:
        self._files = files
        self._call_id = call_id
        self._is_closed = False

    def write(self, envelope: EventEnvelope) -> None:
        """Schedule the event to be written. A late event, after the call's end, is written at once."""
        self._files.append(self._call_id, envelope)
        if self._is_closed:
            self._files.close(self._call_id)

    def close(self) -> None:
        """Close the file after all earlier events were written."""
        self._is_closed = True
        self._files.close(self._call_id)
