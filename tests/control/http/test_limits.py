"""Rate limits against a real Valkey, and against one that is stopped."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from control.app import redis_client
from control.http.limits import Limits, keys_of, network_of
from control.http.metrics import HttpMetrics
from control.http.route import Limit
from shared.errors import TooMany
from tests.control.http.stage import ROUTES
from tests.control.running import running_api
from vocalized.services.valkey import Valkey, serve_valkey

LIMIT = Limit("try", 3, 60, account="email")


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    client = redis_client(valkey_url, 5.0)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def own_valkey(services_state: Path) -> Iterator[Valkey]:
    """One that a test may stop."""
    state = services_state / "limits"
    state.mkdir(exist_ok=True)
    with serve_valkey(state, durable=False) as server:
        yield server


async def passes(limits: Limits, address: str, account: str | None = None, limit: Limit = LIMIT) -> bool:
    try:
        await limits.check(limit, address, account)
    except TooMany:
        return False
    return True


async def test_so_many_pass_and_the_next_is_told_how_long_to_wait(redis: Redis) -> None:
    limits = Limits(redis, HttpMetrics(), timeout_s=5)
    assert [await passes(limits, "203.0.113.1") for _ in range(4)] == [True, True, True, False]
    with pytest.raises(TooMany) as caught:
        await limits.check(LIMIT, "203.0.113.1")
    assert 18 <= caught.value.retry_after_s <= 20
    assert await passes(limits, "203.0.113.2")


async def test_an_account_is_limited_whatever_addresses_it_is_tried_from(redis: Redis) -> None:
    limits = Limits(redis, HttpMetrics(), timeout_s=5)
    tried = [await passes(limits, f"203.0.113.{number}", "ann@example.com") for number in range(4)]
    assert tried == [True, True, True, False]
    assert not await passes(limits, "203.0.113.99", " Ann@Example.com")
    assert await passes(limits, "203.0.113.98", "bob@example.com")


async def test_who_is_stopped_by_the_address_uses_up_nobodys_account(redis: Redis) -> None:
    limits = Limits(redis, HttpMetrics(), timeout_s=5)
    for _ in range(10):
        await passes(limits, "203.0.113.1", "other@example.com")
    for _ in range(20):
        assert not await passes(limits, "203.0.113.1", "victim@example.com")
    assert await passes(limits, "203.0.113.2", "victim@example.com")


async def test_a_crowd_at_once_is_counted_exactly(redis: Redis) -> None:
    limits = Limits(redis, HttpMetrics(), timeout_s=20)
    results = await asyncio.gather(*(passes(limits, "203.0.113.1") for _ in range(50)))
    assert sum(results) == 3


async def test_time_gives_requests_back_one_by_one(redis: Redis) -> None:
    """The cell is set back by the time that would pass, since Redis' clock is its own."""
    limits = Limits(redis, HttpMetrics(), timeout_s=5)
    while await passes(limits, "203.0.113.1"):
        pass
    (key,) = keys_of("try", "203.0.113.1", None)
    await redis.decrby(key, 20_000_000)
    assert [await passes(limits, "203.0.113.1") for _ in range(2)] == [True, False]


async def test_what_is_counted_is_forgotten_when_it_no_longer_counts(redis: Redis) -> None:
    await passes(Limits(redis, HttpMetrics(), timeout_s=5), "203.0.113.1", "ann@example.com")
    for key in keys_of("try", "203.0.113.1", "ann@example.com"):
        assert 0 < await redis.pttl(key) <= 20_000


async def test_a_setting_changes_the_figures_by_name(redis: Redis) -> None:
    limits = Limits(redis, HttpMetrics(), timeout_s=5, changed={"try": (1, 60)})
    assert [await passes(limits, "203.0.113.1") for _ in range(2)] == [True, False]


async def test_a_redis_that_forgot_the_script_is_told_it_again(redis: Redis) -> None:
    limits = Limits(redis, HttpMetrics(), timeout_s=5)
    assert await passes(limits, "203.0.113.1")
    await redis.script_flush()
    assert [await passes(limits, "203.0.113.1") for _ in range(3)] == [True, True, False]


async def test_when_redis_hangs_or_is_gone_requests_pass_and_one_line_a_minute_says_so(own_valkey: Valkey) -> None:
    client, metrics, now = redis_client(own_valkey.url, 0.2), HttpMetrics(), [1_000.0]
    limits = Limits(client, metrics, timeout_s=0.2, clock=lambda: now[0])
    assert [await passes(limits, "203.0.113.1") for _ in range(4)][-1] is False
    os.kill(own_valkey.process.pid, signal.SIGSTOP)
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(5):
            assert await passes(limits, "203.0.113.1")  # waited for
            assert await passes(limits, "203.0.113.1")  # not even asked
            for later in (2, 30, 61, 90):
                now[0] = 1_000.0 + later
                assert await passes(limits, "203.0.113.1")
    os.kill(own_valkey.process.pid, signal.SIGCONT)
    assert [line["event"] for line in lines] == ["limits.away", "limits.away"]
    assert b"vocalized_control_limits_away_total 6.0" in metrics.render()
    now[0] += 10
    assert not await passes(limits, "203.0.113.1")
    own_valkey.process.kill()
    own_valkey.process.wait()
    assert await passes(limits, "203.0.113.1")
    await client.aclose()


async def test_the_api_works_without_redis(database_url: str, services_state: Path) -> None:
    nowhere = f"unix://{services_state}/no-valkey.sock"
    async with running_api(database_url, nowhere) as api:
        ann = await api.sign_up()
        assert (await ann.get("/auth/me")).status == 200
        assert (await api.nobody.get("/readyz")).body == {"status": "degraded", "database": "ok", "redis": "away"}
        assert "limits_away_total 1.0" in (await api.nobody.get("/metrics")).raw.decode()


async def test_over_http_the_limit_is_429_before_the_handler(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, routes=ROUTES, limits={"guess": (2, 3_600)}) as api:
        replies = [await api.nobody.post("/try/guess", {"text": "a"}) for _ in range(3)]
        assert [reply.status for reply in replies] == [204, 204, 429]
        assert 0 < int(replies[2].headers["Retry-After"]) <= 1_800
        assert replies[2].code == "too_many_requests"


@given(st.text(max_size=80), st.ip_addresses())
def test_keys_show_no_account_and_share_one_slot_of_a_cluster(account: str, address: object) -> None:
    keys = keys_of("login", str(address), account)
    assert {key.partition("}")[0] for key in keys} == {"{limit:login"}
    assert len(keys[1].rpartition(":")[2]) == 32
    assert len(account) < 4 or account not in keys[1]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("nonsense", "nonsense"),
    ],
)
def test_all_of_somebodys_ipv6_network_counts_as_one(address: str, network: str) -> None:
    assert network_of(address) == network
