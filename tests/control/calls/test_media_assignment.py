"""Assignment of calls to media nodes."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from control.calls.live.service import CallNotLive, MediaAssignment, NoMediaNode
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.client import BusClient, BusUnavailable, bus_client
from shared.bus.commands import DONE, CallCommand, CommandStream, EndCall
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.tickets import TicketRefused, Tickets
from tests.control.calls.call_platform import AUTHORITY, SEALER, CallPlatform, make_checkpoint

CALL = UUID(int=1)


@pytest.fixture(autouse=True)
async def empty_redis(platform: CallPlatform) -> None:
    await platform.redis.flushall()


@pytest.fixture
async def unreachable() -> AsyncIterator[MediaAssignment]:
    redis: BusClient = bus_client("redis://127.0.0.1:9", 1.0)
    yield MediaAssignment(redis, AUTHORITY)
    await redis.aclose()


async def test_call_gets_a_node_and_a_ticket_for_its_plan(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, "CA-hand")
    await platform.add_node("busy", capacity=10, calls=9)
    await platform.add_node("idle", capacity=10)
    stream = await platform.media_assignment.assign(call)
    assert (stream.node_id, stream.url) == ("idle", "wss://idle.example.com")
    tickets = Tickets(platform.redis, SEALER)
    with pytest.raises(TicketRefused):
        await tickets.claim(stream.token, "twilio", "CA-other")
    assert await tickets.claim(stream.token, "twilio", "CA-hand") == call.plan
    with pytest.raises(TicketRefused):
        await tickets.claim(stream.token, "twilio", "CA-hand")


async def test_excluded_node_is_used_only_if_there_is_no_other(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await platform.add_node("lost", calls=0)
    await platform.add_node("other", calls=50)
    assert (await platform.media_assignment.assign(call, exclude={"lost"})).node_id == "other"
    await NodeRegistry(platform.redis).remove("other")
    again = await platform.media_assignment.assign(call, exclude={"lost", "other"})
    assert again.node_id == "lost"


async def test_no_media_node(platform: CallPlatform, unreachable: MediaAssignment) -> None:
    call = await platform.admit(await platform.create_workspace())
    for make in (None, lambda: platform.add_node("full", capacity=1, calls=1)):
        if make is not None:
            await make()
        with pytest.raises(NoMediaNode) as raised:
            await platform.media_assignment.assign(call)
        assert raised.value.reason == "no_node"
    with pytest.raises(NoMediaNode) as raised:
        await unreachable.assign(call)
    assert raised.value.reason == "bus_away"


async def test_only_allowed_addresses_are_assigned(platform: CallPlatform) -> None:
    call = await platform.admit(await platform.create_workspace())
    await platform.add_node("stranger")
    with pytest.raises(NoMediaNode):
        await MediaAssignment(platform.redis, AUTHORITY, ["wss://ours.example.com"]).assign(call)
    await NodeRegistry(platform.redis).heartbeat(NodeState("ours", "wss://ours.example.com", 5, 10))
    stream = await MediaAssignment(platform.redis, AUTHORITY, ["wss://ours.example.com"]).assign(call)
    assert stream.node_id == "ours"


async def test_outcome_of_an_ended_conversation(platform: CallPlatform) -> None:
    await platform.add_node()
    outcome = StreamOutcome(0, "+12125550123")
    await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), outcome)
    assert await platform.media_assignment.wait_for_outcome(CALL, "node-1", 0.0) == outcome


async def test_outcome_is_waited_for(platform: CallPlatform) -> None:
    await platform.add_node()
    waiting = asyncio.create_task(platform.media_assignment.wait_for_outcome(CALL, "node-1", 10.0))
    await asyncio.sleep(0)
    outcome = StreamOutcome(0)
    await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), outcome)
    assert await asyncio.wait_for(waiting, 5) == outcome


async def test_lost_conversation_has_no_outcome(platform: CallPlatform) -> None:
    await platform.add_node()
    assert await platform.media_assignment.wait_for_outcome(CALL, "node-1", 0.05) is None


async def test_dead_node_is_not_waited_for(platform: CallPlatform) -> None:
    await platform.add_node("another")
    async with asyncio.timeout(30):
        assert await platform.media_assignment.wait_for_outcome(CALL, "gone", 60.0) is None


async def test_stream_whose_outcome_was_stored_just_before_its_node_was_gone_is_not_lost(
    platform: CallPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await platform.media_assignment.is_lost(CALL, "gone", 0)
    is_alive = NodeRegistry.is_alive

    async def end_first(nodes: NodeRegistry, node_id: str) -> bool:
        await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), StreamOutcome(0))
        return await is_alive(nodes, node_id)

    monkeypatch.setattr(NodeRegistry, "is_alive", end_first)
    assert not await platform.media_assignment.is_lost(CALL, "gone", 0)


@pytest.mark.parametrize("source", ["live", "checkpoint"])
async def test_outcome_is_awaited_from_the_node_that_has_the_call(platform: CallPlatform, source: str) -> None:
    """Several nodes share an address: the assigned one is gone, another one has the call and its outcome."""
    await platform.add_node("node-2")
    if source == "live":
        await LiveCalls(platform.redis).refresh([LiveCall(str(CALL), "node-2", 1)])
    else:
        await Checkpoints(platform.redis, SEALER).put(make_checkpoint(CALL, "node-2", 1))
    waiting = asyncio.create_task(platform.media_assignment.wait_for_outcome(CALL, "node-1", 10.0, leg=1))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    outcome = StreamOutcome(1)
    await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), outcome)
    assert await asyncio.wait_for(waiting, 5) == outcome


async def test_heartbeat_and_checkpoint_of_an_earlier_stream_are_ignored(platform: CallPlatform) -> None:
    await LiveCalls(platform.redis).refresh([LiveCall(str(CALL), "node-2", 0)])
    await Checkpoints(platform.redis, SEALER).put(make_checkpoint(CALL, "node-2", 0))
    assert await platform.media_assignment.find_node_id(CALL, "node-3", 1) == "node-3"
    assert await platform.media_assignment.find_node_id(CALL, "node-3", 0) == "node-2"


async def test_outcome_of_an_earlier_stream_does_not_end_a_later_one(platform: CallPlatform) -> None:
    await platform.add_node("node-2")
    await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), StreamOutcome(0))
    assert await platform.media_assignment.wait_for_outcome(CALL, "node-2", 0.05, leg=1) is None
    await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), StreamOutcome(1))
    assert await platform.media_assignment.wait_for_outcome(CALL, "node-2", 0.05, leg=1) == StreamOutcome(1)


async def test_forget_conversations_deletes_the_checkpoint_but_not_the_outcome(platform: CallPlatform) -> None:
    checkpoint = make_checkpoint(CALL, "node-1", 0)
    await Checkpoints(platform.redis, SEALER).put(checkpoint)
    assert await platform.media_assignment.get_checkpoint(CALL) == checkpoint
    outcome = StreamOutcome(0)
    await Checkpoints(platform.redis, SEALER).put_outcome(str(CALL), outcome)
    for _ in range(2):
        await platform.media_assignment.forget_conversations([CALL, UUID(int=2)])
        assert await platform.media_assignment.get_checkpoint(CALL) is None
        assert await platform.media_assignment.wait_for_outcome(CALL, None, 0.0) == outcome, (
            "the carrier has not asked for it yet"
        )
    await platform.media_assignment.forget_conversations([])


async def test_commands_reach_the_node_that_has_the_call(platform: CallPlatform) -> None:
    with pytest.raises(CallNotLive):
        await platform.media_assignment.send_command(CALL, EndCall(), 0.1)
    await LiveCalls(platform.redis).refresh([LiveCall(str(CALL), "node-7", 0)])
    assert set(await platform.media_assignment.find_live([CALL, UUID(int=2)])) == {CALL}
    assert await platform.media_assignment.send_command(CALL, EndCall(), 0.05) is None
    commands = CommandStream(platform.redis)
    sending = asyncio.create_task(platform.media_assignment.send_command(CALL, EndCall("voicemail"), 10.0))
    commands_read: list[CallCommand] = []
    position = "0"
    while len(commands_read) < 2:
        position, more = await commands.read("node-7", position, 1.0)
        commands_read += more
    assert (commands_read[1].call_id, commands_read[1].command) == (str(CALL), EndCall("voicemail"))
    await commands.answer(commands_read[1].id, DONE)
    assert await asyncio.wait_for(sending, 5) == DONE


async def test_unavailable_redis_raises_bus_unavailable(unreachable: MediaAssignment) -> None:
    for request in (
        unreachable.wait_for_outcome(CALL, "n", 1.0),
        unreachable.get_checkpoint(CALL),
        unreachable.forget_conversations([CALL]),
        unreachable.send_command(CALL, EndCall(), 1.0),
        unreachable.find_live([CALL]),
    ):
        with pytest.raises(BusUnavailable):
            await request
