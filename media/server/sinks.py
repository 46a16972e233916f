"""The files of a stand-alone server: one file of JSON lines per call, and an index by stream."""

import re
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO

import structlog

from shared.events import CallStarted, EventEnvelope, encode_event

log = structlog.get_logger()

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127}")


class StateFolder:
    """STATE/calls/<call_id>.jsonl, STATE/streams/<stream_id> (holding the call id), STATE/recordings/<call_id>.wav."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def prepare(self) -> None:
        """Creates the folders. Raises OSError."""
        for name in ("calls", "streams", "recordings"):
            (self.state / name).mkdir(parents=True, exist_ok=True)

    def events(self, call_id: str) -> Path:
        """The path of the call's events."""
        return self.state / "calls" / f"{call_id}.jsonl"

    def recording(self, call_id: str) -> Path:
        """The path of the call's recording."""
        return self.state / "recordings" / f"{call_id}.wav"

    def stream(self, stream_id: str) -> Path | None:
        """The path of the index entry of a stream id; None for an id that is not safe as a file name."""
        return self.state / "streams" / stream_id if _SAFE_NAME.fullmatch(stream_id) else None


class FileSink:
    """Appends one call's events to its file, on the disk thread."""

    def __init__(self, folder: StateFolder, call_id: str, disk: Executor) -> None:
        self._folder = folder
        self._call_id = call_id
        self._disk = disk
        self._file: BinaryIO | None = None

    def write(self, envelope: EventEnvelope) -> None:
        """Queues the event for the disk thread."""
        self._disk.submit(self._append, envelope)

    def close(self) -> None:
        """Closes the file after everything queued was written."""
        self._disk.submit(self._close)

    def _append(self, envelope: EventEnvelope) -> None:
        try:
            self._write(envelope)
        except OSError as error:  # nobody awaits this work, so the error is logged here
            log.error("event.lost", call_id=envelope.call_id, seq=envelope.seq, error=str(error))

    def _write(self, envelope: EventEnvelope) -> None:
        if self._file is None:
            self._file = self._folder.events(self._call_id).open("ab", buffering=0)
        if isinstance(envelope.event, CallStarted):
            self._index(envelope.event.stream_id)
        self._file.write(encode_event(envelope) + b"\n")

    def _index(self, stream_id: str) -> None:
        path = self._folder.stream(stream_id)
        if path is not None:
            temporary = path.with_name(
                f".{self._call_id}"
            )  # renamed into place, so that a reader never finds an empty entry
            temporary.write_text(self._call_id)
            temporary.replace(path)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
