"""Events stay in the stream until they are removed, even if a consumer dies."""

from shared.bus.client import BusClient
from shared.bus.events import EventStream

LINES = [b'{"n":%d}' % n for n in range(5)]


async def test_events_are_read_in_order_and_removed(redis: BusClient) -> None:
    stream = EventStream(redis)
    await stream.append(LINES)
    await stream.create_group()
    await stream.create_group()
    entries = await stream.read("one", 100, 0.01)
    assert [entry.line for entry in entries] == LINES
    assert await stream.read("one", 100, 0.01) == []
    await stream.remove([entry.id for entry in entries])
    assert await stream.length() == 0
    assert await stream.reclaim("one", 100, 0.0) == []


async def test_entries_of_a_dead_consumer_are_reclaimed(redis: BusClient) -> None:
    stream = EventStream(redis)
    await stream.create_group()
    await stream.append(LINES)
    assert len(await stream.read("dead", 3, 0.01)) == 3
    assert await stream.reclaim("heir", 100, 60.0) == []
    assert [entry.line for entry in await stream.reclaim("heir", 100, 0.0)] == LINES[:3]
    assert [entry.line for entry in await stream.read("heir", 100, 0.01)] == LINES[3:]


async def test_two_consumers_get_different_entries(redis: BusClient) -> None:
    stream = EventStream(redis)
    await stream.create_group()
    await stream.append(LINES)
    first, second = await stream.read("a", 2, 0.01), await stream.read("b", 100, 0.01)
    assert [entry.line for entry in (*first, *second)] == LINES
