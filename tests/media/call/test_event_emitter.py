"""Events of a call: numbered without a gap, and none after the end."""

import re

from media.call.event_emitter import EventEmitter, utc_now
from shared.events import CallNudged, Event, EventEnvelope, TurnResumed


class MemorySink:
    """A sink in memory."""

    def __init__(self) -> None:
        self.envelopes: list[EventEnvelope] = []
        self.closed = 0

    def write(self, envelope: EventEnvelope) -> None:
        self.envelopes.append(envelope)

    def close(self) -> None:
        self.closed += 1


def test_events_get_numbers_and_times() -> None:
    sink = MemorySink()
    emitter = EventEmitter("call-1", sink, timestamp=lambda: "2026-11-24T10:00:00.000Z")
    emitter.emit(CallNudged(10))
    emitter.emit(TurnResumed(1, 20))
    assert sink.envelopes == [
        EventEnvelope("call-1", 1, "2026-11-24T10:00:00.000Z", CallNudged(10)),
        EventEnvelope("call-1", 2, "2026-11-24T10:00:00.000Z", TurnResumed(1, 20)),
    ]


def test_no_event_comes_after_the_end() -> None:
    sink = MemorySink()
    emitter = EventEmitter("call-1", sink)
    emitter.emit(CallNudged(10))
    emitter.close()
    emitter.close()
    emitter.emit(CallNudged(20))
    assert [envelope.seq for envelope in sink.envelopes] == [1]
    assert sink.closed == 1


def test_listener_gets_what_was_written() -> None:
    heard: list[Event] = []
    emitter = EventEmitter("call-1", MemorySink())
    emitter.listen(heard.append)
    emitter.emit(CallNudged(10))
    emitter.close()
    emitter.emit(CallNudged(20))
    assert heard == [CallNudged(10)]


def test_time_is_iso_8601_in_utc_with_milliseconds() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", utc_now())
