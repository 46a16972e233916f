"""Telnyx's calls: stored once, steered by commands after the commit, finished later where those failed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control.webhooks.later import finish_open, purge
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.store import MOST_ATTEMPTS
from shared.bus.checkpoints import Checkpoints, Over
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.tickets import Tickets
from shared.ids import new_id
from tests.control.webhooks.stage import CALLER, NODE, World, client_state, running, sealer_of

SPARE = "wss://media-2.example.com"
HUMAN = "+14155557777"
OVER, REFUSED = "90018", "10015"


async def answered(world: World, call: str, **payload: Any) -> None:
    """A call that got its agent; what was asked of Telnyx for that is forgotten."""
    await world.incoming(call, **payload)
    await world.telnyx("call.answered", call, direction="incoming", **payload)
    assert world.exchange.actions == ["answer", "streaming_start"]
    world.exchange.taken.clear()


async def later(world: World, seconds: float = 6) -> int:
    """The worker's duty, so much later."""
    return await finish_open(world.pool, world.rooms, world.clock() + timedelta(seconds=seconds), 50)


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
    await world.until(lambda: _has_failed(world))
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
    await world.until(lambda: _has_failed(world))
    world.exchange.down.clear()
    await world.node()
    assert await later(world) == 1
    assert world.exchange.actions == ["answer", "streaming_start"]
    assert (await world.row("v3:a7"))["media_node"] == "m1"


async def test_too_late_to_answer_means_hanging_up(world: World) -> None:
    world.exchange.down.add("answer")
    await world.incoming("v3:a8")
    await world.until(lambda: _has_failed(world))
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
        await world.until(lambda: _all_handled(world))


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
    await world.until(lambda: _has_failed(world))
    tried = [await later(world, 5 * 2**number + 60) for number in range(MOST_ATTEMPTS + 2)]
    assert tried == [1] * MOST_ATTEMPTS + [0, 0]
    (event,) = await world.events()
    assert (event["attempts"], event["last_error"]) == (MOST_ATTEMPTS, "CarrierAway")
    assert event["handled_at"] is not None


async def test_two_workers_do_not_finish_the_same_event(world: World) -> None:
    world.exchange.down.add("answer")
    await world.incoming("v3:a12")
    await world.until(lambda: _has_failed(world))
    world.exchange.down.clear()
    world.exchange.tried.clear()
    assert sorted(await asyncio.gather(later(world), later(world))) == [0, 1]
    assert len(world.exchange.tried) == 1


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


# --- after a stream ---


async def test_the_end_of_a_conversation_hangs_up(world: World) -> None:
    await answered(world, "v3:e1")
    call_id = (await world.row("v3:e1"))["id"]
    await _checkpoints(world).end(str(call_id), Over(0, "agent_hangup"))
    await world.telnyx("streaming.stopped", "v3:e1")
    assert [(one.action, one.call) for one in world.exchange.taken] == [("hangup", "v3:e1")]


async def test_a_call_that_is_written_down_as_over_is_hung_up_all_the_same(world: World) -> None:
    await answered(world, "v3:e2")
    await world.sql("UPDATE calls SET status = 'completed', ended_at = now() WHERE carrier_call_id = 'v3:e2'")
    await world.telnyx("streaming.stopped", "v3:e2")
    assert [(one.action, one.call) for one in world.exchange.taken] == [("hangup", "v3:e2")]


async def test_a_transfer(world: World) -> None:
    await answered(world, "v3:e3")
    call_id = (await world.row("v3:e3"))["id"]
    await _checkpoints(world).end(str(call_id), Over(0, "transferred", "transfer", HUMAN))
    await world.sql("UPDATE calls SET status = 'completed', ended_at = now() WHERE carrier_call_id = 'v3:e3'")
    await world.telnyx("streaming.stopped", "v3:e3")
    asked = world.exchange.taken[0]
    assert (asked.action, asked.call) == ("transfer", "v3:e3")
    assert (asked.body["to"], asked.body["from"]) == (HUMAN, world.telnyx_number)
    assert asked.body["time_limit_secs"] == 3_600
    # The other leg is no call of ours, and when nobody answers there, the caller is told.
    leg: dict[str, Any] = {"client_state": asked.body["target_leg_client_state"], "direction": "outgoing"}
    await world.telnyx("call.initiated", "v3:leg", **leg)
    await world.telnyx("call.hangup", "v3:leg", hangup_cause="timeout", **leg)
    assert world.exchange.actions == ["transfer", "speak"]
    assert world.exchange.taken[1].call == "v3:e3"
    await world.telnyx("call.speak.ended", "v3:e3")
    assert (world.exchange.taken[2].action, world.exchange.taken[2].call) == ("hangup", "v3:e3")


async def test_a_transfer_that_was_answered_is_left_alone(world: World) -> None:
    leg: dict[str, Any] = {"client_state": client_state("transfer:v3:e4"), "direction": "outgoing"}
    await world.telnyx("call.answered", "v3:leg2", **leg)
    await world.telnyx("call.hangup", "v3:leg2", hangup_cause="normal_clearing", **leg)
    assert world.exchange.taken == []


@pytest.mark.parametrize("kind", ["streaming.stopped", "streaming.failed"])
async def test_a_lost_call_goes_on_at_another_node(world: World, kind: str) -> None:
    call = f"v3:{kind}"
    await answered(world, call)
    await world.lose("m1")
    await world.node("m2", url=SPARE)
    await world.telnyx(kind, call, failure_reason="connection_lost")
    asked = world.exchange.taken[0]
    url = asked.body["stream_url"]
    assert (asked.action, url.rpartition("/")[0]) == ("streaming_start", f"{SPARE}/media/telnyx")
    plan = await Tickets(world.redis, sealer_of(world)).claim(url.rpartition("/")[2], "telnyx", call)
    assert (plan.leg, plan.resume is not None) == (1, True)
    assert (await world.row(call))["media_node"] == "m2"


async def test_a_stream_that_failed_and_stopped_was_lost_once(world: World) -> None:
    await answered(world, "v3:e6")
    url = f"{NODE}/media/telnyx/secret-4711"
    await asyncio.gather(
        world.telnyx("streaming.failed", "v3:e6", stream_params={"stream_url": url}),
        world.telnyx("streaming.stopped", "v3:e6", stream_url=url),
    )
    assert world.exchange.actions == ["streaming_start"]
    await world.telnyx("streaming.stopped", "v3:e6", stream_url=f"{NODE}/media/telnyx/another")
    assert world.exchange.actions == ["streaming_start"] * 2
    assert "secret" not in str(await world.events())
    assert world.figure("vocalized_control_webhook_resumed_total", carrier="telnyx") == 2


async def test_what_is_finished_later_is_counted_there(world: World) -> None:
    await answered(world, "v3:e8")
    world.exchange.down.add("streaming_start")
    await world.telnyx("streaming.stopped", "v3:e8")
    await world.until(lambda: _has_failed(world))
    world.exchange.down.clear()
    registry = CollectorRegistry()
    now = world.clock() + timedelta(seconds=6)
    assert await finish_open(world.pool, world.rooms, now, 50, WebhookMetrics(registry)) == 1
    assert registry.get_sample_value("vocalized_control_webhook_resumed_total", {"carrier": "telnyx"}) == 1


async def test_a_call_that_runs_is_not_hung_up_for_being_late(world: World) -> None:
    await answered(world, "v3:e7")
    world.exchange.down.add("streaming_start")
    await world.telnyx("streaming.stopped", "v3:e7")
    await world.until(lambda: _has_failed(world))
    row = await world.row("v3:e7")
    live = LiveCall(str(row["id"]), str(world.workspace_id), "m1", 1, 1_000)
    await LiveCalls(world.redis).beat([live])
    assert await later(world, 61) == 1
    assert world.exchange.actions == []
    assert await _all_handled(world)


async def test_a_lost_call_without_any_node_ends_in_words(world: World) -> None:
    await answered(world, "v3:e5")
    await world.lose("m1")
    await world.telnyx("streaming.failed", "v3:e5")
    assert world.exchange.actions == ["speak"]
    row = await world.row("v3:e5")
    assert (row["status"], row["end_reason"], row["end_detail"]) == ("failed", "media_lost", "all_busy")


# --- states ---


async def test_the_end_before_the_beginning(world: World) -> None:
    """Telnyx keeps no order: what has ended does not begin again."""
    call_id = await world.queued("telnyx")
    state = client_state(str(call_id))
    await world.telnyx("call.hangup", "v3:f1", client_state=state, hangup_cause="user_busy")
    await world.telnyx("call.initiated", "v3:f1", client_state=state, direction="outgoing", state="bridging")
    assert (await world.row("v3:f1"))["status"] == "busy"
    assert world.exchange.taken == []


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("originator_cancel", "canceled"), ("timeout", "no_answer"), ("no_answer", "no_answer"), ("user_busy", "busy"),
        ("call_rejected", "failed"), ("not_found", "failed"), ("unspecified", "failed"), ("brand_new", "failed"),
    ],
)  # fmt: skip
async def test_causes(world: World, cause: str, status: str) -> None:
    call_id = await world.queued("telnyx")
    await world.telnyx("call.hangup", f"v3:{cause}", client_state=client_state(str(call_id)), hangup_cause=cause)
    assert (await world.row(f"v3:{cause}"))["status"] == status


async def test_an_outbound_call_gets_its_agent(world: World) -> None:
    call_id = await world.queued("telnyx")
    ours: dict[str, Any] = {
        "client_state": client_state(str(call_id)),
        "direction": "outgoing",
        "from": world.number,
        "to": CALLER,
    }
    await world.telnyx("call.initiated", "v3:g1", **ours)
    assert (await world.row("v3:g1"))["status"] == "ringing"
    await world.telnyx("call.answered", "v3:g1", **ours)
    assert world.exchange.actions == ["streaming_start"]
    row = await world.row("v3:g1")
    assert (row["id"], row["status"]) == (call_id, "in_progress")
    await world.telnyx("call.hangup", "v3:g1", hangup_cause="normal_clearing", hangup_source="callee", **ours)
    row = await world.row("v3:g1")
    assert (row["status"], row["end_reason"]) == ("completed", "caller_hangup")


async def test_the_address_tells_the_call_where_the_state_is_missing(world: World) -> None:
    call_id = await world.queued("telnyx")
    payload = {"call_control_id": "v3:g2", "from": world.number, "to": CALLER, "direction": "outgoing"}
    path = f"/webhooks/calls/status?call={call_id}"
    await world.sent(world.event("call.initiated", new_id(), payload), path=path)
    assert (await world.row("v3:g2"))["id"] == call_id
    # A leg that has the address by inheritance has a state of its own, which is none.
    await world.sent(
        world.event("call.answered", new_id(), payload | {"call_control_id": "v3:other", "client_state": None}),
        path=path,
    )
    assert world.exchange.taken == []


async def test_an_outgoing_call_that_is_not_ours_is_left_alone(world: World) -> None:
    await world.telnyx("call.initiated", "v3:g3", direction="outgoing")
    await world.telnyx("call.answered", "v3:g3", direction="outgoing")
    assert world.exchange.taken == []


async def test_machines_costs_and_bridges_are_noted(world: World) -> None:
    await answered(world, "v3:g4")
    await world.telnyx("call.machine.detection.ended", "v3:g4", result="human")
    await world.telnyx("call.bridged", "v3:g4")
    await world.telnyx("call.cost", "v3:g4", total_cost="0.0042", cost_parts=[{"call_part": "sip-trunking"}])
    details = (await world.row("v3:g4"))["details"]
    assert details["carrier"]["cost"]["total"] == "0.0042"
    assert details["carrier"]["answered_by"] == "human"
    assert "bridged_at" in details["carrier"]


async def test_a_recording_is_found_by_its_leg(world: World) -> None:
    await world.incoming("v3:g5", call_leg_id="leg-5")
    payload = {
        "call_leg_id": "leg-5", "recording_urls": {"mp3": "https://s3/x.mp3?s=secret-4711", "wav": "https://s3/x.wav"},
        "channels": "dual",
        "recording_started_at": "2026-11-24T10:00:00Z", "recording_ended_at": "2026-11-24T10:00:42Z",
    }  # fmt: skip
    await world.sent(world.event("call.recording.saved", new_id(), payload))
    told = (await world.row("v3:g5"))["details"]["carrier_recordings"][""]
    assert (told["url"], told["channels"], told["duration_s"]) == ("https://s3/x.wav", 2, 42)
    assert (told["id"], told["leg"]) == ("", "leg-5"), "the id is to be asked for by the leg"
    assert "secret" not in str(await world.events())


async def test_a_recording_whose_address_is_not_told_can_be_asked_for_by_its_leg(world: World) -> None:
    await world.incoming("v3:g7", call_leg_id="leg-7")
    await world.sent(world.event("call.recording.saved", new_id(), {"call_leg_id": "leg-7"}))
    told = (await world.row("v3:g7"))["details"]["carrier_recordings"][""]
    assert (told["id"], told["url"], told["leg"]) == ("", "", "leg-7")


async def test_what_nothing_follows_from_is_not_kept(world: World) -> None:
    for kind in ("call.dtmf.received", "streaming.started", "brand.new"):
        assert (await world.telnyx(kind, "v3:g6", digit="4")).status == 200
    assert await world.events() == []


async def test_odd_payloads_are_harmless(world: World) -> None:
    for kind in ("call.initiated", "call.answered", "call.hangup", "call.cost", "streaming.stopped"):
        for payload in (
            {},
            {"call_control_id": 5, "from": ["x"], "client_state": 7},
            {"from": "a\0b", "cost_parts": {"a": "\0"}},
        ):
            assert (await world.sent(world.event(kind, new_id(), payload))).status == 200


async def test_old_webhooks_go(world: World) -> None:
    await world.incoming("v3:g7")
    async with world.pool.transaction() as db:
        assert await purge(db, world.clock() + timedelta(days=29), 100) == 0
        assert await purge(db, world.clock() + timedelta(days=31), 100) == 1
    assert await world.events() == []


def _checkpoints(world: World) -> Checkpoints:
    return Checkpoints(world.redis, sealer_of(world))


async def _all_handled(world: World) -> bool:
    return all(event["handled_at"] for event in await world.events())


async def _has_failed(world: World) -> bool:
    return any(event["last_error"] for event in await world.events())


async def _has_waiter(world: World) -> bool:
    return bool(await world.owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
