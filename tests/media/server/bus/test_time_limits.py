"""A call ends with a sentence when its granted time is over, and goes on when it is renewed or Redis is away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.server.bus.time_limits import ASKED_BEFORE_S, ASKED_EVERY_S, EVERY_S, CallTime
from shared.bus.granted_time import GRACE_S, LAST_WORDS_S, NO_LIMIT, GrantedTime, GrantedTimes
from shared.events import AgentSaid, CallEnded, CallStarted
from shared.plan import CallPlan
from tests.platform.bus_node import BusNode


async def test_refused_time_ends_the_call_with_a_sentence(bus_node: BusNode, plan: CallPlan) -> None:
    await GrantedTimes(bus_node.redis).write({plan.call_id: GrantedTime(1, is_last=True)})
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        await phone.wait_for("closed")
    assert (await bus_node.wait_for_event(AgentSaid)).text == (
        "I'm sorry, I have to end our call now. Please call again later. Goodbye."
    )
    assert (await bus_node.wait_for_event(CallEnded)).end_reason == "spend_limit"


async def test_unreadable_entry_does_not_limit_the_call(bus_node: BusNode, plan: CallPlan) -> None:
    granted = GrantedTimes(bus_node.redis)
    await bus_node.redis.set(f"vocalized:granted:{{{plan.call_id}}}", b"{")
    await granted.write({"other": GrantedTime(60)})
    assert await granted.read([plan.call_id, "unknown", "other"]) == [None, None, GrantedTime(60)]


@pytest.mark.parametrize(
    ("granted", "ends"),
    [
        (GrantedTime(60), 60 + GRACE_S),
        (GrantedTime(60, is_last=True), 60 - LAST_WORDS_S),
        (GrantedTime(3, is_last=True), 0),
        (NO_LIMIT, NO_LIMIT.seconds + GRACE_S),
    ],
)
def test_end_of_a_granted_time(granted: GrantedTime, ends: int) -> None:
    time = CallTime()
    assert not time.is_over(ends)
    time.update(granted, 0.0)
    assert not time.is_over(ends - 0.1)
    assert time.is_over(ends)


def test_lost_entry_leaves_the_time_that_was_granted() -> None:
    time = CallTime()
    time.update(GrantedTime(60), 0.0)
    time.update(None, 50.0)
    assert time.granted == GrantedTime(60)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=30))
def test_renewal_is_read_before_the_time_is_over(renewed_at: list[int]) -> None:
    """Control grants another minute at random moments, 20 s before the end or earlier: the call never ends."""
    time, granted, clock = CallTime(), 60, 0.0
    while clock < 400:
        if any(clock <= at < clock + EVERY_S for at in renewed_at) or granted - clock <= 20:
            granted += 60
        if clock >= time.ask_s:
            time.update(GrantedTime(granted), clock)
        assert not time.is_over(clock)
        assert time.ask_s <= clock + max(ASKED_EVERY_S, EVERY_S)
        clock += EVERY_S


def test_entry_is_read_every_time_near_its_end() -> None:
    time = CallTime()
    time.update(GrantedTime(60), 60 - ASKED_BEFORE_S)
    assert time.ask_s == 60 - ASKED_BEFORE_S
