"""Twilio's words while the database is away: put by on the bus, and written down when it is back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from control.db.pool import Timeouts
from control.webhooks.later import finish_open
from shared.bus.checkpoints import Over
from shared.bus.notes import STREAM, Notes
from tests.control.relay import relayed
from tests.control.webhooks.reply import PUBLIC
from tests.control.webhooks.stage import World, running, sealer_of
from tests.control.webhooks.test_continue import HUMAN, asks, begun, checkpoints
from tests.control.webhooks.test_notes import RECORDING, STATUS, tells


@asynccontextmanager
async def database_away(world: World) -> AsyncIterator[None]:
    """Whoever wants to store a webhook waits, and loses its connection, until the block ends."""

    async def cut() -> None:
        while True:
            await world.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.02)

    async with world.pool.transaction() as db:
        await db.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
        cutting = asyncio.create_task(cut())
        try:
            yield
        finally:
            cutting.cancel()
            await asyncio.wait({cutting})


RECORDED: Mapping[str, str] = {
    "CallSid": "CDA1", "RecordingSid": "RE1", "RecordingStatus": "completed", "RecordingDuration": "12",
    "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", "RecordingChannels": "2",
}  # fmt: skip


async def test_what_is_told_while_the_database_is_away_is_written_down_when_it_is_back(world: World) -> None:
    await world.rings("CDA1")
    over = {"CallDuration": "61", "Direction": "inbound"}
    async with database_away(world):
        await tells(world, "CDA1", "completed", 3, **over)
        await tells(world, "CDA1", "completed", 3, **over)
        assert (await world.twilio(RECORDING, RECORDED)).status == 204
    assert "CDA1" not in str(await world.redis.xrange(STREAM)), "it is sealed there"
    assert (await world.row("CDA1"))["status"] == "ringing"
    later = world.clock() + timedelta(seconds=6)
    await finish_open(world.pool, world.rooms, later, 10)
    row = await world.row("CDA1")
    assert (row["status"], row["duration_seconds"]) == ("completed", 61)
    assert row["details"]["carrier_recordings"].keys() == {"RE1"}
    assert await world.redis.xlen(STREAM) == 0
    assert len(await world.events()) == 3
    assert await finish_open(world.pool, world.rooms, later, 10) == 0
    assert world.figure("vocalized_control_webhooks_total", carrier="twilio", kind="status", outcome="put_by") == 2


async def test_what_was_stored_in_both_places_counts_once(world: World) -> None:
    await world.rings("CDA2")
    async with database_away(world):
        await tells(world, "CDA2", "completed", 3, CallDuration="7", Direction="inbound")
    await tells(world, "CDA2", "completed", 3, CallDuration="7", Direction="inbound")
    assert await finish_open(world.pool, world.rooms, world.clock() + timedelta(seconds=6), 10) == 0
    assert (await world.row("CDA2"))["duration_seconds"] == 7


async def test_where_nobody_takes_it_twilio_is_told_so(world: World, database_url: str) -> None:
    await world.rings("CDA3")
    fields = {"CallSid": "CDA3", "CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "7"}
    async with running(database_url, "redis://127.0.0.1:9/0", redis_timeout_s=0.5) as blind, database_away(world):
        assert (await blind.twilio(STATUS, fields)).status == 503
    world.hooks._shelf._leading = replace(
        world.hooks._shelf._leading, rooms=replace(world.rooms, notes=Notes(world.redis, sealer_of(world), most=1))
    )
    async with database_away(world):
        assert (await world.twilio(STATUS, fields)).status == 204
        assert (await world.twilio(STATUS, fields)).status == 503, "there is no more room"


async def test_a_note_that_nobody_can_read_keeps_no_other(world: World) -> None:
    await world.rings("CDA4")
    await world.redis.xadd(STREAM, {"n": b"not sealed by us"})
    await world.rooms.notes.put(b'{"source": "elsewhere"}')
    async with database_away(world):
        await tells(world, "CDA4", "completed", 3, CallDuration="7", Direction="inbound")
    await finish_open(world.pool, world.rooms, world.clock() + timedelta(seconds=6), 10)
    assert (await world.row("CDA4"))["status"] == "completed"
    assert await world.redis.xlen(STREAM) == 0


async def test_a_conversation_that_was_over_ends_the_call_all_the_same(world: World) -> None:
    action, call_id = await begun(world, "CDA6")
    await checkpoints(world).end(str(call_id), Over(0))
    async with database_away(world):
        assert (await asks(world, action, "CDA6")).verbs == ["Hangup"]
        assert (await asks(world, action, "CDA6", CallStatus="completed")).verbs == ["Hangup"]


async def test_a_transfer_is_carried_out_all_the_same(world: World) -> None:
    action, call_id = await begun(world, "CDA7")
    await checkpoints(world).end(str(call_id), Over(0, HUMAN))
    async with database_away(world):
        reply = await asks(world, action, "CDA7")
        assert (reply.verbs, reply.xml[0].findtext("Number")) == (["Dial"], HUMAN)
        then = reply.xml[0].attrib["action"].removeprefix(PUBLIC)
        assert (await asks(world, then, "CDA7", DialCallStatus="completed")).verbs == ["Hangup"]
        assert "nobody could take" in (await asks(world, then, "CDA7", DialCallStatus="busy")).said


async def test_a_database_that_is_silent_holds_no_caller(database_url: str, valkey_url: str) -> None:
    async with relayed(database_url) as (url, relay), running(url, valkey_url, look_s=0.3) as world:
        action, call_id = await begun(world, "CDA9")
        await checkpoints(world).end(str(call_id), Over(0, HUMAN))
        relay.freeze()
        async with asyncio.timeout(Timeouts().command / 2):
            reply = await asks(world, action, "CDA9")
        relay.thaw()
        assert (reply.verbs, reply.xml[0].findtext("Number")) == (["Dial"], HUMAN)


async def test_without_medias_word_about_this_stream_there_is_an_apology(world: World) -> None:
    action, call_id = await begun(world, "CDA8")
    async with database_away(world):
        assert "our side" in (await asks(world, action, "CDA8")).said
        assert "our side" in (await asks(world, "/webhooks/calls/continue", "CDA8")).said
    await checkpoints(world).end(str(call_id), Over(0))
    async with database_away(world):
        assert "our side" in (await asks(world, action.replace("leg=0", "leg=1"), "CDA8")).said
    assert (await asks(world, action, "CDA8")).verbs == ["Hangup"]


async def test_the_duty_does_its_other_work_without_redis(database_url: str) -> None:
    async with running(database_url, "redis://127.0.0.1:9/0", redis_timeout_s=0.5) as blind:
        await blind.sql("DELETE FROM webhook_events")
        call_id = await blind.queued()
        await blind.sql("ALTER TABLE calls RENAME TO calls_gone")
        try:
            await tells(blind, "CDA5", "busy", 2, call=str(call_id))
        finally:
            await blind.sql("ALTER TABLE calls_gone RENAME TO calls")
        assert await finish_open(blind.pool, blind.rooms, blind.clock() + timedelta(seconds=6), 10) == 1
        assert (await blind.row("CDA5"))["status"] == "busy"
