"""The state of a media stream, which every codec tracks: new, connected, running, closed."""

from enum import StrEnum

from media.telephony.codec import MediaProtocolError


class StreamStage(StrEnum):
    """The stages of a stream, in order."""

    NEW = "new"
    CONNECTED = "connected"
    RUNNING = "running"
    CLOSED = "closed"


class StreamSession:
    """Rejects events that are out of order or belong to another stream.

    Attributes:
        stream_id: The stream's ID while the stream runs, or None. A media frame only has to compare this ID.
    """

    __slots__ = ("stage", "stream_id")

    def __init__(self) -> None:
        self.stage = StreamStage.NEW
        self.stream_id: str | None = None

    def connect(self) -> None:
        """Accept `connected` before `start`. The event is optional, and may be repeated, because its content is not
        used."""
        self._require("connected", StreamStage.NEW, StreamStage.CONNECTED)
        self.stage = StreamStage.CONNECTED

    def start(self, stream_id: str) -> None:
        """Accept `start`. Raises MediaProtocolError if the stream has already started."""
        self._require("start", StreamStage.NEW, StreamStage.CONNECTED)
        self.stage = StreamStage.RUNNING
        self.stream_id = stream_id

    def check(self, event: str, stream_id: str) -> None:
        """Raise MediaProtocolError unless the stream runs (out_of_order) and has this ID (wrong_stream)."""
        self._require(event, StreamStage.RUNNING)
        if stream_id != self.stream_id:
            raise MediaProtocolError("wrong_stream", f"{event} belongs to another stream")

    def check_open(self, event: str, stream_id: str | None) -> None:
        """Raise MediaProtocolError if the stream is closed, or if it runs with another ID. None matches any stream."""
        self._require(event, StreamStage.NEW, StreamStage.CONNECTED, StreamStage.RUNNING)
        if self.stream_id is not None and stream_id is not None:
            self.check(event, stream_id)

    def close(self) -> None:
        """End the stream after `stop` or an error. No further event is accepted."""
        self.stage = StreamStage.CLOSED
        self.stream_id = None

    def _require(self, event: str, *stages: StreamStage) -> None:
        if self.stage not in stages:
            raise MediaProtocolError("out_of_order", f"{event} while the stream is {self.stage}", "event")
