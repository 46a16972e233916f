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

from control.app import redis_client
from control.http.limits.local_limits import LocalCells
from control.http.limits.rate_limits import RateLimiter, address_network, redis_keys
from control.http.metrics import HttpMetrics
from control.http.route import RateLimit
from shared.bus.client import BusClient
from tests.control.http.probe_routes import ROUTES
from tests.platform.api import running_api
from vocalized.services.valkey import Valkey, serve_valkey

LIMIT = RateLimit("try", 3, 60, account="email")


@pytest.fixture(params=["valkey_url", "valkey_cluster_url"])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[BusClient]:
    client = redis_client(request.getfixturevalue(request.param), 5.0)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def own_valkey(services_state: Path) -> Iterator[Valkey]:
    """A Valkey that the test may stop."""
    state = services_state / "limits"
    state.mkdir(exist_ok=True)
    with serve_valkey(state, durable=False) as server:
        yield server


async def passes(limits: RateLimiter, address: str, account: str | None = None, limit: RateLimit = LIMIT) -> bool:
    return not (await limits.count(limit, address, account)).wait_s


async def test_request_beyond_the_limit_gets_the_time_to_wait(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    assert [await passes(limits, "203.0.113.1") for _ in range(4)] == [True, True, True, False]
    refused = await limits.count(LIMIT, "203.0.113.1")
    assert 18 <= refused.wait_s <= 20
    assert await passes(limits, "203.0.113.2")


async def test_quota_counts_down_to_the_refusal(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    quotas = [await limits.count(LIMIT, "203.0.113.1") for _ in range(4)]
    for quota, remaining, most_s in zip(quotas, (2, 1, 0, 0), (20, 40, 60, 60), strict=True):
        assert (quota.limit, quota.remaining) == (3, remaining)
        assert most_s - 10 < quota.reset_s <= most_s
    assert [0 < quota.wait_s <= 20 for quota in quotas] == [False, False, False, True]


async def test_quota_is_that_of_the_account_if_it_leaves_less(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    await limits.count(LIMIT, "203.0.113.1", "ann@example.com")
    quota = await limits.count(LIMIT, "203.0.113.2", "ann@example.com")
    assert quota.remaining == 1


async def test_account_is_limited_across_addresses(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    results = [await passes(limits, f"203.0.113.{number}", "ann@example.com") for number in range(4)]
    assert results == [True, True, True, False]
    assert not await passes(limits, "203.0.113.99", " Ann@Example.com")
    assert await passes(limits, "203.0.113.98", "bob@example.com")


async def test_blocked_address_does_not_use_up_an_accounts_limit(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    for _ in range(10):
        await passes(limits, "203.0.113.1", "other@example.com")
    for _ in range(20):
        assert not await passes(limits, "203.0.113.1", "victim@example.com")
    assert await passes(limits, "203.0.113.2", "victim@example.com")


async def test_concurrent_requests_are_counted_exactly(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=20)
    results = await asyncio.gather(*(passes(limits, "203.0.113.1") for _ in range(50)))
    assert sum(results) == 3


async def test_requests_are_allowed_again_one_by_one(redis: BusClient) -> None:
    """Sets the cell back instead of waiting, because Redis uses its own clock."""
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    while await passes(limits, "203.0.113.1"):
        pass
    (key,) = redis_keys("try", "203.0.113.1", None)
    await redis.decrby(key, 20_000_000)
    assert [await passes(limits, "203.0.113.1") for _ in range(2)] == [True, False]


async def test_nobody_waits_longer_because_redis_clock_was_put_back(redis: BusClient) -> None:
    """To the cell it is the same whether the clock goes back by an hour or the cell is an hour ahead."""
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    await passes(limits, "203.0.113.1")
    (key,) = redis_keys("try", "203.0.113.1", None)
    await redis.incrby(key, 3_600_000_000)
    refused = await limits.count(LIMIT, "203.0.113.1")
    assert 0 < refused.wait_s <= 20 and refused.reset_s <= 60
    await redis.decrby(key, 20_000_000)  # after as long
    assert [await passes(limits, "203.0.113.1") for _ in range(2)] == [True, False]


async def test_keys_expire(redis: BusClient) -> None:
    await passes(RateLimiter(redis, HttpMetrics(), timeout_s=5), "203.0.113.1", "ann@example.com")
    for key in redis_keys("try", "203.0.113.1", "ann@example.com"):
        assert 0 < await redis.pttl(key) <= 20_000


async def test_setting_overrides_a_limit_by_name(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5, overrides={"try": (1, 60)})
    assert [await passes(limits, "203.0.113.1") for _ in range(2)] == [True, False]


async def test_script_is_loaded_again_after_a_flush(redis: BusClient) -> None:
    limits = RateLimiter(redis, HttpMetrics(), timeout_s=5)
    assert await passes(limits, "203.0.113.1")
    await redis.script_flush()
    assert [await passes(limits, "203.0.113.1") for _ in range(3)] == [True, True, False]


async def test_requests_are_counted_in_the_process_without_redis_and_it_is_logged_once_a_minute(
    own_valkey: Valkey,
) -> None:
    client, metrics, now = redis_client(own_valkey.url, 0.2), HttpMetrics(), [1_000.0]
    limits = RateLimiter(client, metrics, timeout_s=0.2, clock=lambda: now[0])
    assert [await passes(limits, "203.0.113.1") for _ in range(4)][-1] is False
    os.kill(own_valkey.process.pid, signal.SIGSTOP)
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(5):
            assert await passes(limits, "203.0.113.1")  # waited for
            assert await passes(limits, "203.0.113.1")  # not even asked
            assert await passes(limits, "203.0.113.1") and not await passes(limits, "203.0.113.1")
            assert await passes(limits, "203.0.113.2")
            for later in (30, 61, 90):
                now[0] = 1_000.0 + later
                assert await passes(limits, "203.0.113.1")
    os.kill(own_valkey.process.pid, signal.SIGCONT)
    assert [line["event"] for line in lines] == ["rate_limits.counted_here", "rate_limits.counted_here"]
    assert b"vocalized_control_limits_away_total 8.0" in metrics.render()
    now[0] += 10
    assert not await passes(limits, "203.0.113.1")
    own_valkey.process.kill()
    own_valkey.process.wait()
    assert await passes(limits, "203.0.113.1")
    await client.aclose()


async def test_the_api_works_without_redis(database_url: str, services_state: Path) -> None:
    unreachable_url = f"unix://{services_state}/no-valkey.sock"
    async with running_api(database_url, unreachable_url) as api:
        ann = await api.sign_up()
        assert (await ann.get("/auth/me")).status == 200
        assert (await api.anonymous.get("/readyz")).body == {"status": "degraded", "database": "ok", "redis": "away"}
        assert "limits_away_total 2.0" in (await api.anonymous.get("/metrics")).raw.decode()


async def test_sign_ins_stay_limited_without_redis(database_url: str, services_state: Path) -> None:
    unreachable_url = f"unix://{services_state}/no-valkey.sock"
    async with running_api(database_url, unreachable_url, limits={"login": (3, 3_600)}) as api:
        answers = [
            await api.anonymous.post("/auth/login", {"email": f"n{number}@example.com", "password": "x"})
            for number in range(6)
        ]
        assert [answer.status for answer in answers] == [401, 401, 401, 429, 429, 429]


async def test_a_users_tokens_have_one_general_limit(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"user": (4, 3_600)}) as api:
        ann, bob = await api.sign_up(), await api.sign_up("bob@example.com")
        answers = [await ann.get("/auth/me") for _ in range(6)]
        assert [answer.status for answer in answers][-2:] == [429, 429]
        assert answers[0].status == 200 and "RateLimit-Limit" not in answers[0].headers
        assert answers[-1].headers["RateLimit-Limit"] == "4" and int(answers[-1].headers["Retry-After"]) > 0
        assert (await bob.get("/auth/me")).status == 200


def test_a_process_keeps_the_newest_cells_only() -> None:
    cells = LocalCells(most=2)
    for key in ("a", "b", "c"):
        assert cells.count([key], 1_000, 1_000, 0)[0] == 0
    assert [cells.count([key], 1_000, 1_000, 0)[0] == 0 for key in ("c", "b", "a")] == [False, False, True]


async def test_limited_request_is_429(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, routes=ROUTES, limits={"guess": (2, 3_600)}) as api:
        replies = [await api.anonymous.post("/try/guess", {"text": "a"}) for _ in range(3)]
        assert [reply.status for reply in replies] == [204, 204, 429]
        assert 0 < int(replies[2].headers["Retry-After"]) <= 1_800
        assert replies[2].code == "too_many_requests"
        assert [reply.headers["RateLimit-Limit"] for reply in replies] == ["2"] * 3
        assert [reply.headers["RateLimit-Remaining"] for reply in replies] == ["1", "0", "0"]
        assert all(0 < int(reply.headers["RateLimit-Reset"]) <= 3_600 for reply in replies)


async def test_error_of_a_limited_route_has_its_headers_and_other_routes_have_none(
    database_url: str, valkey_url: str
) -> None:
    async with running_api(database_url, valkey_url, limits={"login": (20, 60)}) as api:
        refused = await api.anonymous.post("/auth/login", {"email": "nobody@example.com", "password": "x"})
        assert (refused.status, refused.headers["RateLimit-Remaining"]) == (401, "19")
        assert "RateLimit-Limit" not in (await api.anonymous.get("/auth/me")).headers


@given(st.text(max_size=80), st.ip_addresses())
def test_keys_hold_no_account_and_share_one_hash_tag(account: str, address: object) -> None:
    keys = redis_keys("login", str(address), account)
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
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("nonsense", "nonsense"),
    ],
)
def test_ipv6_addresses_of_a_64_count_as_one(address: str, network: str) -> None:
    assert address_network(address) == network
