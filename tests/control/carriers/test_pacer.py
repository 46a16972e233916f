"""The pace of outbound calls: shared through Redis, kept alone without it."""

import asyncio

import pytest

from control.carriers.pacer import CallPacer
from shared.bus.client import bus_client, redis_key


@pytest.mark.parametrize("server", ["valkey_url", "valkey_cluster_url"])
async def test_processes_share_one_pace(server: str, request: pytest.FixtureRequest) -> None:
    """Two pacers are two processes. Reservations are two seconds apart, far longer than this test takes."""
    url = request.getfixturevalue(server)
    first, second = bus_client(url, 5.0), bus_client(url, 5.0)
    pacers = [CallPacer(redis, {"twilio": 0.5}) for redis in (first, second)]
    try:
        waits = await asyncio.gather(*(pacers[index % 2].reserve("twilio") for index in range(6)))
        assert sorted(waits) == pytest.approx([0, 2, 4, 6, 8, 10], abs=1)
        assert await pacers[0].reserve("telnyx") == 0
    finally:
        await first.aclose()
        await second.aclose()


async def test_refusal_delays_all_calls_of_the_account(valkey_url: str) -> None:
    redis = bus_client(valkey_url, 5.0)
    try:
        pacer = CallPacer(redis, {})
        assert await pacer.reserve("twilio", 30.0) == pytest.approx(30)
        assert await pacer.reserve("twilio") == pytest.approx(31, abs=1)
    finally:
        await redis.aclose()


async def test_pace_is_kept_alone_without_redis() -> None:
    redis = bus_client("redis://127.0.0.1:1", 0.2)
    now = 100.0
    pacer = CallPacer(redis, {"twilio": 4.0}, clock=lambda: now)
    try:
        assert [await pacer.reserve("twilio") for _ in range(3)] == [0.0, 0.25, 0.5]
        now = 200.0
        assert [await pacer.reserve("twilio", 2.0) for _ in range(2)] == [2.0, 2.25]
    finally:
        await redis.aclose()


async def test_calls_keep_their_times_when_redis_clock_is_put_back(valkey_url: str) -> None:
    """To the pacer it is the same whether the clock goes back by an hour or all its times are an hour ahead."""
    redis = bus_client(valkey_url, 5.0)
    try:
        pacer = CallPacer(redis, {"telnyx": 0.1})
        await redis.delete(redis_key("dial_pace", "telnyx"))
        assert await pacer.reserve("telnyx") == 0
        for key in (redis_key("dial_pace", "telnyx"), f"{redis_key('dial_pace', 'telnyx')}:reserved"):
            await redis.incrby(key, 3_600_000_000)
        assert await pacer.reserve("telnyx") == pytest.approx(10, abs=2)
        assert await pacer.reserve("telnyx") == pytest.approx(20, abs=2)
    finally:
        await redis.aclose()
