"""Telnyx's calls: stored once, steered by commands after the commit, finished later where those failed."""

import asyncio

import pytest

from control.webhooks.leading import is_away
from control.webhooks.store import MOST_ATTEMPTS
from shared.bus.tickets import Tickets
from shared.ids import new_id
from tests.control.webhooks.stage import CALLER, NODE, World, running, sealer_of
from tests.control.webhooks.telnyx_steps import OVER, REFUSED, all_handled, has_failed, later
from tests.control.webhooks.test_database_away import database_away


async def test_a_call_is_answered_then_led_to_media(world: World) -> None:
    reply = await world.incoming("v3:a1")
    assert reply.status == 200
    assert [(one.action, one.call) for one in world.exchange.taken] == [("answer", "v3:a1")]
    row = await world.row("v3:a1")
    assert (row["carrier"], row["status"], row["caller_number"]) == ("telnyx", "ringing", CALLER)
    await world.telnyx("call.answered", "v3:a1", direction="incoming", path="/webhooks/calls/status")
    asked = world.exchange.taken[1]
    assert (asked.action, asked.call) == ("streaming_start", "v3:a1")
    url = asked.body["stream_url"]
    assert url.startswith(f"{NODE}/media/telnyx/")
    plan = await Tickets(world.redis, sealer_of(world)).claim(url.rpartition("/")[2], "telnyx", "v3:a1")
    assert plan.call_id == str(row["id"])
    row = await world.row("v3:a1")
    assert (row["status"], row["media_node"]) == ("in_progress", "m1")
    assert all(event["handled_at"] for event in await world.events())


async def test_an_event_ten_times_at_once_is_one_call_answered_once(world: World) -> None:
    event_id = new_id()
    replies = await asyncio.gather(*(world.incoming("v3:a2", event_id=event_id) for _ in range(10)))
    assert {reply.status for reply in replies} == {200}
    assert world.exchange.actions == ["answer"]
    await world.row("v3:a2")
    assert len(await world.events()) == 1


async def test_any_address_takes_any_event(world: World) -> None:
    for number, path in enumerate(("inbound", "status", "recording", "continue")):
        await world.incoming(f"v3:b{number}", path=f"/webhooks/calls/{path}")
        await world.telnyx("call.hangup", f"v3:b{number}", hangup_cause="originator_cancel", hangup_source="caller")
    assert world.exchange.actions == ["answer"] * 4


async def test_who_is_not_let_in(world: World) -> None:
    await world.incoming("v3:a3", to="+14155559999")
    assert (world.exchange.taken[0].call, world.exchange.taken[0].body["cause"]) == ("v3:a3", "CALL_REJECTED")
    await world.sql("UPDATE workspaces SET status = 'suspended' WHERE id = $1", world.workspace_id)
    await world.incoming("v3:a4")
    assert world.exchange.actions == ["reject", "answer"]
    await world.telnyx("call.answered", "v3:a4", direction="incoming")
    asked = world.exchange.taken[2]
    assert (asked.action, asked.body["language"]) == ("speak", "en-US")
    assert asked.body["payload"].startswith("Sorry")
    await world.telnyx("call.speak.ended", "v3:a4")
    assert (world.exchange.taken[3].action, world.exchange.taken[3].call) == ("hangup", "v3:a4")


async def test_a_workspace_with_all_its_calls_is_busy(world: World) -> None:
    for number in range(3):
        await world.incoming(f"v3:c{number}")
    assert world.exchange.actions == ["answer", "answer", "reject"]
    assert world.exchange.taken[2].body["cause"] == "USER_BUSY"
    assert (await world.row("v3:c2"))["status"] == "busy"


async def test_no_room_is_told_in_words(world: World) -> None:
    await world.incoming("v3:a5")
    await world.lose("m1")
    await world.telnyx("call.answered", "v3:a5", direction="incoming")
    assert world.exchange.actions == ["answer", "speak"]
    assert "busy" in world.exchange.taken[1].body["payload"]
    assert (await world.row("v3:a5"))["status"] == "busy"


async def test_a_command_that_did_not_arrive_is_given_later(world: World) -> None:
    world.exchange.down.add("answer")
    assert (await world.incoming("v3:a6")).status == 200
    await world.until(lambda: has_failed(world))
    (event,) = await world.events()
    assert (event["handled_at"], event["last_error"]) == (None, "CarrierAway")
    assert await later(world, 1) == 0
    world.exchange.down.clear()
    assert await later(world) == 1
    assert world.exchange.actions == ["answer"]
    assert len({asked.body["command_id"] for asked in world.exchange.tried}) == 1, "Telnyx must know a repeat"
    (event,) = await world.events()
    assert event["handled_at"] is not None
    assert await later(world, 60) == 0


async def test_a_stream_that_did_not_start_is_started_later(world: World) -> None:
    await world.incoming("v3:a7")
    world.exchange.down.add("streaming_start")
    await world.telnyx("call.answered", "v3:a7", direction="incoming")
    await world.until(lambda: has_failed(world))
    world.exchange.down.clear()
    await world.node()
    assert await later(world) == 1
    assert world.exchange.actions == ["answer", "streaming_start"]
    assert (await world.row("v3:a7"))["media_node"] == "m1"


async def test_too_late_to_answer_means_hanging_up(world: World) -> None:
    world.exchange.down.add("answer")
    await world.incoming("v3:a8")
    await world.until(lambda: has_failed(world))
    world.exchange.down.clear()
    assert await later(world, 61) == 1
    assert world.exchange.actions == ["hangup"]
    assert await later(world, 3_600) == 0


async def test_what_telnyx_refuses_is_not_asked_again(world: World) -> None:
    for number, fault in enumerate((OVER, REFUSED)):
        world.exchange.refuses["answer"] = fault
        await world.incoming(f"v3:d{number}")
    assert [event["last_error"] for event in await world.events()] == ["90018", "10015"]
    assert await later(world) == 0


async def test_a_stream_that_is_refused_ends_in_words(world: World) -> None:
    await world.incoming("v3:a9")
    world.exchange.refuses["streaming_start"] = REFUSED
    await world.telnyx("call.answered", "v3:a9", direction="incoming")
    assert world.exchange.actions == ["answer", "speak"]
    assert (await world.row("v3:a9"))["status"] == "busy"
    assert await later(world) == 0


async def test_a_slow_command_does_not_keep_telnyx_waiting(database_url: str, valkey_url: str) -> None:
    async with running(database_url, valkey_url, inline_s=0.1) as world:
        await world.sql("DELETE FROM webhook_events")
        world.exchange.held["answer"] = asyncio.Event()
        assert (await world.incoming("v3:a10")).status == 200
        (event,) = await world.events()
        assert event["handled_at"] is None
        world.exchange.held["answer"].set()
        await world.until(lambda: all_handled(world))


async def test_a_command_without_an_answer_is_left_for_later(database_url: str, valkey_url: str) -> None:
    async with running(database_url, valkey_url, commands_s=0.2) as world:
        await world.sql("DELETE FROM webhook_events")
        world.exchange.held["answer"] = asyncio.Event()
        assert (await world.incoming("v3:a15")).status == 200
        (event,) = await world.events()
        assert (event["handled_at"], event["last_error"]) == (None, "TimeoutError")


async def test_a_fault_that_lasts_is_given_up(world: World) -> None:
    world.exchange.down |= {"answer", "hangup"}
    await world.incoming("v3:a11")
    await world.until(lambda: has_failed(world))
    tried = [await later(world, 5 * 2**number + 60) for number in range(MOST_ATTEMPTS + 2)]
    assert tried == [1] * MOST_ATTEMPTS + [0, 0]
    (event,) = await world.events()
    assert (event["attempts"], event["last_error"]) == (MOST_ATTEMPTS, "CarrierAway")
    assert event["handled_at"] is not None


async def test_two_workers_do_not_finish_the_same_event(world: World) -> None:
    world.exchange.down.add("answer")
    await world.incoming("v3:a12")
    await world.until(lambda: has_failed(world))
    world.exchange.down.clear()
    world.exchange.tried.clear()
    assert sorted(await asyncio.gather(later(world), later(world))) == [0, 1]
    assert len(world.exchange.tried) == 1


async def ten_of_many(world: World, name: str) -> tuple[asyncio.Task[int], asyncio.Event]:
    """Of 25 calls that were not hung up, ten are at it again, and wait for the event."""
    world.exchange.down.add("hangup")
    for number in range(25):
        await world.telnyx("call.speak.ended", f"{name}{number}")
    await world.until(lambda: has_failed(world))
    world.exchange.down.clear()
    world.exchange.tried.clear()
    held = world.exchange.held["hangup"] = asyncio.Event()
    finishing = asyncio.create_task(later(world))
    await world.until(lambda: len(world.exchange.tried) == 10)
    return finishing, held


async def test_many_are_finished_ten_at_once(world: World) -> None:
    """One by one, a Telnyx that does not answer would hold up the worker for minutes."""
    finishing, held = await ten_of_many(world, "v3:h")
    held.set()
    assert await finishing == 25
    assert (world.exchange.most, len(world.exchange.taken)) == (10, 25)
    assert await all_handled(world)


async def test_what_was_told_of_one_call_is_done_in_order(world: World) -> None:
    """The call that rang is written down before its end is, although many are worked on at once."""
    await world.sql("UPDATE tiers SET max_concurrent_calls = 100")
    await world.sql("ALTER TABLE calls RENAME TO calls_gone")
    try:
        for number in range(8):
            await world.incoming(f"v3:o{number}")
            await world.telnyx("call.hangup", f"v3:o{number}", hangup_cause="originator_cancel")
    finally:
        await world.sql("ALTER TABLE calls_gone RENAME TO calls")
    assert await later(world) == 16
    for number in range(8):
        assert (await world.row(f"v3:o{number}"))["status"] == "canceled"


async def test_a_database_that_goes_away_meanwhile_ends_the_round(world: World) -> None:
    finishing, held = await ten_of_many(world, "v3:i")
    async with database_away(world):
        held.set()
        with pytest.raises(Exception) as raised:
            await finishing
        assert is_away(raised.value)
    assert len(world.exchange.tried) == 10
    assert await later(world, 60) == 25
    assert await all_handled(world)


async def test_what_breaks_inside_is_kept_for_later(world: World) -> None:
    await world.sql("ALTER TABLE calls RENAME TO calls_gone")
    try:
        assert (await world.incoming("v3:a13")).status == 200
        # The address of a recording is not kept: that has to come again.
        assert (await world.telnyx("call.recording.saved", "v3:a13")).status == 200
        gone = await world.telnyx("call.recording.saved", "v3:a13", recording_urls={"wav": "https://s3/x?signature=1"})
        assert gone.status == 503
    finally:
        await world.sql("ALTER TABLE calls_gone RENAME TO calls")
    assert world.exchange.taken == []
    assert await later(world) == 1
    assert world.exchange.actions == ["answer"]
    await world.row("v3:a13")


async def test_a_database_away_has_telnyx_send_it_again(world: World) -> None:
    event_id = new_id()
    async with world.pool.transaction() as db:
        await db.execute("SET LOCAL lock_timeout = '100ms'")
        await db.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(world.incoming("v3:a14", event_id=event_id))
        await world.until(lambda: _has_waiter(world))
        await world.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> "
            "pg_backend_pid()"
        )
        assert (await waiting).status == 503
    assert (await world.incoming("v3:a14", event_id=event_id)).status == 200
    assert world.exchange.actions == ["answer"]


async def _has_waiter(world: World) -> bool:
    return bool(await world.owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
