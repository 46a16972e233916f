"""Events as media sends them, a running consumer of them, and what it has to store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from control.calls.events.tasks import ConsumerPace, EventCounts, consume_events
from control.calls.records.running_calls import AdmittedCall
from shared.bus.authority import BusAuthority
from shared.bus.events import EventStream
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    CallUsage,
    Event,
    EventEnvelope,
    RecordingReady,
    encode_event,
)
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace

FAST_PACE = ConsumerPace(batch=100, wait_s=0.02, pause_s=0.05, idle_s=0.2, unknown_s=0.0, gather_s=0.0)
STARTED_AT = datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC)


def encoded_event(call_id: UUID | str, seq: int, event: Event, seconds: float = 0) -> bytes:
    return encode_event(EventEnvelope(str(call_id), seq, (STARTED_AT + timedelta(seconds=seconds)).isoformat(), event))


def conversation_events(call: AdmittedCall, *, ms: int = 12_000) -> list[bytes]:
    """The events of a whole call."""
    key = f"recordings/{call.workspace_id}/{call.call_id}-0.wav"
    events: list[Event] = [
        CallStarted("twilio", call.carrier_call_id, "MZ1", "Desk"),
        AgentSaid(0, "Hello.", 100, 900),
        CallerSaid(1, "When do you open?", 1_500, 2_500),
        AgentSaid(1, "At nine.", 3_000, 4_000),
        RecordingReady(key, ms),
        CallEnded("completed", "caller_hangup", "", ms, CallUsage(call_ms=ms, tts_characters=14)),
    ]
    return [encoded_event(call.call_id, seq, event, 2 * seq) for seq, event in enumerate(events, 1)]


@asynccontextmanager
async def running_consumer(
    platform: CallPlatform, pace: ConsumerPace = FAST_PACE, authority: BusAuthority | None = None
) -> AsyncIterator[EventCounts]:
    """Runs the consumer until the block ends. authority: believes events; None believes all."""
    stop, counts = asyncio.Event(), EventCounts()
    task = asyncio.create_task(
        consume_events(
            platform.pool,
            platform.redis,
            platform.media_assignment.forget_conversations,
            stop,
            authority=authority,
            counts=counts,
            pace=pace,
        )
    )
    try:
        yield counts
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # no signal is sent when counts change
            await asyncio.sleep(0.01)


async def wait_until_drained(platform: CallPlatform) -> None:
    """Waits until the stream is empty."""
    stream = EventStream(platform.redis)
    async with asyncio.timeout(20):
        while await stream.length():  # noqa: ASYNC110  # Redis sends no signal
            await asyncio.sleep(0.01)


async def send(platform: CallPlatform, lines: Sequence[bytes]) -> None:
    await EventStream(platform.redis).append(lines)


async def marked_days(platform: CallPlatform, workspace_id: UUID) -> set[date]:
    """The days of the workspace that wait to be rolled up."""
    rows = await platform.in_platform(
        lambda db: db.fetch("SELECT day FROM rollup_dirty WHERE workspace_id = $1", workspace_id)
    )
    return {row["day"] for row in rows}


async def delete_marks(platform: CallPlatform) -> None:
    """As if all days had been rolled up."""
    await platform.in_platform(lambda db: db.execute("DELETE FROM rollup_dirty"))


async def stored_events(platform: CallPlatform, call_id: UUID) -> list[Any]:
    return list(
        await platform.in_platform(
            lambda db: db.fetch("SELECT * FROM call_events WHERE call_id = $1 ORDER BY seq", call_id)
        )
    )


async def stored_utterances(platform: CallPlatform, call_id: UUID) -> Any:
    return await platform.in_platform(
        lambda db: db.fetchval("SELECT words FROM call_words WHERE call_id = $1", call_id)
    )


async def admit_call(platform: CallPlatform) -> tuple[LiveWorkspace, AdmittedCall]:
    workspace = await platform.create_workspace()
    return workspace, await platform.admit(workspace)


async def check_stored(platform: CallPlatform, call: AdmittedCall) -> None:
    """The conversation is stored."""
    row = await platform.call_row(call.call_id)
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "caller_hangup", 12)
    assert row["answered_at"] == STARTED_AT + timedelta(seconds=2)
    assert row["ended_at"] == STARTED_AT + timedelta(seconds=12)
    assert row["transcription"] == "Agent: Hello.\nCaller: When do you open?\nAgent: At nine."
    assert row["recording_key"] == f"recordings/{call.workspace_id}/{call.call_id}-0.wav"
    assert row["recording_seconds"] == 12
    assert row["details"]["usage"]["tts_characters"] == 14
    assert [event["seq"] for event in await stored_events(platform, call.call_id)] == [1, 2, 3, 4, 5, 6]
    assert [word["text"] for word in await stored_utterances(platform, call.call_id)] == [
        "Hello.",
        "When do you open?",
        "At nine.",
    ]
    assert row["created_at"].date() in await marked_days(platform, call.workspace_id)
    assert row["cost_total"] == Decimal("0.02"), "12 s of the tier growth"
