"""Twilio's calls: answered with TwiML, again when asked again, and in words when anything of ours is amiss."""

import asyncio
from uuid import UUID

import pytest

from shared.bus.tickets import NoTicket, Tickets
from shared.events import Status
from tests.control.webhooks.deaf import deaf_redis
from tests.control.webhooks.stage import CALLER, NODE, World, running, sealer_of

NOWHERE = "redis://127.0.0.1:1/0"


async def test_a_call_is_led_to_media(world: World) -> None:
    reply = await world.rings("CA1")
    assert reply.verbs == ["Connect"]
    assert reply.stream == f"{NODE}/media/twilio"
    row = await world.row("CA1")
    assert (row["status"], row["caller_number"], row["called_number"]) == ("ringing", CALLER, world.number)
    assert reply.action == f"/webhooks/calls/continue?call={row['id']}&leg=0&language=en-US"
    plan = await Tickets(world.redis, sealer_of(world)).claim(reply.ticket, "twilio", "CA1")
    assert (plan.call_id, plan.leg) == (str(row["id"]), 0)
    await world.until(lambda: _has_node(world, "CA1", "m1"))
    (event,) = await world.events()
    assert (event["event_id"], event["event_type"]) == ("CA1:inbound", "inbound")
    assert event["handled_at"] is not None
    assert "secret" not in str(event["payload"])


async def test_a_ticket_is_for_its_call_only(world: World) -> None:
    reply = await world.rings("CA1b")
    with pytest.raises(NoTicket, match="other_call"):
        await Tickets(world.redis, sealer_of(world)).claim(reply.ticket, "twilio", "CA-other")


async def test_a_repeated_ring_gets_a_new_ticket_for_the_same_call(world: World) -> None:
    first, second = await world.rings("CA2"), await world.rings("CA2")
    assert first.action == second.action
    assert first.ticket != second.ticket
    assert len(await world.events()) == 1


async def test_ten_rings_at_once_are_one_call(world: World) -> None:
    replies = await asyncio.gather(*(world.rings("CA3") for _ in range(10)))
    assert {reply.action for reply in replies} == {replies[0].action}
    assert len({reply.ticket for reply in replies}) == 10
    await world.row("CA3")
    assert len(await world.events()) == 1


async def test_a_number_that_is_not_ours_gets_words(world: World) -> None:
    reply = await world.rings("CA4", To="+14155559999")
    assert reply.verbs == ["Say", "Hangup"]
    assert reply.said.startswith("Sorry")


async def test_a_suspended_workspace_gets_words_and_a_row(world: World) -> None:
    await world.sql("UPDATE workspaces SET status = 'suspended' WHERE id = $1", world.workspace_id)
    reply = await world.rings("CA5")
    assert reply.verbs == ["Say", "Hangup"]
    assert (await world.row("CA5"))["status"] == "failed"


async def test_no_room_on_any_node(world: World) -> None:
    await world.node(calls=100)
    reply = await world.rings("CA6")
    assert reply.verbs == ["Say", "Hangup"]
    await world.until(lambda: _has_status(world, "CA6", "busy"))


async def test_redis_away_gives_polite_words(database_url: str) -> None:
    async with running(database_url, NOWHERE) as world:
        reply = await world.rings("CA8")
        assert reply.verbs == ["Say", "Hangup"]
        assert "busy" in reply.said
        await world.until(lambda: _has_status(world, "CA8", "busy"))


async def test_redis_that_does_not_answer_gives_polite_words_in_time(database_url: str) -> None:
    async with (
        deaf_redis() as url,
        running(database_url, url, redis_timeout_s=30, connect_s=0.3, deadline_s=8) as world,
    ):
        reply = await world.rings("CA9")
        assert reply.verbs == ["Say", "Hangup"]
        assert "busy" in reply.said


async def test_a_slow_database_gives_an_apology_in_time(database_url: str, valkey_url: str) -> None:
    async with running(database_url, valkey_url, deadline_s=0.4) as world:
        await world.node()
        async with world.pool.transaction() as db:
            await db.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
            reply = await world.rings("CA10")
        assert reply.verbs == ["Say", "Hangup"]
        assert "our side" in reply.said
        assert world.figure("vocalized_control_webhook_apologies_total", carrier="twilio") == 1


async def test_what_breaks_inside_is_no_dead_line(world: World) -> None:
    await world.sql("ALTER TABLE calls RENAME TO calls_gone")
    try:
        reply = await world.rings("CA11")
    finally:
        await world.sql("ALTER TABLE calls_gone RENAME TO calls")
    assert reply.verbs == ["Say", "Hangup"]
    # What came with it was taken back, so that a repeat begins anew.
    assert await world.events() == []
    assert (await world.rings("CA11")).verbs == ["Connect"]


async def test_what_a_caller_sends_is_escaped(world: World) -> None:
    reply = await world.rings("CA12", From='"><Redirect>x</Redirect>&\x00', To="+1415<Hangup/>")
    assert reply.verbs == ["Say", "Hangup"]


async def test_a_call_of_ours_that_was_picked_up_is_led_to_media(world: World) -> None:
    call_id = await world.queued()
    reply = await world.twilio(
        f"/webhooks/calls/inbound?call={call_id}",
        {
            "CallSid": "CA13",
            "CallStatus": "in-progress",
            "Direction": "outbound-api",
            "From": world.number,
            "To": CALLER,
        },
    )
    assert reply.verbs == ["Connect"]
    row = await world.row("CA13")
    assert (row["id"], row["status"]) == (call_id, "in_progress")


async def test_a_call_of_ours_that_nobody_knows_gets_words(world: World) -> None:
    reply = await world.twilio(
        f"/webhooks/calls/inbound?call={UUID(int=5)}",
        {
            "CallSid": "CA14",
            "CallStatus": "in-progress",
            "Direction": "outbound-api",
            "From": world.number,
            "To": CALLER,
        },
    )
    assert reply.verbs == ["Say", "Hangup"]


async def _has_node(world: World, sid: str, node_id: str) -> bool:
    return bool((await world.row(sid))["media_node"] == node_id)


async def _has_status(world: World, sid: str, status: Status) -> bool:
    return bool((await world.row(sid))["status"] == status)
