"""Requests reach one consumer, replies their node; what was forged, changed, copied or is too late is not answered."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shared.bus.client import BusClient, BusUnavailable, redis_key
from shared.bus.requests import (
    GROUP,
    REPLY_PURPOSE,
    REQUEST_PURPOSE,
    STREAM,
    MediaReply,
    MediaRequest,
    RequestDropped,
    RequestEntry,
    RequestStream,
)
from shared.ids import new_id
from shared.secrets import Sealer

SEALER = Sealer([bytes(32)])
FIELD = b"r"
TEXT = st.text(max_size=40)
REQUESTS = st.builds(
    MediaRequest,
    id=TEXT,
    node_id=TEXT,
    name=TEXT,
    call_id=TEXT,
    workspace_id=TEXT,
    agent_id=TEXT,
    expires_ms=st.integers(0, 2**53),
    arguments=TEXT,
    run_id=TEXT,
)


async def make_request(redis: BusClient, left_s: float = 30.0, **changes: Any) -> MediaRequest:
    """A request whose deadline is so far away."""
    expires_ms = await RequestStream(redis, SEALER).now_ms() + round(left_s * 1000)
    fields = {"id": new_id(), "node_id": "n1", "name": "x", "call_id": "c", "workspace_id": "w", "agent_id": "a"}
    return MediaRequest(**({"expires_ms": expires_ms} | fields | changes))


async def stream_with_group(redis: BusClient, **options: Any) -> RequestStream:
    stream = RequestStream(redis, SEALER, **options)
    await stream.create_group()
    return stream


async def read_one(stream: RequestStream) -> RequestEntry:
    (entry,) = await stream.read("api-1", 10, 0.01)
    return entry


async def copy(redis: BusClient, fields: Mapping[Any, Any] | None = None) -> None:
    """Appends an entry as somebody can who only writes to Redis; without fields, a copy of the stream's last one."""
    if fields is None:
        newest: Any = await redis.xrevrange(STREAM, count=1)
        fields = newest[0][1]
    await redis.xadd(STREAM, dict(fields or {}))


async def test_request_is_answered(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    request = await make_request(redis, arguments='{"day": "Monday"}', run_id="run-1")
    assert await stream.send(request)
    entry = await read_one(stream)
    assert entry.request == request
    assert 29 < await stream.admit(entry) <= 30
    reply = MediaReply(request.id, '"noon"')
    await stream.reply(entry.id, request.node_id, reply)
    assert 0 < await redis.ttl("vocalized:replies:{n1}") <= 300
    ids, replies = await stream.read_replies("n1", 0.01)
    assert replies == [reply]
    await stream.remove_replies("n1", ids)
    assert await stream.read_replies("n1", 0.01) == ([], [])
    assert await redis.xlen(STREAM) == 0


async def test_a_request_whose_reply_cannot_be_stored_stays(redis: BusClient) -> None:
    """In a cluster the node's replies and the requests may be at different members, of which one fails."""
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis))
    entry = await read_one(stream)
    replies = redis_key("replies", "n1")
    await redis.set(replies, "of another type")
    with pytest.raises(BusUnavailable):
        await stream.reply(entry.id, "n1", MediaReply("1"))
    assert [one.id for one in await stream.reclaim("api-2", 10, 0)] == [entry.id]
    await redis.delete(replies)
    await stream.reply(entry.id, "n1", MediaReply("1"))
    assert await redis.xlen(STREAM) == 0


async def test_one_of_several_consumers_takes_a_request(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    for _ in range(10):
        await stream.send(await make_request(redis))
    taken = [entry.id for name in ("a", "b", "a", "b") for entry in await stream.read(name, 3, 0.01)]
    assert len(taken) == len(set(taken)) == 10


async def test_only_what_its_consumer_does_not_keep_is_taken_over(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis))
    entry = await read_one(stream)
    assert await stream.reclaim("api-2", 10, 30.0) == []
    assert await stream.reclaim("api-2", 10, 0.0) == [entry]
    await redis.xclaim(STREAM, GROUP, "api-2", 0, [entry.id], idle=60_000)
    await stream.keep("api-2", [entry.id])
    assert await stream.reclaim("api-3", 10, 30.0) == []
    await redis.xclaim(STREAM, GROUP, "api-2", 0, [entry.id], idle=60_000)
    assert await stream.reclaim("api-3", 10, 30.0) == [entry]
    assert await stream.admit(entry) > 0, "the same entry is no replay"


async def test_entry_behind_many_that_are_kept_is_taken_over(redis: BusClient) -> None:
    """One command of Redis looks at ten entries for each that is wanted."""
    stream = await stream_with_group(redis)
    for _ in range(41):
        await stream.send(await make_request(redis))
    kept = await stream.read("api-1", 40, 0.01)
    (lost,) = await stream.read("api-2", 1, 0.01)
    await redis.xclaim(STREAM, GROUP, "api-2", 0, [lost.id], idle=60_000)
    await stream.keep("api-1", [entry.id for entry in kept])
    assert await stream.reclaim("api-3", 1, 30.0) == [lost]


async def test_consumers_that_died_are_removed(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis))
    await stream.read("dead with an entry", 1, 0.01)
    await stream.read("dead", 1, 0.01)
    await stream.remove_dead_consumers(idle_s=60.0)
    assert len(await redis.xinfo_consumers(STREAM, GROUP)) == 2
    await stream.remove_dead_consumers(idle_s=0.0)
    assert [xinfo_consumer["name"] for xinfo_consumer in await redis.xinfo_consumers(STREAM, GROUP)] == [
        b"dead with an entry"
    ]


async def test_consumer_with_entries_does_not_take_them_along(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis))
    await stream.send(await make_request(redis))
    (kept,) = await stream.read("api-1", 1, 0.01)
    await stream.read("api-2", 1, 0.01)
    await stream.leave("api-1")
    assert await stream.reclaim("api-3", 1, 0.0) == [kept]
    await stream.leave("api-1")
    assert {xinfo_consumer["name"] for xinfo_consumer in await redis.xinfo_consumers(STREAM, GROUP)} == {
        b"api-2",
        b"api-3",
    }


async def test_copy_of_an_entry_is_a_replay(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis))
    await copy(redis)
    first, second = await stream.read("api-1", 10, 0.01)
    await stream.admit(first)
    with pytest.raises(RequestDropped, match="replayed"):
        await stream.admit(second)
    await stream.reply(first.id, "n1", MediaReply("x"))
    with pytest.raises(RequestDropped, match="replayed"):
        await stream.admit(second)


async def test_late_request_is_dropped(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis, left_s=0.0))
    entry = await read_one(stream)
    with pytest.raises(RequestDropped, match="expired"):
        await stream.admit(entry)
    await stream.remove(entry.id)
    assert await redis.xlen(STREAM) == 0


async def test_deadline_is_bounded(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await stream.send(await make_request(redis, left_s=1_000_000))
    assert await stream.admit(await read_one(stream)) == 120.0


@pytest.mark.parametrize(
    "sealed",
    [
        b"",
        b"no secret",
        Sealer([bytes(range(32))]).seal(b"{}", REQUEST_PURPOSE),
        SEALER.seal(b"{}", REPLY_PURPOSE),
        SEALER.seal(b"{}", REQUEST_PURPOSE),
        SEALER.seal(b"[]", REQUEST_PURPOSE),
        SEALER.seal(b" " * 600_000, REQUEST_PURPOSE),
    ],
    ids=["empty", "plain", "other key", "other purpose", "no fields", "no object", "too long"],
)
async def test_forged_entry_is_unreadable(redis: BusClient, sealed: bytes) -> None:
    stream = await stream_with_group(redis)
    await copy(redis, {FIELD: sealed})
    entry = await read_one(stream)
    assert entry.request is None
    with pytest.raises(RequestDropped, match="unreadable"):
        await stream.admit(entry)


async def test_entry_with_other_fields_is_unreadable(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    await copy(redis, {b"other": b"x"})
    assert (await read_one(stream)).request is None


async def test_forged_replies_are_skipped(redis: BusClient) -> None:
    stream = await stream_with_group(redis)
    for sealed in (b"", b"x", SEALER.seal(b'{"request_id":"1"}', REQUEST_PURPOSE)):
        await redis.xadd("vocalized:replies:{n1}", {FIELD: sealed})
    await stream.reply("0-1", "n1", MediaReply("1", code="busy", message="Later."))
    ids, replies = await stream.read_replies("n1", 0.01)
    assert len(ids) == 4, "those that are skipped are removed, too"
    assert replies == [MediaReply("1", code="busy", message="Later.")]


async def test_stream_is_bounded_and_expired_requests_make_room(redis: BusClient) -> None:
    stream = await stream_with_group(redis, most=2)
    old = await redis.xadd(STREAM, {FIELD: b"x"}, id=f"{await stream.now_ms() - 121_000}-0")
    assert [await stream.send(await make_request(redis)) for _ in range(3)] == [True, True, False]
    left: Any = await redis.xrange(STREAM)
    assert old not in [name for name, _ in left]


def opened(sealed: bytes) -> MediaRequest | None:
    (entry,) = RequestStream(Redis(), SEALER)._entries([(b"1-0", {FIELD: sealed})])
    return entry.request


@given(REQUESTS)
def test_envelope_is_opened_unchanged(request: MediaRequest) -> None:

    assert opened(SEALER.seal(msgspec.json.encode(request), REQUEST_PURPOSE)) == request


@given(REQUESTS, st.data())
def test_changed_or_cut_envelope_is_refused(request: MediaRequest, data: st.DataObject) -> None:

    sealed = SEALER.seal(msgspec.json.encode(request), REQUEST_PURPOSE)
    place = data.draw(st.integers(0, len(sealed) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :]
    assert opened(changed) is None
    assert opened(sealed[:place]) is None
    assert opened(sealed + sealed[:1]) is None


def test_encoded_values_are_what_other_versions_read() -> None:
    request = MediaRequest("r", "n", "tool.x", "c", "w", "a", 5, arguments='{"b":1}', run_id="k")
    text = (
        '{"id":"r","node_id":"n","name":"tool.x","call_id":"c","workspace_id":"w","agent_id":"a","expires_ms":5,'
        '"arguments":"{\\"b\\":1}","run_id":"k"}'
    )
    assert msgspec.json.encode(request).decode() == text
    assert msgspec.json.decode(text, type=MediaRequest) == request
    assert msgspec.json.encode(MediaReply("r", '"x"')) == b'{"request_id":"r","result":"\\"x\\""}'
    assert msgspec.json.encode(MediaReply("r", code="c", message="m")) == b'{"request_id":"r","code":"c","message":"m"}'
    assert (STREAM, REQUEST_PURPOSE, REPLY_PURPOSE) == ("vocalized:requests", "request", "reply")
