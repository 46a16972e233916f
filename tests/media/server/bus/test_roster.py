"""Calls of a node are told of in stretches, so that many of them hold nobody up."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from media.call.call import Call
from media.server.bus.roster import Roster
from media.server.metrics import Metrics
from shared.bus.client import bus_client
from shared.bus.live import LiveCall, LiveCalls
from tests.media.server.bus.station import NODE, until
from tests.media.server.phone import PATIENCE_S

# More at once would hold up the frames of all calls.
AT_ONCE = 100


class Record:
    """A call's, which says that it is alive whenever it is asked, also when it has left."""

    call: Call | None = None

    def __init__(self, number: int) -> None:
        self.call_id = f"call-{number}"

    def alive(self) -> LiveCall:
        return LiveCall(self.call_id, NODE, 0)


class Watched(LiveCalls):
    """Those of a Valkey, and what was told in one go. between: happens when a stretch has been told."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.beaten: list[list[str]] = []
        self.left: list[list[str]] = []
        self.between: Callable[[], None] = lambda: None

    async def beat(self, calls: Sequence[LiveCall]) -> None:
        await super().beat(calls)
        if calls:
            self.beaten.append([call.call_id for call in calls])
            self.between()

    async def gone(self, call_ids: Sequence[str]) -> None:
        await super().gone(call_ids)
        self.left.append(list(call_ids))


RECORDS = [Record(number) for number in range(2 * AT_ONCE + 50)]
CALL_IDS = [record.call_id for record in RECORDS]
STRETCHES = [CALL_IDS[:AT_ONCE], CALL_IDS[AT_ONCE : 2 * AT_ONCE], CALL_IDS[2 * AT_ONCE :]]


@asynccontextmanager
async def watched(url: str) -> AsyncIterator[tuple[Roster, Watched]]:
    """A roster that tells of RECORDS once it is started."""
    redis = bus_client(url, 5.0)
    live = Watched(redis)
    roster = Roster(live, Metrics())
    for record in RECORDS:
        roster.add(record)
    yield roster, live
    await roster.close(PATIENCE_S)
    await redis.aclose()


async def alive(live: LiveCalls) -> list[str]:
    """Whom others find."""
    return [call.call_id for call in await live.get(CALL_IDS) if call]


async def test_many_calls_are_told_of_in_stretches(redis_url: str) -> None:
    async with watched(redis_url) as (roster, live):
        roster.start()
        await until(lambda: told(live))
        assert live.beaten[:3] == STRETCHES
        assert await alive(live) == CALL_IDS


async def test_a_call_that_leaves_between_two_stretches_is_not_told_of_as_alive(redis_url: str) -> None:
    """The round goes on without it."""
    async with watched(redis_url) as (roster, live):
        leaves = RECORDS[AT_ONCE + 7]
        live.between = lambda: roster.remove(leaves)
        roster.start()
        await until(lambda: told(live))
        others = [call_id for call_id in CALL_IDS if call_id != leaves.call_id]
        await until(lambda: same(live.left, [[leaves.call_id]]))
        first, second, third = STRETCHES
        assert live.beaten[:3] == [first, [call_id for call_id in second if call_id != leaves.call_id], third]
        assert await alive(live) == others


async def test_many_calls_that_are_gone_are_told_of_in_stretches(redis_url: str) -> None:
    async with watched(redis_url) as (roster, live):
        roster.start()
        await until(lambda: told(live))
        for record in RECORDS:
            roster.remove(record)
        await until(lambda: same(live.left, STRETCHES))
        assert await alive(live) == []


async def told(live: Watched) -> bool:
    return len(live.beaten) >= len(STRETCHES)


async def same(found: list[list[str]], wanted: list[list[str]]) -> bool:
    return found == wanted
