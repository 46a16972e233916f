"""The port for a call's events and recording, and its stand-alone implementation."""

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

from media.call.call import Call
from media.call.event_emitter import EventSink
from media.call.recording import LocalArchive, RecordingArchive
from media.server.sinks import EventFiles, FileSink, StateFolder
from shared.events import EndReason, EventEnvelope
from shared.plan import CallPlan


class CallRecord(EventSink, Protocol):
    """The record of one media stream.

    Attributes:
        recording: The path of the recording.
        archive: Stores the complete recording.
    """

    recording: Path
    archive: RecordingArchive

    def attach(self, call: Call) -> None:
        """Called when the call has started."""

    def conversation_changed(self) -> None:
        """Called when a turn of the caller has ended and will be answered."""

    async def stream_ended(self, reason: EndReason, number: str, words: str, conference: str) -> None:
        """Called when the stream has ended, before the socket is closed, because the carrier then requests its next
        step.

        Args:
            number: The number to which the caller is transferred, or "".
            words: The words that the carrier speaks first.
            conference: The conference in which the target waits for the caller, or "" if the target has not been called
                yet.
        """

    async def stream_refused(self) -> None:
        """Called if the stream gets no call and no other stream of the call would get one, before the socket is
        closed."""


class CallRecordStore(Protocol):
    """Opens a record for each stream."""

    def open(self, plan: CallPlan, call_id: str) -> CallRecord:
        """Open the record of a stream that starts."""


class FolderCallRecordStore:
    """The store of stand-alone mode: everything stays in a folder."""

    def __init__(
        self, folder: StateFolder, disk: Executor, count_lost: Callable[[float], object] = lambda count: None
    ) -> None:
        """Create the store of a folder.

        Args:
            count_lost: Called with the number of events that the disk did not accept.
        """
        self._folder = folder
        self._files = EventFiles(folder, disk, count_lost)

    def open(self, plan: CallPlan, call_id: str) -> "FolderCallRecord":
        """Open the record of a stream that starts."""
        return FolderCallRecord(self._folder.recording(call_id), FileSink(self._files, call_id))


class FolderCallRecord:
    """The files of one stream."""

    def __init__(self, recording: Path, sink: FileSink) -> None:
        self.recording, self._sink = recording, sink
        self.archive: RecordingArchive = LocalArchive()

    def write(self, envelope: EventEnvelope) -> None:
        """Append an event to the call's file."""
        self._sink.write(envelope)

    def close(self) -> None:
        """Close the file."""
        self._sink.close()

    def attach(self, call: Call) -> None:
        """Do nothing."""

    def conversation_changed(self) -> None:
        """Do nothing."""

    async def stream_ended(self, reason: EndReason, number: str, words: str, conference: str) -> None:
        """Do nothing, because stand-alone mode has no next step."""

    async def stream_refused(self) -> None:
        """Do nothing, because stand-alone mode has no next step."""
