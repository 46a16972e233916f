"""What Telnyx tells of calls' states, in whatever order, and what is noted of it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from control.calls.store import lock_workspace
from control.webhooks.later import purge
from shared.ids import new_id
from tests.control.webhooks.stage import CALLER, World, client_state
from tests.control.webhooks.telnyx_steps import answered


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


async def test_an_answered_call_waits_for_no_other_of_its_workspace(world: World) -> None:
    """It was let in when it rang: nothing is counted once more."""
    await world.incoming("v3:g8")
    async with world.pool.transaction() as db:
        await lock_workspace(db, world.workspace_id)
        async with asyncio.timeout(10):
            await world.telnyx("call.answered", "v3:g8", direction="incoming")
    assert world.exchange.actions == ["answer", "streaming_start"]


async def test_a_call_whose_workspace_was_suspended_while_it_rang_gets_words(world: World) -> None:
    await world.incoming("v3:g9")
    await world.sql("UPDATE workspaces SET status = 'suspended' WHERE id = $1", world.workspace_id)
    await world.telnyx("call.answered", "v3:g9", direction="incoming")
    assert world.exchange.actions == ["answer", "speak"]
    row = await world.row("v3:g9")
    assert (row["status"], row["details"]["refused"]) == ("failed", "suspended")


async def test_a_call_of_whose_ringing_nothing_is_written_down_arrives_when_it_is_answered(world: World) -> None:
    await world.telnyx("call.answered", "v3:g10", direction="incoming")
    assert world.exchange.actions == ["streaming_start"]
    assert (await world.row("v3:g10"))["media_node"] == "m1"
    await world.telnyx("call.answered", "v3:g11", direction="incoming", to="+14155559999")
    assert world.exchange.actions == ["streaming_start", "speak"]


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
    told = (await world.row("v3:g5"))["details"]["carrier_recordings"]["leg-5"]
    assert (told["url"], told["duration_s"]) == ("https://s3/x.wav", 42)
    assert (told["id"], told["leg"]) == ("", "leg-5"), "the id is to be asked for by the leg"
    assert "secret" not in str(await world.events())


async def test_a_recording_whose_address_is_not_told_can_be_asked_for_by_its_leg(world: World) -> None:
    await world.incoming("v3:g7", call_leg_id="leg-7")
    await world.sent(world.event("call.recording.saved", new_id(), {"call_leg_id": "leg-7"}))
    told = (await world.row("v3:g7"))["details"]["carrier_recordings"]["leg-7"]
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
