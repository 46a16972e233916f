"""Telnyx's events about a call's state, in any order, and the facts that are stored."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from control.calls.records.queries import lock_workspace
from control.db.scope import enter_platform
from control.inbound_webhooks.tasks import remove_old_webhooks
from shared.ids import new_id
from tests.control.inbound_webhooks.telnyx.steps import answer_telnyx_call
from tests.platform.webhooks import CALLER, WebhookPlatform, client_state


async def test_late_events_do_not_reopen_an_ended_call(platform: WebhookPlatform) -> None:
    """Telnyx does not promise an order: an ended call stays ended."""
    call_id = await platform.queue_outbound("telnyx")
    state = client_state(str(call_id))
    await platform.post_telnyx("call.hangup", "v3:f1", client_state=state, hangup_cause="user_busy")
    await platform.post_telnyx("call.initiated", "v3:f1", client_state=state, direction="outgoing", state="bridging")
    assert (await platform.call_row("v3:f1"))["status"] == "busy"
    assert platform.telnyx_api.carried_out == []


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("originator_cancel", "canceled"), ("timeout", "no_answer"), ("no_answer", "no_answer"), ("user_busy", "busy"),
        ("call_rejected", "failed"), ("not_found", "failed"), ("unspecified", "failed"), ("brand_new", "failed"),
    ],
)  # fmt: skip
async def test_status_by_hangup_cause(platform: WebhookPlatform, cause: str, status: str) -> None:
    call_id = await platform.queue_outbound("telnyx")
    await platform.post_telnyx(
        "call.hangup", f"v3:{cause}", client_state=client_state(str(call_id)), hangup_cause=cause
    )
    assert (await platform.call_row(f"v3:{cause}"))["status"] == status


async def test_outbound_call_is_connected_to_its_agent(platform: WebhookPlatform) -> None:
    call_id = await platform.queue_outbound("telnyx")
    fields: dict[str, Any] = {
        "client_state": client_state(str(call_id)),
        "direction": "outgoing",
        "from": platform.number,
        "to": CALLER,
    }
    await platform.post_telnyx("call.initiated", "v3:g1", **fields)
    assert (await platform.call_row("v3:g1"))["status"] == "ringing"
    await platform.post_telnyx("call.answered", "v3:g1", **fields)
    assert platform.telnyx_api.actions == ["streaming_start"]
    row = await platform.call_row("v3:g1")
    assert (row["id"], row["status"]) == (call_id, "in_progress")
    await platform.post_telnyx("call.hangup", "v3:g1", hangup_cause="normal_clearing", hangup_source="callee", **fields)
    row = await platform.call_row("v3:g1")
    assert (row["status"], row["end_reason"]) == ("completed", "caller_hangup")


async def test_url_names_the_call_without_client_state(platform: WebhookPlatform) -> None:
    call_id = await platform.queue_outbound("telnyx")
    payload = {"call_control_id": "v3:g2", "from": platform.number, "to": CALLER, "direction": "outgoing"}
    path = f"/webhooks/calls/status?call={call_id}"
    await platform.post_telnyx_body(platform.telnyx_body("call.initiated", new_id(), payload), path=path)
    assert (await platform.call_row("v3:g2"))["id"] == call_id
    # Another leg inherits the URL, and has an empty client_state of its own.
    await platform.post_telnyx_body(
        platform.telnyx_body(
            "call.answered", new_id(), payload | {"call_control_id": "v3:other", "client_state": None}
        ),
        path=path,
    )
    assert platform.telnyx_api.carried_out == []


async def test_answer_does_not_wait_for_the_workspace_lock(platform: WebhookPlatform) -> None:
    """The call was counted when it rang."""
    await platform.ring_telnyx("v3:g8")
    async with platform.pool.transaction() as db:
        await lock_workspace(db, platform.workspace_id)
        async with asyncio.timeout(30):
            await platform.post_telnyx("call.answered", "v3:g8", direction="incoming")
    assert platform.telnyx_api.actions == ["answer", "streaming_start"]


async def test_workspace_suspended_while_ringing_refuses_the_call(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:g9")
    await platform.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", platform.workspace_id)
    await platform.post_telnyx("call.answered", "v3:g9", direction="incoming")
    assert platform.telnyx_api.actions == ["answer", "speak"]
    row = await platform.call_row("v3:g9")
    assert (row["status"], row["details"]["refused"]) == ("failed", "suspended")


async def test_answered_call_without_stored_ringing_is_admitted(
    platform: WebhookPlatform,
) -> None:
    await platform.post_telnyx("call.answered", "v3:g10", direction="incoming")
    assert platform.telnyx_api.actions == ["streaming_start"]
    assert (await platform.call_row("v3:g10"))["media_node"] == "m1"
    await platform.post_telnyx("call.answered", "v3:g11", direction="incoming", to="+14155559999")
    assert platform.telnyx_api.actions == ["streaming_start", "speak"]


async def test_foreign_outbound_call_is_ignored(platform: WebhookPlatform) -> None:
    await platform.post_telnyx("call.initiated", "v3:g3", direction="outgoing")
    await platform.post_telnyx("call.answered", "v3:g3", direction="outgoing")
    assert platform.telnyx_api.carried_out == []


async def test_machine_result_cost_and_bridge_are_stored(platform: WebhookPlatform) -> None:
    await answer_telnyx_call(platform, "v3:g4")
    await platform.post_telnyx("call.machine.detection.ended", "v3:g4", result="human")
    await platform.post_telnyx("call.bridged", "v3:g4")
    await platform.post_telnyx("call.cost", "v3:g4", total_cost="0.0042", cost_parts=[{"call_part": "sip-trunking"}])
    details = (await platform.call_row("v3:g4"))["details"]
    assert details["carrier"]["cost"]["total"] == "0.0042"
    assert details["carrier"]["answered_by"] == "human"
    assert "bridged_at" in details["carrier"]


async def test_recording_is_assigned_by_its_leg(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:g5", call_leg_id="leg-5")
    payload = {
        "call_leg_id": "leg-5", "recording_urls": {"mp3": "https://s3/x.mp3?s=secret-4711", "wav": "https://s3/x.wav"},
        "channels": "dual",
        "recording_started_at": "2026-11-24T10:00:00Z", "recording_ended_at": "2026-11-24T10:00:42Z",
    }  # fmt: skip
    await platform.post_telnyx_body(platform.telnyx_body("call.recording.saved", new_id(), payload))
    stored = (await platform.call_row("v3:g5"))["details"]["carrier_recordings"]["leg-5"]
    assert (stored["url"], stored["duration_s"]) == ("https://s3/x.wav", 42)
    assert (stored["id"], stored["leg"]) == ("", "leg-5"), "the id is looked up by the leg"
    assert "secret" not in str(await platform.stored_events())


async def test_recording_without_a_url_is_stored_with_its_leg(
    platform: WebhookPlatform,
) -> None:
    await platform.ring_telnyx("v3:g7", call_leg_id="leg-7")
    await platform.post_telnyx_body(platform.telnyx_body("call.recording.saved", new_id(), {"call_leg_id": "leg-7"}))
    stored = (await platform.call_row("v3:g7"))["details"]["carrier_recordings"]["leg-7"]
    assert (stored["id"], stored["url"], stored["leg"]) == ("", "", "leg-7")


async def test_events_without_an_effect_are_not_stored(platform: WebhookPlatform) -> None:
    for kind in ("call.dtmf.received", "streaming.started", "brand.new"):
        assert (await platform.post_telnyx(kind, "v3:g6", digit="4")).status == 200
    assert await platform.stored_events() == []


async def test_malformed_payloads_are_answered(platform: WebhookPlatform) -> None:
    for kind in ("call.initiated", "call.answered", "call.hangup", "call.cost", "streaming.stopped"):
        for payload in (
            {},
            {"call_control_id": 5, "from": ["x"], "client_state": 7},
            {"from": "a\0b", "cost_parts": {"a": "\0"}},
        ):
            assert (await platform.post_telnyx_body(platform.telnyx_body(kind, new_id(), payload))).status == 200


async def test_old_webhooks_are_deleted(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:g7")
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        assert await remove_old_webhooks(db, platform.clock() + timedelta(days=29), 100) == 0
        assert await remove_old_webhooks(db, platform.clock() + timedelta(days=31), 100) == 1
    assert await platform.stored_events() == []
