"""The call's events: numbered from 1, stamped, handed to a sink."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.events import Envelope, Event


class Sink(Protocol):
    """Where events go: a file, a stream on the bus."""

    def write(self, envelope: Envelope) -> None:
        """Takes an event; never blocks."""

    def close(self) -> None:
        """No more events of this call will come."""


def utc_now() -> str:
    """ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Numbers one call's events; `(call_id, seq)` is an event's identity."""

    def __init__(self, call_id: str, sink: Sink, stamp: Callable[[], str] = utc_now) -> None:
        self.call_id = call_id
        self._sink = sink
        self._stamp = stamp
        self._seq = 0
        self._closed = False

    def emit(self, event: Event) -> None:
        """The next event; nothing comes after the end, whoever is late."""
        if self._closed:
            return
        self._seq += 1
        self._sink.write(Envelope(self.call_id, self._seq, self._stamp(), event))

    def close(self) -> None:
        """The call is over."""
        if not self._closed:
            self._closed = True
            self._sink.close()
