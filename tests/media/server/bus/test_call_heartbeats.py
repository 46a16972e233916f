"""A node reports its calls in batches, so that many of them do not delay audio frames."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from media.call.call import Call
from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.metrics import Metrics
from media.tools.remote import CallIdentity
from shared.bus.client import BusClient, bus_client
from shared.bus.live import Floor, LiveCall, LiveCalls
from shared.bus.stream_credentials import StreamCredential
from tests.media.server.phone import WAIT_LIMIT_S
from tests.platform.bus_node import NODE, wait_until

# The batch size of the heartbeats, repeated here on purpose.
BATCH = 100


class FakeRecord:
    """A call's record, which returns its entry even after it was removed."""

    call: Call | None = None
    stream_credential: StreamCredential | None = None
    floor: Floor = "none"

    def __init__(self, number: int) -> None:
        self.call_id = f"call-{number}"
        self.identity = CallIdentity(self.call_id, "", "")

    def live_call(self) -> LiveCall:
        return LiveCall(self.call_id, NODE, 0, floor=self.floor)


class RecordingLiveCalls(LiveCalls):
    """Records the batches. after_batch: called after each refresh."""

    def __init__(self, redis: BusClient) -> None:
        super().__init__(redis)
        self.refreshed: list[list[str]] = []
        self.removed: list[list[str]] = []
        self.after_batch: Callable[[], None] = lambda: None

    async def refresh(
        self, calls: Sequence[LiveCall], stream_credentials: Mapping[str, StreamCredential] | None = None
    ) -> None:
        await super().refresh(calls, stream_credentials)
        if calls:
            self.refreshed.append([call.call_id for call in calls])
            self.after_batch()

    async def remove(self, call_ids: Sequence[str]) -> None:
        await super().remove(call_ids)
        self.removed.append(list(call_ids))


RECORDS = [FakeRecord(number) for number in range(2 * BATCH + 50)]
CALL_IDS = [record.call_id for record in RECORDS]
BATCHES = [CALL_IDS[:BATCH], CALL_IDS[BATCH : 2 * BATCH], CALL_IDS[2 * BATCH :]]


@asynccontextmanager
async def running_heartbeats(url: str) -> AsyncIterator[tuple[CallHeartbeats, RecordingLiveCalls]]:
    """Heartbeats of RECORDS, not started yet."""
    redis = bus_client(url, 5.0)
    live = RecordingLiveCalls(redis)
    heartbeats = CallHeartbeats(live, Metrics())
    for record in RECORDS:
        heartbeats.add(record)
    yield heartbeats, live
    await heartbeats.close(WAIT_LIMIT_S)
    await redis.aclose()


async def found_ids(live: LiveCalls) -> list[str]:
    """Ids of the calls that are on the bus."""
    return [call.call_id for call in await live.get(CALL_IDS) if call]


async def test_many_calls_are_reported_in_batches(redis_url: str) -> None:
    async with running_heartbeats(redis_url) as (heartbeats, live):
        heartbeats.start()
        await wait_until(lambda: all_reported(live))
        assert live.refreshed[:3] == BATCHES
        assert await found_ids(live) == CALL_IDS


async def test_call_removed_between_batches_is_not_reported(redis_url: str) -> None:
    async with running_heartbeats(redis_url) as (heartbeats, live):
        ended = RECORDS[BATCH + 7]
        live.after_batch = lambda: heartbeats.remove(ended)
        heartbeats.start()
        await wait_until(lambda: all_reported(live))
        others = [call_id for call_id in CALL_IDS if call_id != ended.call_id]
        await wait_until(lambda: equal(live.removed, [[ended.call_id]]))
        first, second, third = BATCHES
        assert live.refreshed[:3] == [first, [call_id for call_id in second if call_id != ended.call_id], third]
        assert await found_ids(live) == others


async def test_many_ended_calls_are_removed_in_batches(redis_url: str) -> None:
    async with running_heartbeats(redis_url) as (heartbeats, live):
        heartbeats.start()
        await wait_until(lambda: all_reported(live))
        for record in RECORDS:
            heartbeats.remove(record)
        await wait_until(lambda: equal(live.removed, BATCHES))
        assert await found_ids(live) == []


async def all_reported(live: RecordingLiveCalls) -> bool:
    return len(live.refreshed) >= len(BATCHES)


async def equal(found: list[list[str]], wanted: list[list[str]]) -> bool:
    return found == wanted


async def test_change_of_the_floor_is_reported_before_the_next_beat(redis_url: str) -> None:
    async with running_heartbeats(redis_url) as (heartbeats, live):
        heartbeats.start()
        speaking = RECORDS[BATCH]

        async def are_all_reported() -> bool:
            return sum(map(len, live.refreshed)) >= len(RECORDS)

        await wait_until(are_all_reported)
        live.refreshed.clear()
        speaking.floor = "caller"

        async def is_reported() -> bool:
            (found,) = await live.get([speaking.call_id])
            return found is not None and found.floor == "caller"

        try:
            await wait_until(is_reported)
        finally:
            speaking.floor = "none"
        assert live.refreshed[0] == [speaking.call_id]
