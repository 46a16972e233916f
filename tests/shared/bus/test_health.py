"""The health of providers in Redis: the newest report counts, in whatever order reports come."""

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus import health
from shared.bus.client import BusClient, bus_client
from shared.bus.health import HealthReport, HealthState, ProviderHealthStates, RecentRequests

KEY = "vocalized:{provider-health}:states"


def newest(states: list[HealthState]) -> HealthState:
    """The model of the script's rule."""
    return max(states, key=lambda state: (state.at_ms, state.works, state.until_ms, state.ejections))


async def test_a_report_is_returned_with_redis_s_times(redis: BusClient) -> None:
    shared = await ProviderHealthStates(redis).exchange([HealthReport("llm:f:groq", 2.0, 15.0, 3)])
    now = shared.now_ms
    assert shared.states == {"llm:f:groq": HealthState(now - 2_000, now + 13_000, 3)}
    again = await ProviderHealthStates(redis).exchange([])
    assert again.states == shared.states and again.now_ms >= now


async def test_a_later_event_replaces_an_earlier_one_and_not_the_other_way_round(redis: BusClient) -> None:
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
        async with aclosing(bus_client(valkey_url, 5.0)) as redis:
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


async def test_expired_and_unreadable_states_are_dropped(redis: BusClient) -> None:
    shared = ProviderHealthStates(redis)
    await shared.exchange([HealthReport("old", health.KEEP_S + 20.0, 15.0, 1), HealthReport("new", 0.0)])
    await redis.hset(KEY, "strange", "from the future")
    states = (await shared.exchange([])).states
    assert set(states) == {"new"}
    assert await redis.hlen(KEY) == 1
    assert await redis.pttl(KEY) > 0


async def test_beyond_the_limit_only_known_providers_are_updated(
    redis: BusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MAX_ENTRIES", 2)
    shared = ProviderHealthStates(redis)
    await shared.exchange([HealthReport(name, 1.0, 15.0, 1) for name in "abc"])
    states = (await shared.exchange([HealthReport("b", 0.0), HealthReport("d", 0.0)])).states
    assert set(states) == {"a", "b"}
    assert states["b"].works


async def test_what_other_nodes_saw_is_added_up_and_expires(redis: BusClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (ProviderHealthStates(redis, node) for node in ("a", "b", "c"))
    await first.exchange([], {"x": RecentRequests(5)})
    await first.exchange([], {"x": RecentRequests(1)})
    await second.exchange([HealthReport("y", 0.0)], {"x": RecentRequests(2, 3.0), "y": RecentRequests(1)})
    recent = (await third.exchange([])).recent
    assert (recent["x"].doubts, recent["y"]) == (3, RecentRequests(1))
    assert recent["x"].useful_age_s == pytest.approx(3.0, abs=0.5)
    seen = (await first.exchange([])).recent
    assert seen["x"].doubts == 2
    seen = (await third.exchange([])).recent
    assert seen["x"].doubts == 2, "what a node does not repeat is replaced by nothing"
    monkeypatch.setattr(health, "RECENT_S", -1)
    assert (await third.exchange([])).recent == {}
    assert await redis.exists("vocalized:{provider-health}:doubts", "vocalized:{provider-health}:useful") == 0


async def test_the_latest_useful_unit_of_another_node_counts(redis: BusClient) -> None:
    first, second, third = (ProviderHealthStates(redis, node) for node in ("a", "b", "c"))
    await first.exchange([], {"x": RecentRequests(0, 4.0)})
    assert (await first.exchange([])).recent == {}, "its own"
    await second.exchange([], {"x": RecentRequests(0, 2.0)})
    await first.exchange([], {"x": RecentRequests(0, 3.0)})
    for node in (first, third):
        age_s = (await node.exchange([])).recent["x"].useful_age_s
        assert age_s == pytest.approx(2.0, abs=0.5)


async def test_what_nodes_saw_is_bounded(redis: BusClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_ENTRIES", 3)
    for node in "ab":
        seen = {name: RecentRequests(1, 0.1) for name in "vwxyz"}
        await ProviderHealthStates(redis, node).exchange([], seen)
    assert await redis.hlen("vocalized:{provider-health}:doubts") == 3
    assert await redis.hlen("vocalized:{provider-health}:useful") == 3


async def test_redis_s_work_does_not_grow_with_the_number_of_nodes(redis: BusClient) -> None:
    seen = {f"llm:{number:024x}:groq": RecentRequests(0, 0.1) for number in range(200)}
    for node in range(20):
        await ProviderHealthStates(redis, f"node-{node}").exchange([], seen)
    sizes = [await redis.hlen(f"vocalized:{{provider-health}}:{name}") for name in ("states", "doubts", "useful")]
    assert sizes == [0, 0, 200]


async def test_a_state_from_the_future_is_dropped(redis: BusClient) -> None:
    """Redis's clock was put back by an hour, or a replica whose clock is behind took over."""
    seconds, _ = await redis.time()
    later = 1_000 * (seconds + 3_600)
    await redis.hset(KEY, "x", f"{later}:{later + 15_000}:1:a")
    shared = ProviderHealthStates(redis)
    assert (await shared.exchange([])).states == {}
    states = (await shared.exchange([HealthReport("x", 0.0)])).states
    assert states["x"].works


async def test_what_somebody_wrote_by_hand_ejects_nobody_without_end_and_breaks_no_exchange(redis: BusClient) -> None:
    """A stolen node has these rights, and its entries would hold after its node credential was revoked."""
    shared = ProviderHealthStates(redis, "mine")
    now_ms = (await shared.exchange([HealthReport("good", 0.0, 15.0, 1)])).now_ms
    year_ms = now_ms + 365 * 86_400_000
    await redis.hset(KEY, "endless", f"{now_ms}:{year_ms}:1:evil")
    await redis.hset(KEY, "huge", f"{now_ms}:{'9' * 400}:{'9' * 400}:evil")
    await redis.hset(KEY, b"\xff\xfe", f"{now_ms}:0:1:".encode() + b"\xff")
    await redis.hset(KEY.replace("states", "doubts"), "evil:good", f"{year_ms}:9")
    await redis.hset(KEY.replace("states", "doubts"), "evil:other", f"{now_ms}:{'9' * 400}")
    found = await shared.exchange([])
    assert set(found.states) == {"good", "\ufffd\ufffd"} and found.recent == {}
    reported = await shared.exchange([HealthReport("long", 0.0, 1e6, 1)])
    assert 0 < reported.states["long"].until_ms - reported.now_ms <= 3_600_000
