"""What comes after a media stream at Twilio: the end, another number, or another node."""

from typing import Any
from uuid import UUID

import pytest

from control.calls.model import Progress
from control.db.scope import enter_platform
from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.tickets import Tickets
from shared.events import Usage
from shared.plan import HeardMessage
from tests.control.webhooks.reply import Reply
from tests.control.webhooks.stage import CALLER, NODE, World, sealer_of

SPARE = "wss://media-2.example.com"
HUMAN = "+14155557777"


async def begun(world: World, sid: str) -> tuple[str, UUID]:
    """A call on node m1; the address that Twilio asks after its stream, and the call's id."""
    reply = await world.rings(sid)
    call_id = (await world.row(sid))["id"]

    async def noted() -> bool:
        return bool((await world.row(sid))["media_node"])

    await world.until(noted)
    return reply.action, call_id


async def asks(world: World, action: str, sid: str, **fields: str) -> Reply:
    """The action's request."""
    return await world.twilio(action, {"CallSid": sid, "CallStatus": "in-progress", "Direction": "inbound"} | fields)


def checkpoints(world: World) -> Checkpoints:
    """As media uses them."""
    return Checkpoints(world.redis, sealer_of(world))


async def test_a_conversation_that_was_over_ends_the_call(world: World) -> None:
    action, call_id = await begun(world, "CB1")
    await checkpoints(world).end(str(call_id), Over(0))
    assert (await asks(world, action, "CB1")).verbs == ["Hangup"]


async def test_a_transfer_dials_and_says_so_when_nobody_answers(world: World) -> None:
    action, call_id = await begun(world, "CB2")
    await checkpoints(world).end(str(call_id), Over(0, HUMAN))
    reply = await asks(world, action, "CB2")
    assert reply.verbs == ["Dial"]
    dial = reply.xml[0]
    assert (dial.findtext("Number"), dial.attrib["callerId"]) == (HUMAN, CALLER)
    assert dial.attrib["timeLimit"] == "3600"
    then = dial.attrib["action"].removeprefix("https://hooks.example.com")
    assert (await asks(world, then, "CB2", DialCallStatus="completed")).verbs == ["Hangup"]
    failed = await asks(world, then, "CB2", DialCallStatus="no-answer")
    assert failed.verbs == ["Say", "Hangup"]

    async def kept() -> bool:
        return any(event["event_id"] == "CB2:continue:0:dialled" for event in await world.events())

    await world.until(kept)


@pytest.mark.parametrize("hidden", ["anonymous", "+266696687", "+7378742833", "sip:ann@example.com"])
async def test_a_transfer_shows_our_number_when_the_caller_hides_theirs(world: World, hidden: str) -> None:
    sid = f"CB3-{hidden}"
    reply = await world.rings(sid, From=hidden)
    call_id = (await world.row(sid))["id"]
    await checkpoints(world).end(str(call_id), Over(0, HUMAN))
    dial = (await asks(world, reply.action, sid, From=hidden)).xml[0]
    assert dial.attrib["callerId"] == world.number


async def test_a_transfer_is_carried_out_although_the_call_is_written_down_as_over(world: World) -> None:
    action, call_id = await begun(world, "CB4")
    await checkpoints(world).end(str(call_id), Over(0, HUMAN))
    await world.sql(
        "UPDATE calls SET status = 'completed', end_reason = 'transferred', ended_at = now() WHERE id = $1", call_id
    )
    assert (await asks(world, action, "CB4")).verbs == ["Dial"]
    await world.sql("UPDATE calls SET ended_at = now() - interval '1 hour' WHERE id = $1", call_id)
    assert (await asks(world, action, "CB4")).verbs == ["Dial"]


async def test_a_lost_call_goes_on_at_another_node(world: World) -> None:
    action, call_id = await begun(world, "CB5")
    told = [HeardMessage("assistant", "Hello."), HeardMessage("user", "I need a dentist.")]
    await checkpoints(world).put(Checkpoint(str(call_id), "m1", 0, told, 1, Usage(), 1_000, 2_000))
    await world.lose("m1")
    await world.node("m2", url=SPARE)
    reply = await asks(world, action, "CB5")
    assert reply.stream == f"{SPARE}/media/twilio"
    assert "&leg=1&" in reply.action
    plan = await Tickets(world.redis, sealer_of(world)).claim(reply.ticket, "twilio", "CB5")
    assert plan.leg == 1
    assert plan.resume is not None and plan.resume.messages == told
    assert "cut off" in plan.agent.greeting


async def test_the_node_that_lost_it_is_better_than_none(world: World) -> None:
    action, _ = await begun(world, "CB6")
    reply = await asks(world, action, "CB6")
    assert reply.stream == f"{NODE}/media/twilio"


async def test_another_node_is_better_than_the_one_that_lost_it(world: World) -> None:
    action, _ = await begun(world, "CB7")
    await world.node("m1", calls=0)
    await world.node("m2", url=SPARE, calls=50)
    assert (await asks(world, action, "CB7")).stream == f"{SPARE}/media/twilio"


async def test_a_lost_call_without_any_node_ends_in_words(world: World) -> None:
    action, _ = await begun(world, "CB8")
    await world.lose("m1")
    reply = await asks(world, action, "CB8")
    assert reply.verbs == ["Say", "Hangup"]

    async def closed() -> bool:
        return (await world.row("CB8"))["status"] in ("busy", "failed", "completed")

    await world.until(closed)


async def test_one_that_was_answered_is_written_down_as_lost(world: World) -> None:
    action, call_id = await begun(world, "CB13")
    await world.sql("UPDATE calls SET status = 'in_progress', answered_at = now() WHERE id = $1", call_id)
    await world.lose("m1")
    assert (await asks(world, action, "CB13")).verbs == ["Say", "Hangup"]

    async def closed() -> Any:
        row = await world.row("CB13")
        return row if row["ended_at"] else None

    row = await world.until(closed)
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "media_lost", "all_busy")


@pytest.mark.parametrize("teller", ["live", "checkpoint"])
async def test_the_node_that_had_the_call_may_be_another_than_the_one_it_was_led_to(world: World, teller: str) -> None:
    """Nodes of one machine share an address: whose socket it became, media tells."""
    sid = f"CB14-{teller}"
    action, call_id = await begun(world, sid)
    await world.node("m2", url=SPARE)
    if teller == "live":
        await LiveCalls(world.redis).beat([LiveCall(str(call_id), "m2", 0)])
    else:
        await checkpoints(world).put(Checkpoint(str(call_id), "m2", 0, [], 0, Usage(), 1_000, 2_000))
    await world.node("m1", calls=50)
    assert (await asks(world, action, sid)).stream == f"{NODE}/media/twilio"


async def test_a_call_goes_on_so_often_at_most(world: World) -> None:
    action, _ = await begun(world, "CB9")
    verbs = []
    for _ in range(6):
        reply = await asks(world, action, "CB9")
        verbs.append(reply.verbs[0])
        if reply.verbs == ["Connect"]:
            action = reply.action
    assert verbs == ["Connect"] * 5 + ["Say"]


async def test_a_call_that_ended_is_not_led_anywhere(world: World) -> None:
    action, _ = await begun(world, "CB10")
    reply = await asks(world, action, "CB10", CallStatus="completed", CallDuration="7")
    assert reply.verbs == ["Hangup"]
    row = await world.row("CB10")
    assert (row["status"], row["duration_seconds"]) == ("completed", 7)


async def test_a_call_that_nobody_knows_ends(world: World) -> None:
    assert (await asks(world, "/webhooks/calls/continue", "CB11")).verbs == ["Hangup"]


async def test_a_call_that_the_carrier_ended_is_not_resumed(world: World) -> None:
    action, call_id = await begun(world, "CB12")
    async with world.pool.transaction() as db:
        await enter_platform(db)
        ended = Progress("twilio", "CB12", "completed", world.clock(), call_id=call_id)
        await world.rooms.calls.progress(db, ended)
    assert (await asks(world, action, "CB12")).verbs == ["Hangup"]
