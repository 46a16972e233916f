"""The health of providers in Redis: the newest report counts, in whatever order reports come."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from shared.bus import health
from shared.bus.client import bus_client
from shared.bus.health import HealthReport, HealthState, ProviderHealthStates, RecentRequests

KEY = "vocalized:{provider-health}:states"


def newest(states: list[HealthState]) -> HealthState:
    """The model of the script's rule."""
    return max(states, key=lambda state: (state.at_ms, state.works, state.until_ms, state.ejections))


async def test_a_report_is_returned_with_redis_s_times(redis: Redis) -> None:
    shared = await ProviderHealthStates(redis).exchange([HealthReport("llm:f:groq", 2.0, 15.0, 3)])
    now = shared.now_ms
    assert shared.states == {"llm:f:groq": HealthState(now - 2_000, now + 13_000, 3)}
    again = await ProviderHealthStates(redis).exchange([])
    assert again.states == shared.states and again.now_ms >= now


async def test_a_later_event_replaces_an_earlier_one_and_not_the_other_way_round(redis: Redis) -> None:
    shared = ProviderHealthStates(redis)
    await shared.exchange([HealthReport("x", 5.0, 15.0, 1)])
    states = (await shared.exchange([HealthReport("x", 1.0)])).states
    assert states["x"].works
    states = (await shared.exchange([HealthReport("x", 3.0, 15.0, 1)])).states
    assert states["x"].works
    states = (await shared.exchange([HealthReport("x", 0.0, 15.0, 2)])).states
    assert not states["x"].works


REPORTS = st.lists(
    st.builds(HealthReport, st.just("x"), st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([0.0, 5.0, 9.0])),
    min_size=1,
    max_size=6,
)


@given(REPORTS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same_state(
    valkey_url: str, reports: list[HealthReport], order: object
) -> None:
    async def exchange(batch: list[HealthReport]) -> tuple[int, HealthState]:
        async with bus_client(valkey_url, 5.0) as redis:
            await redis.delete(KEY)
            shared = await ProviderHealthStates(redis).exchange(batch)
            return shared.now_ms, shared.states["x"]

    repeated = [*reports, *reports]
    order.shuffle(repeated)  # type: ignore[attr-defined]
    now, found = asyncio.run(exchange(repeated))
    expected = [
        HealthState(at, at + round(report.cool_down_s * 1_000) if report.cool_down_s else 0, report.ejections)
        for report in reports
        for at in [now - round(report.age_s * 1_000)]
    ]
    assert found == newest(expected)
    assert [state.version for state in sorted(expected, key=lambda state: state.version)][-1] == found.version


async def test_expired_and_unreadable_states_are_dropped(redis: Redis) -> None:
    shared = ProviderHealthStates(redis)
    await shared.exchange([HealthReport("old", health.KEEP_S + 20.0, 15.0, 1), HealthReport("new", 0.0)])
    await redis.hset(KEY, "strange", "from the future")
    states = (await shared.exchange([])).states
    assert set(states) == {"new"}
    assert await redis.hlen(KEY) == 1
    assert await redis.pttl(KEY) > 0


async def test_beyond_the_limit_only_known_providers_are_updated(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_ENTRIES", 2)
    shared = ProviderHealthStates(redis)
    await shared.exchange([HealthReport(name, 1.0, 15.0, 1) for name in "abc"])
    states = (await shared.exchange([HealthReport("b", 0.0), HealthReport("d", 0.0)])).states
    assert set(states) == {"a", "b"}
    assert states["b"].works


async def test_what_other_nodes_saw_is_added_up_and_expires(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (ProviderHealthStates(redis, node) for node in ("a", "b", "c"))
    await first.exchange([], {"x": RecentRequests(5, 1.0)})
    await first.exchange([], {"x": RecentRequests(1)})
    await second.exchange([HealthReport("y", 0.0)], {"x": RecentRequests(2, 3.0), "y": RecentRequests(1)})
    recent = (await third.exchange([])).recent
    assert (recent["x"].doubts, recent["y"]) == (3, RecentRequests(1))
    assert recent["x"].useful_age_s == pytest.approx(3.0, abs=2.0)
    assert (await first.exchange([])).recent["x"].doubts == 2
    monkeypatch.setattr(health, "RECENT_S", -1)
    assert (await third.exchange([])).recent == {}
    assert await redis.hlen("vocalized:{provider-health}:recent") == 0
