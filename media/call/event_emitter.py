"""Numbers and timestamps a call's events and passes them to a sink."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.events import SEQ_PER_LEG, Event, EventEnvelope


class EventSink(Protocol):
    """A destination of events: a file, a stream on the bus."""

    def write(self, envelope: EventEnvelope) -> None:
        """Accept an event. Never blocks."""

    def close(self) -> None:
        """Close the sink after the call has ended. Only late events may follow."""


def utc_now() -> str:
    """Return the time in ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventEmitter:
    """Numbers one call's events, each stream's in its own range. `(call_id, seq)` identifies an event."""

    def __init__(self, call_id: str, sink: EventSink, timestamp: Callable[[], str] = utc_now, *, leg: int = 0) -> None:
        self.call_id = call_id
        self._sink = sink
        self._timestamp = timestamp
        self._seq = leg * SEQ_PER_LEG
        self._closed = False
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call the listener with each event from now on, after it was written."""
        self._listeners.append(listener)

    def emit(self, event: Event, *, late: bool = False) -> None:
        """Write the next event.

        After the call's end only `late` events are written, which the record must have (such as a recording that took
        long to store).
        """
        if self._closed and not late:
            return
        self._seq += 1
        self._sink.write(EventEnvelope(self.call_id, self._seq, self._timestamp(), event))
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        """Close the sink after the call has ended. Repeated calls change nothing."""
        if not self._closed:
            self._closed = True
            self._sink.close()
