"""Calls handed over to media."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis

from control.calls.handover import Handover, NoRoom, NotLive
from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.client import BusAway, bus_client
from shared.bus.commands import DONE, Commands, EndCall, Order
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import Nodes, NodeState
from shared.bus.tickets import NoTicket, Tickets
from shared.events import Usage
from tests.control.calls.stage import SEALER, House

CALL = UUID(int=1)


@pytest.fixture(autouse=True)
async def empty(house: House) -> None:
    await house.redis.flushall()


@pytest.fixture
async def nowhere() -> AsyncIterator[Handover]:
    redis: Redis = bus_client("redis://127.0.0.1:9", 1.0)
    yield Handover(redis, SEALER)
    await redis.aclose()


async def test_a_call_gets_a_node_and_a_ticket_for_its_plan(house: House) -> None:
    shop = await house.shop()
    call = await house.admitted(shop, "CA-hand")
    await house.node("busy", capacity=10, calls=9)
    await house.node("idle", capacity=10)
    stream = await house.handover.connect(call)
    assert (stream.node_id, stream.url) == ("idle", "wss://idle.example.com")
    tickets = Tickets(house.redis, SEALER)
    with pytest.raises(NoTicket):
        await tickets.claim(stream.token, "twilio", "CA-other")
    assert await tickets.claim(stream.token, "twilio", "CA-hand") == call.plan
    with pytest.raises(NoTicket):
        await tickets.claim(stream.token, "twilio", "CA-hand")


async def test_the_lost_node_is_avoided_but_better_than_none(house: House) -> None:
    call = await house.admitted(await house.shop())
    await house.node("lost", calls=0)
    await house.node("other", calls=50)
    assert (await house.handover.connect(call, exclude={"lost"})).node_id == "other"
    await Nodes(house.redis).leave("other")
    assert (await house.handover.connect(call, exclude={"lost"})).node_id == "lost"


async def test_no_room(house: House, nowhere: Handover) -> None:
    call = await house.admitted(await house.shop())
    for make in (None, lambda: house.node("full", capacity=1, calls=1)):
        if make is not None:
            await make()
        with pytest.raises(NoRoom) as raised:
            await house.handover.connect(call)
        assert raised.value.why == "no_node"
    with pytest.raises(NoRoom) as raised:
        await nowhere.connect(call)
    assert raised.value.why == "bus_away"


async def test_only_nodes_that_are_listed_are_trusted(house: House) -> None:
    call = await house.admitted(await house.shop())
    await house.node("stranger")
    with pytest.raises(NoRoom):
        await Handover(house.redis, SEALER, ["wss://ours.example.com"]).connect(call)
    await Nodes(house.redis).beat(NodeState("ours", "wss://ours.example.com", 5, 10))
    stream = await Handover(house.redis, SEALER, ["wss://ours.example.com"]).connect(call)
    assert stream.node_id == "ours"


async def test_a_conversation_that_is_over(house: House) -> None:
    await house.node()
    over = Over(0, "+12125550123")
    await Checkpoints(house.redis, SEALER).end(str(CALL), over)
    assert await house.handover.decide(CALL, "node-1", 0.0) == over


async def test_the_carriers_word_may_be_faster_than_medias(house: House) -> None:
    await house.node()
    deciding = asyncio.create_task(house.handover.decide(CALL, "node-1", 10.0))
    await asyncio.sleep(0)
    over = Over(0)
    await Checkpoints(house.redis, SEALER).end(str(CALL), over)
    assert await asyncio.wait_for(deciding, 5) == over


async def test_a_conversation_that_was_lost(house: House) -> None:
    await house.node()
    assert await house.handover.decide(CALL, "node-1", 0.05) is None


async def test_a_node_that_is_gone_is_not_waited_for(house: House) -> None:
    await house.node("another")
    async with asyncio.timeout(5):
        assert await house.handover.decide(CALL, "gone", 60.0) is None


@pytest.mark.parametrize("teller", ["live", "checkpoint"])
async def test_the_node_that_has_the_call_is_waited_for_not_the_one_it_was_led_to(house: House, teller: str) -> None:
    """Of several behind one address: the one that was noted is gone, the one with the call is about to tell."""
    await house.node("node-2")
    if teller == "live":
        await LiveCalls(house.redis).beat([LiveCall(str(CALL), "node-2", 1)])
    else:
        await Checkpoints(house.redis, SEALER).put(Checkpoint(str(CALL), "node-2", 1, [], 0, Usage(), 1, 2))
    deciding = asyncio.create_task(house.handover.decide(CALL, "node-1", 10.0, leg=1))
    done, _ = await asyncio.wait({deciding}, timeout=0.3)
    assert not done
    over = Over(1)
    await Checkpoints(house.redis, SEALER).end(str(CALL), over)
    assert await asyncio.wait_for(deciding, 5) == over


async def test_what_an_earlier_stream_told_is_no_word_on_the_later_one(house: House) -> None:
    await LiveCalls(house.redis).beat([LiveCall(str(CALL), "node-2", 0)])
    await Checkpoints(house.redis, SEALER).put(Checkpoint(str(CALL), "node-2", 0, [], 0, Usage(), 1, 2))
    assert await house.handover.holder(CALL, "node-3", 1) == "node-3"
    assert await house.handover.holder(CALL, "node-3", 0) == "node-2"


async def test_a_late_word_on_an_earlier_stream_does_not_end_the_later_one(house: House) -> None:
    await house.node("node-2")
    await Checkpoints(house.redis, SEALER).end(str(CALL), Over(0))
    assert await house.handover.decide(CALL, "node-2", 0.05, leg=1) is None
    await Checkpoints(house.redis, SEALER).end(str(CALL), Over(1))
    assert await house.handover.decide(CALL, "node-2", 0.05, leg=1) == Over(1)


async def test_checkpoints(house: House) -> None:
    kept = Checkpoint(str(CALL), "node-1", 0, [], 0, Usage(), 1, 2)
    await Checkpoints(house.redis, SEALER).put(kept)
    assert await house.handover.checkpoint(CALL) == kept
    over = Over(0)
    await Checkpoints(house.redis, SEALER).end(str(CALL), over)
    for _ in range(2):
        await house.handover.forget([CALL, UUID(int=2)])
        assert await house.handover.checkpoint(CALL) is None
        assert await house.handover.decide(CALL, None, 0.0) == over, "the carrier has yet to ask"
    await house.handover.forget([])


async def test_commands_reach_the_node_that_has_the_call(house: House) -> None:
    with pytest.raises(NotLive):
        await house.handover.command(CALL, EndCall(), 0.1)
    await LiveCalls(house.redis).beat([LiveCall(str(CALL), "node-7", 0)])
    assert set(await house.handover.live([CALL, UUID(int=2)])) == {CALL}
    assert await house.handover.command(CALL, EndCall(), 0.05) is None
    commands = Commands(house.redis)
    asked = asyncio.create_task(house.handover.command(CALL, EndCall("voicemail"), 10.0))
    orders: list[Order] = []
    position = "0"
    while len(orders) < 2:
        position, more = await commands.read("node-7", position, 1.0)
        orders += more
    assert (orders[1].call_id, orders[1].command) == (str(CALL), EndCall("voicemail"))
    await commands.answer(orders[1].id, DONE)
    assert await asyncio.wait_for(asked, 5) == DONE


async def test_redis_away(nowhere: Handover) -> None:
    for asked in (
        nowhere.decide(CALL, "n", 1.0), nowhere.checkpoint(CALL), nowhere.forget([CALL]),
        nowhere.command(CALL, EndCall(), 1.0), nowhere.live([CALL]),
    ):  # fmt: skip
        with pytest.raises(BusAway):
            await asked
