"""The call's events: numbered, stamped, handed to a sink."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.events import SEQ_PER_LEG, Envelope, Event


class Sink(Protocol):
    """Where events go: a file, a stream on the bus."""

    def write(self, envelope: Envelope) -> None:
        """Takes an event; never blocks."""

    def close(self) -> None:
        """The call is over: no more events of it will come, but for late ones."""


def utc_now() -> str:
    """ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Numbers one call's events, each stream's in a range of its own; `(call_id, seq)` is an event's identity."""

    def __init__(self, call_id: str, sink: Sink, stamp: Callable[[], str] = utc_now, *, leg: int = 0) -> None:
        self.call_id = call_id
        self._sink = sink
        self._stamp = stamp
        self._seq = leg * SEQ_PER_LEG
        self._closed = False

    def emit(self, event: Event, *, late: bool = False) -> None:
        """The next event. Nothing comes after the end, whoever is late, unless it may be: what is `late` is news that
        the record must have (a recording that took long to be stored)."""
        if self._closed and not late:
            return
        self._seq += 1
        self._sink.write(Envelope(self.call_id, self._seq, self._stamp(), event))

    def close(self) -> None:
        """The call is over."""
        if not self._closed:
            self._closed = True
            self._sink.close()
