"""What a worker does with what its calls tell: the parts that differ between stand-alone and bus mode."""

from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

from media.call.call import Call
from media.call.journal import Sink
from media.call.recording import Archive, OnDisk
from media.server.sinks import FileSink, Folder
from shared.events import EndReason, Envelope
from shared.plan import CallPlan


class Record(Sink, Protocol):
    """One stream's. recording: where that is written. archive: where it goes then."""

    recording: Path
    archive: Archive

    def joined(self, call: Call) -> None:
        """The call is up."""

    def heard(self) -> None:
        """A turn of the caller's was taken and is about to be answered."""

    async def left(self, reason: EndReason, number: str) -> None:
        """The stream is over, its socket perhaps still open for us to close: for whoever leads the line on, and in
        time before that. number: whom the caller is put through to, "" for nobody."""


class Keeper(Protocol):
    """Makes them."""

    def open(self, plan: CallPlan, call_id: str) -> Record:
        """For a stream that begins."""


class FolderKeeper:
    """Stand-alone: everything stays in a folder."""

    def __init__(self, folder: Folder, disk: Executor) -> None:
        self._folder, self._disk = folder, disk

    def open(self, plan: CallPlan, call_id: str) -> "FolderRecord":
        """For a stream that begins."""
        return FolderRecord(self._folder.recording(call_id), FileSink(self._folder, call_id, self._disk))


class FolderRecord:
    """One stream's files."""

    def __init__(self, recording: Path, sink: FileSink) -> None:
        self.recording, self._sink = recording, sink
        self.archive: Archive = OnDisk()

    def write(self, envelope: Envelope) -> None:
        """To the call's file."""
        self._sink.write(envelope)

    def close(self) -> None:
        """No more events will come."""
        self._sink.close()

    def joined(self, call: Call) -> None:
        """Nobody asks for it here."""

    def heard(self) -> None:
        """Nobody asks for it here."""

    async def left(self, reason: EndReason, number: str) -> None:
        """Nobody leads the line on."""
