"""Events that nobody may have written: set aside, as they came."""

from typing import Any
from uuid import UUID

import pytest

from control.calls.events.tasks import ASIDE, EventCounts
from shared.bus.authority import BusAuthority
from shared.bus.events import STREAM, prove_line
from shared.events import CallEnded, CallUsage
from tests.control.calls.call_platform import KEYS, CallPlatform
from tests.control.calls.consumed_events import (
    admit_call,
    conversation_events,
    encoded_event,
    running_consumer,
    send,
    wait_until_drained,
)

NEW_KEY = b"\x2a" * 32


@pytest.fixture(autouse=True)
async def empty_redis(platform: CallPlatform) -> None:
    await platform.redis.flushall()


async def test_invented_events_are_set_aside_and_those_of_the_calls_node_are_stored(platform: CallPlatform) -> None:
    """Who can write to Redis, and who has another call's stream credential, cannot put words into a call's mouth."""
    _, call = await admit_call(platform)
    keys, call_id, reported = BusAuthority(KEYS), str(call.call_id), list[tuple[str, str]]()
    stream_credential, others = (
        keys.stream_credentials.issue(call_id, 0, "0-a-b"),
        keys.stream_credentials.issue(str(UUID(int=9)), 0, "0-a-b"),
    )
    lines = conversation_events(call)
    await send(platform, [lines[0], prove_line(lines[1], others), prove_line(lines[2], stream_credential)])
    await send(platform, [prove_line(lines[2], keys.stream_credentials.issue(call_id, 1, "0-a-b"))])
    keys.report = lambda *forged: reported.append(forged)
    async with running_consumer(platform, authority=keys) as counts:
        await wait_until_drained(platform)
    assert (counts.written, counts.set_aside) == (1, 3)
    assert reported == [("event", "unsigned"), ("event", "changed"), ("event", "other stream")]


async def test_no_event_keeps_the_others_from_being_stored(platform: CallPlatform) -> None:
    """One nested too deeply to be read ended the consumer, each time anew: nothing of any call was stored any more.
    A stolen node can prove it for its own call; without a proof it did the same."""
    _, call = await admit_call(platform)
    keys = BusAuthority(KEYS)
    stream_credential = keys.stream_credentials.issue(str(call.call_id), 0, "0-a-b")
    lines = conversation_events(call)
    deep = lines[0][:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    await send(
        platform, [deep, prove_line(deep, stream_credential), *(prove_line(line, stream_credential) for line in lines)]
    )
    async with running_consumer(platform, authority=keys) as counts:
        await wait_until_drained(platform)
    assert (counts.written, counts.set_aside) == (len(lines), 2)


async def test_events_proved_by_a_key_that_is_not_listed_yet_can_be_moved_back(platform: CallPlatform) -> None:
    """Keys in the wrong order: the API issues credentials by one that the worker does not know. Nothing is lost."""
    _, call = await admit_call(platform)
    stream_credential = BusAuthority([NEW_KEY]).stream_credentials.issue(str(call.call_id), 0, "0-a-b")
    refused = encoded_event(call.call_id, 51, CallEnded("completed", "silence", "", 10**16, CallUsage()))
    await send(platform, [prove_line(line, stream_credential) for line in conversation_events(call)])
    async with running_consumer(platform, authority=BusAuthority(KEYS)) as counts:
        await wait_until_drained(platform)
    assert counts == EventCounts(set_aside=6)
    await send(platform, [prove_line(refused, stream_credential)])
    kept: Any = await platform.redis.xrange(ASIDE)
    for entry, fields in kept:
        await platform.redis.xadd(STREAM, fields)
        await platform.redis.xdel(ASIDE, entry)
    async with running_consumer(platform, authority=BusAuthority([NEW_KEY, *KEYS])) as counts:
        await wait_until_drained(platform)
    assert counts == EventCounts(written=6, set_aside=1)
    kept = await platform.redis.xrange(ASIDE)
    ((_, aside),) = kept
    assert aside[b"p"], "also of an event that the database refuses"
