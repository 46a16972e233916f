"""How far a stream has come: connected, start, its running, stop. Every codec keeps one."""

from enum import StrEnum

from media.telephony.wire import WireError


class Stage(StrEnum):
    """The stages of a stream, in their order."""

    NEW = "new"
    CONNECTED = "connected"
    RUNNING = "running"
    OVER = "over"


class Session:
    """Refuses events that come out of order or belong to another stream.

    `stream_id` is set only while the stream runs, so that comparing it is the whole check of a media frame.
    """

    def __init__(self) -> None:
        self.stage = Stage.NEW
        self.stream_id: str | None = None

    def connect(self) -> None:
        """Notes `connected`: at most once, before `start`; not required, for it tells nothing that we use."""
        self._require("connected", Stage.NEW)
        self.stage = Stage.CONNECTED

    def start(self, stream_id: str) -> None:
        """Notes `start`: once."""
        self._require("start", Stage.NEW, Stage.CONNECTED)
        self.stage = Stage.RUNNING
        self.stream_id = stream_id

    def check(self, event: str, stream_id: str) -> None:
        """Raises WireError unless the stream runs (out_of_order) and has this id (wrong_stream)."""
        self._require(event, Stage.RUNNING)
        if stream_id != self.stream_id:
            raise WireError("wrong_stream", f"{event} of another stream than the one started")

    def check_open(self, event: str, stream_id: str | None) -> None:
        """Raises WireError when the stream is over, or runs under another id than the one given, if one is."""
        self._require(event, Stage.NEW, Stage.CONNECTED, Stage.RUNNING)
        if self.stream_id is not None and stream_id is not None:
            self.check(event, stream_id)

    def close(self) -> None:
        """Ends the stream, by `stop` or by an error: nothing may come after it."""
        self.stage = Stage.OVER
        self.stream_id = None

    def _require(self, event: str, *stages: Stage) -> None:
        if self.stage not in stages:
            raise WireError("out_of_order", f"{event} while the stream is {self.stage}", "event")
