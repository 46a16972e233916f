"""The events of a call as a media server sends them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    CallUsage,
    Event,
    EventEnvelope,
    RecordingReady,
    TurnLatency,
    encode_event,
)

CALL_ID = "0199aaaa-0000-7000-8000-000000000001"
EVENTS: tuple[Event, ...] = (
    CallStarted("twilio", "CA1", "MZ1", "Front desk"),
    AgentSaid(0, "Hello, this is the front desk.", 0, 400),
    CallerSaid(1, "I would like to leave a message.", 1_020, 1_520),
    TurnLatency(1, 520, 400, 60, 20, 40),
    AgentSaid(1, "Of course.", 2_040, 2_440),
    AgentSaid(1, "What shall I write", 2_440, 2_840, True, "What shall I write down for you?"),
    CallerSaid(2, "Nothing.", 3_460, 4_160),
    TurnLatency(2, 530, 410, 60, 20, 40),
    AgentSaid(2, "Goodbye.", 4_680, 5_280),
    RecordingReady("var/recordings/x.wav", 6_000),
    CallEnded("completed", "caller_hangup", "", 6_000, CallUsage(call_ms=6_000)),
)


def envelopes(events: Sequence[Event] = EVENTS) -> list[EventEnvelope]:
    return [EventEnvelope(CALL_ID, seq, "2026-11-24T12:00:00Z", event) for seq, event in enumerate(events, 1)]


def lines(events: Sequence[Event] = EVENTS) -> list[bytes]:
    return [encode_event(envelope) + b"\n" for envelope in envelopes(events)]


async def stream_events(request: web.Request) -> AsyncIterator[bytes]:
    """All events of the call as NDJSON, in chunks that do not end at line ends."""
    chunk = b"".join(lines())
    for position in range(0, len(chunk), 100):
        yield chunk[position : position + 100]
        await asyncio.sleep(0)
