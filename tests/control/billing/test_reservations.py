"""The scripts in Redis: what is granted, who may write a budget, and what a loss leaves."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from control.billing.limits.reservations import AMPLE_PART, BudgetReading, Reservations
from control.billing.limits.rules import PricedTime, ReservationRequest
from shared.bus.client import BusClient, BusUnavailable, bus_client, redis_key
from shared.ids import new_id

WORKSPACE = UUID(new_id())
MINUTE = 120_000


@pytest.fixture(params=["valkey_url", "valkey_cluster_url"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[BusClient]:
    client = bus_client(request.getfixturevalue(request.param), 5.0)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def reservations(redis: BusClient) -> Reservations:
    return Reservations(redis)


def request(minutes: int = 1, used_s: int = 0, call: UUID | None = None) -> ReservationRequest:
    """A call that needs so many minutes."""
    used, ample = PricedTime(used_s, used_s * MINUTE // 60), PricedTime(60 * minutes + 240, (minutes + 4) * MINUTE)
    return ReservationRequest(call or UUID(new_id()), used, PricedTime(60 * minutes, minutes * MINUTE), ample)


async def begin(reservations: Reservations) -> BudgetReading:
    reading = await reservations.begin_reading(WORKSPACE)
    assert reading is not None
    return reading


async def set_budget(reservations: Reservations, minutes: int) -> None:
    reading = await begin(reservations)
    assert await reservations.end_reading(reading, minutes * MINUTE, (), ()) == []


async def seconds_of(reservations: Reservations, wanted: ReservationRequest) -> int:
    found = await reservations.reserve(WORKSPACE, wanted)
    assert found is not None
    return found.seconds


async def test_nothing_is_granted_before_the_budget_is_known(reservations: Reservations) -> None:
    assert await reservations.reserve(WORKSPACE, request()) is None
    reading = await begin(reservations)
    assert await reservations.reserve(WORKSPACE, request()) is None
    assert await reservations.end_reading(reading, MINUTE, (), ()) == []
    assert await seconds_of(reservations, request()) == 60


async def test_calls_at_once_do_not_take_the_same_money(reservations: Reservations) -> None:
    await set_budget(reservations, 7)
    granted = await asyncio.gather(*(seconds_of(reservations, request()) for _ in range(40)))
    assert sorted(granted) == [0] * 33 + [60] * 7


async def test_a_repeated_request_reserves_nothing_more(reservations: Reservations) -> None:
    await set_budget(reservations, 2)
    call = request()
    assert [await seconds_of(reservations, call) for _ in range(3)] == [60] * 3
    assert await seconds_of(reservations, request()) == 60
    assert await seconds_of(reservations, request()) == 0


async def test_minutes_ahead_while_they_are_a_small_part(reservations: Reservations) -> None:
    await set_budget(reservations, 5 * AMPLE_PART)
    assert [await seconds_of(reservations, request()) for _ in range(2)] == [300, 60]


async def test_reservations_of_finished_calls_are_given_up_with_the_budget(reservations: Reservations) -> None:
    await set_budget(reservations, 1)
    call = request()
    assert await seconds_of(reservations, call) == 60
    reading = await begin(reservations)
    assert reading.call_ids == {call.call_id}
    assert await reservations.end_reading(reading, MINUTE, reading.call_ids, ()) == []
    assert await seconds_of(reservations, request()) == 60


async def test_used_time_counts_before_any_call_gets_more(reservations: Reservations) -> None:
    """After a loss of Redis: 4 calls have used 58 s each of 4 minutes."""
    calls = [request(minutes=2, used_s=58) for _ in range(4)]
    reading = await begin(reservations)
    assert await reservations.end_reading(reading, 4 * MINUTE, (), calls) == [58] * 4
    assert await seconds_of(reservations, request()) == 0


async def test_used_time_counts_beyond_the_budget(reservations: Reservations) -> None:
    reading = await begin(reservations)
    assert await reservations.end_reading(reading, MINUTE, (), [request(minutes=6, used_s=330)]) == [330]
    await set_budget(reservations, 5)
    assert await seconds_of(reservations, request()) == 0


async def test_only_one_reads_and_the_late_one_writes_nothing(redis: BusClient, reservations: Reservations) -> None:
    late = await begin(reservations)
    assert await reservations.begin_reading(WORKSPACE) is None
    key = redis_key("reservations", str(WORKSPACE))
    await redis.hset(key, "reading", "1")  # it was paused for a long time
    await redis.hincrby(key, f"since:{late.name}", -1)  # else the next one may begin in the same millisecond
    await set_budget(reservations, 1)
    assert await reservations.end_reading(late, 99 * MINUTE, (), ()) is None
    assert [await seconds_of(reservations, request()) for _ in range(2)] == [60, 0]


async def test_slow_readers_do_not_keep_each_other_from_writing(redis: BusClient, reservations: Reservations) -> None:
    """A database that takes longer than the next reader waits: what was read first is written first."""
    key = redis_key("reservations", str(WORKSPACE))
    first = await begin(reservations)
    await redis.hincrby(key, "reading", -3_000)
    second = await begin(reservations)
    assert await reservations.end_reading(first, MINUTE, (), ()) == []
    assert await reservations.begin_reading(WORKSPACE) is None  # the second one reads
    assert await reservations.end_reading(second, 2 * MINUTE, (), ()) == []
    assert await reservations.end_reading(first, 99 * MINUTE, (), ()) is None
    assert [await seconds_of(reservations, request()) for _ in range(3)] == [60, 60, 0]


async def test_readers_who_never_come_back_are_forgotten(redis: BusClient, reservations: Reservations) -> None:
    key = redis_key("reservations", str(WORKSPACE))
    lost = await begin(reservations)
    await redis.hset(key, mapping={"reading": "1", f"since:{lost.name}": "1"})
    await reservations.give_up_reading(await begin(reservations))
    assert await redis.hkeys(key) == []
    assert await reservations.end_reading(lost, MINUTE, (), ()) is None


async def test_reader_who_was_there_before_a_loss_writes_nothing(redis: BusClient, reservations: Reservations) -> None:
    reading = await begin(reservations)
    await redis.flushall()
    assert await reservations.end_reading(reading, MINUTE, (), ()) is None
    assert await reservations.reserve(WORKSPACE, request()) is None


async def test_reading_that_was_given_up_lets_others_read(reservations: Reservations) -> None:
    await reservations.give_up_reading(await begin(reservations))
    await reservations.give_up_reading(BudgetReading(WORKSPACE, "somebody else's", frozenset()))
    await set_budget(reservations, 1)


async def test_old_budget_grants_nothing(redis: BusClient, reservations: Reservations) -> None:
    await set_budget(reservations, 1)
    await redis.hset(redis_key("reservations", str(WORKSPACE)), "at", "1000")
    assert await reservations.reserve(WORKSPACE, request()) is None


async def test_unreachable_redis() -> None:
    away = Reservations(bus_client("redis://127.0.0.1:1/0", 0.2))
    with pytest.raises(BusUnavailable):
        await away.reserve(WORKSPACE, request())
    with pytest.raises(BusUnavailable):
        await away.begin_reading(WORKSPACE)
