"""Telnyx's calls: events are stored once, commands run after the commit, failed ones are retried."""

import asyncio
from typing import Any

import pytest

from control.calls.outbound.service import CallPlacement
from control.carriers.rules import PlacedCall
from control.db.errors import is_database_unavailable
from control.db.scope import enter_platform
from control.inbound_webhooks.queries import MAX_ATTEMPTS
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.tickets import Tickets
from shared.ids import new_id
from tests.control.inbound_webhooks.inbox.test_database_unavailable import database_unavailable
from tests.control.inbound_webhooks.telnyx.steps import (
    CALL_HAS_ENDED,
    INVALID_REQUEST,
    all_failed,
    all_handled,
    any_failed,
    retry_after,
)
from tests.platform.webhooks import CALLER, NODE, WebhookPlatform, client_state, running_webhooks


async def test_call_is_answered_then_streamed_to_media(platform: WebhookPlatform) -> None:
    reply = await platform.ring_telnyx("v3:a1")
    assert reply.status == 200
    assert [(command.action, command.call) for command in platform.telnyx_api.carried_out] == [("answer", "v3:a1")]
    row = await platform.call_row("v3:a1")
    assert (row["carrier"], row["status"], row["caller_number"]) == ("telnyx", "ringing", CALLER)
    await platform.post_telnyx("call.answered", "v3:a1", direction="incoming", path="/webhooks/calls/status")
    command = platform.telnyx_api.carried_out[1]
    assert (command.action, command.call) == ("streaming_start", "v3:a1")
    url = command.body["stream_url"]
    assert url.startswith(f"{NODE}/media/telnyx/")
    plan = await Tickets(platform.redis, platform.sealer).claim(url.rpartition("/")[2], "telnyx", "v3:a1")
    assert plan.call_id == str(row["id"])
    row = await platform.call_row("v3:a1")
    assert (row["status"], row["media_node"]) == ("in_progress", "m1")
    assert all(event["handled_at"] for event in await platform.stored_events())


async def test_names_of_events_may_have_underscores(platform: WebhookPlatform) -> None:
    await platform.post_telnyx("call_initiated", "v3:u1", direction="incoming", state="parked")
    await platform.post_telnyx("call_answered", "v3:u1", direction="incoming")
    await platform.post_telnyx("call_machine_premium_detection_ended", "v3:u1", result="human_business")
    await platform.post_telnyx("call_hangup", "v3:u1", hangup_cause="normal_clearing", hangup_source="caller")
    assert platform.telnyx_api.actions == ["answer", "streaming_start"]
    row = await platform.call_row("v3:u1")
    assert (row["status"], row["details"]["amd"]) == ("completed", "human")


async def test_call_is_found_when_its_ids_change(platform: WebhookPlatform) -> None:
    """Users of Telnyx have seen call_control_id change after the answer. Session and client_state stay."""
    session = {"call_session_id": "session-1"}
    await platform.ring_telnyx("v3:i1", **session)
    state = {"client_state": platform.telnyx_api.carried_out[0].body["client_state"]} | session
    call_id = (await platform.call_row("v3:i1"))["id"]
    await platform.post_telnyx("call.answered", "v3:i2", **state)
    command = platform.telnyx_api.carried_out[1]
    assert (command.action, command.call) == ("streaming_start", "v3:i2")
    token = command.body["stream_url"].rpartition("/")[2]
    plan = await Tickets(platform.redis, platform.sealer).claim(token, "telnyx", "v3:i3", str(call_id))
    assert plan.call_id == str(call_id)
    await Checkpoints(platform.redis, platform.sealer).put_outcome(str(call_id), StreamOutcome(0, CALLER))
    await platform.post_telnyx("streaming.stopped", "v3:i3", **state)
    assert platform.telnyx_api.carried_out[2].action == "transfer"
    await platform.post_telnyx("call.hangup", "v3:i3", hangup_cause="normal_clearing", hangup_source="caller", **state)
    row = await platform.call_row("v3:i3")
    assert (row["id"], row["status"], row["end_reason"]) == (call_id, "completed", "caller_hangup")


async def test_dialed_call_is_found_by_its_session_before_it_rang(platform: WebhookPlatform) -> None:
    """Telnyx keeps no order of events, and the id may have changed by the first one that comes."""
    call_id = await platform.queue_outbound("telnyx")
    placed = PlacedCall("v3:o1", "session-o")
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        await platform.services[CallPlacement].confirm(db, call_id, placed, platform.clock())
    state: Any = {"client_state": client_state(str(call_id)), "call_session_id": "session-o", "direction": "outgoing"}
    await platform.post_telnyx("call.answered", "v3:o2", **state)
    assert platform.telnyx_api.actions == ["streaming_start"]
    assert (await platform.call_row("v3:o2"))["id"] == call_id


async def test_call_of_another_session_is_not_taken_for_ours(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:j1", call_session_id="session-1")
    state = {"client_state": platform.telnyx_api.carried_out[0].body["client_state"]}
    await platform.post_telnyx("call.hangup", "v3:j2", hangup_cause="timeout", call_session_id="session-2", **state)
    assert (await platform.call_row("v3:j1"))["status"] == "ringing"


async def test_concurrent_deliveries_of_an_event_are_one_call(platform: WebhookPlatform) -> None:
    event_id = new_id()
    replies = await asyncio.gather(*(platform.ring_telnyx("v3:a2", event_id=event_id) for _ in range(10)))
    assert {reply.status for reply in replies} == {200}
    assert platform.telnyx_api.actions == ["answer"]
    await platform.call_row("v3:a2")
    assert len(await platform.stored_events()) == 1


async def test_every_address_takes_every_event(platform: WebhookPlatform) -> None:
    for number, path in enumerate(("inbound", "status", "recording", "continue")):
        await platform.ring_telnyx(f"v3:b{number}", path=f"/webhooks/calls/{path}")
        await platform.post_telnyx(
            "call.hangup", f"v3:b{number}", hangup_cause="originator_cancel", hangup_source="caller"
        )
    assert platform.telnyx_api.actions == ["answer"] * 4


async def test_refused_calls_are_rejected_or_hear_why(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:a3", to="+14155559999")
    assert (
        platform.telnyx_api.carried_out[0].call,
        platform.telnyx_api.carried_out[0].body["cause"],
    ) == ("v3:a3", "CALL_REJECTED")
    await platform.close_business("Sorry, we are closed.")
    await platform.ring_telnyx("v3:a4")
    assert platform.telnyx_api.actions == ["reject", "answer"]
    await platform.post_telnyx("call.answered", "v3:a4", direction="incoming")
    command = platform.telnyx_api.carried_out[2]
    assert (command.action, command.body["language"]) == ("speak", "en-US")
    assert command.body["payload"].startswith("Sorry")
    await platform.post_telnyx("call.speak.ended", "v3:a4")
    assert (platform.telnyx_api.carried_out[3].action, platform.telnyx_api.carried_out[3].call) == (
        "hangup",
        "v3:a4",
    )


async def test_caller_of_a_suspended_workspace_is_rejected_unanswered(platform: WebhookPlatform) -> None:
    """An answered call would be billed."""
    await platform.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", platform.workspace_id)
    await platform.ring_telnyx("v3:s-suspended")
    (command,) = platform.telnyx_api.carried_out
    assert (command.action, command.body["cause"]) == ("reject", "CALL_REJECTED")
    assert (await platform.call_row("v3:s-suspended"))["end_detail"] == "suspended"


async def test_blocked_caller_is_rejected_as_unreachable(platform: WebhookPlatform) -> None:
    await platform.block(CALLER)
    await platform.ring_telnyx("v3:h1")
    (command,) = platform.telnyx_api.carried_out
    assert (command.action, command.body["cause"]) == ("reject", "CALL_REJECTED")
    assert (await platform.call_row("v3:h1"))["end_detail"] == "blocked"


async def test_caller_outside_the_hours_hears_the_agents_words(platform: WebhookPlatform) -> None:
    await platform.close_business("We are closed.")
    await platform.ring_telnyx("v3:h2")
    await platform.post_telnyx("call.answered", "v3:h2", direction="incoming")
    assert platform.telnyx_api.actions == ["answer", "speak"]
    assert platform.telnyx_api.carried_out[1].body["payload"] == "We are closed."
    assert (await platform.call_row("v3:h2"))["end_detail"] == "outside_hours"


async def test_workspace_at_its_call_limit_is_busy(platform: WebhookPlatform) -> None:
    for number in range(3):
        await platform.ring_telnyx(f"v3:c{number}")
    assert platform.telnyx_api.actions == ["answer", "answer", "reject"]
    assert platform.telnyx_api.carried_out[2].body["cause"] == "USER_BUSY"
    assert (await platform.call_row("v3:c2"))["status"] == "busy"


async def test_lack_of_media_nodes_is_announced(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:a5")
    await platform.remove_node("m1")
    await platform.post_telnyx("call.answered", "v3:a5", direction="incoming")
    assert platform.telnyx_api.actions == ["answer", "speak"]
    assert "busy" in platform.telnyx_api.carried_out[1].body["payload"]
    assert (await platform.call_row("v3:a5"))["status"] == "busy"


async def test_failed_command_is_retried_with_its_id(platform: WebhookPlatform) -> None:
    platform.telnyx_api.unavailable.add("answer")
    assert (await platform.ring_telnyx("v3:a6")).status == 200
    await platform.wait_until(lambda: any_failed(platform))
    (event,) = await platform.stored_events()
    assert (event["handled_at"], event["last_error"]) == (None, "CarrierUnavailable")
    assert await retry_after(platform, 1) == 0
    platform.telnyx_api.unavailable.clear()
    assert await retry_after(platform) == 1
    assert platform.telnyx_api.actions == ["answer"]
    assert len({command.body["command_id"] for command in platform.telnyx_api.received}) == 1, (
        "Telnyx must recognize the repeat"
    )
    (event,) = await platform.stored_events()
    assert event["handled_at"] is not None
    assert await retry_after(platform, 60) == 0


async def test_failed_stream_start_is_retried(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:a7")
    platform.telnyx_api.unavailable.add("streaming_start")
    await platform.post_telnyx("call.answered", "v3:a7", direction="incoming")
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.unavailable.clear()
    await platform.add_node()
    assert await retry_after(platform) == 1
    assert platform.telnyx_api.actions == ["answer", "streaming_start"]
    assert (await platform.call_row("v3:a7"))["media_node"] == "m1"


async def test_call_is_hung_up_when_the_retry_is_too_late(platform: WebhookPlatform) -> None:
    platform.telnyx_api.unavailable.add("answer")
    await platform.ring_telnyx("v3:a8")
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.unavailable.clear()
    assert await retry_after(platform, 61) == 1
    assert platform.telnyx_api.actions == ["hangup"]
    assert await retry_after(platform, 3_600) == 0


async def test_refused_command_is_not_retried(platform: WebhookPlatform) -> None:
    for number, code in enumerate((CALL_HAS_ENDED, INVALID_REQUEST)):
        platform.telnyx_api.refused["answer"] = code
        await platform.ring_telnyx(f"v3:d{number}")
    assert [event["last_error"] for event in await platform.stored_events()] == ["90018", None]
    assert platform.telnyx_api.actions == ["reject"]
    assert await retry_after(platform) == 0


async def test_refused_stream_is_announced(platform: WebhookPlatform) -> None:
    await platform.ring_telnyx("v3:a9")
    platform.telnyx_api.refused["streaming_start"] = INVALID_REQUEST
    await platform.post_telnyx("call.answered", "v3:a9", direction="incoming")
    assert platform.telnyx_api.actions == ["answer", "speak"]
    assert (await platform.call_row("v3:a9"))["status"] == "busy"
    assert await retry_after(platform) == 0


async def test_slow_command_does_not_delay_the_answer(database_url: str, valkey_url: str) -> None:
    async with running_webhooks(database_url, valkey_url, inline_commands_s=0.1) as platform:
        await platform.execute("DELETE FROM webhook_events")
        platform.telnyx_api.blocked["answer"] = asyncio.Event()
        assert (await platform.ring_telnyx("v3:a10")).status == 200
        (event,) = await platform.stored_events()
        assert event["handled_at"] is None
        platform.telnyx_api.blocked["answer"].set()
        await platform.wait_until(lambda: all_handled(platform))


async def test_unanswered_command_leaves_the_event_open(database_url: str, valkey_url: str) -> None:
    async with running_webhooks(database_url, valkey_url, commands_s=0.2) as platform:
        await platform.execute("DELETE FROM webhook_events")
        platform.telnyx_api.blocked["answer"] = asyncio.Event()
        assert (await platform.ring_telnyx("v3:a15")).status == 200
        (event,) = await platform.stored_events()
        assert (event["handled_at"], event["last_error"]) == (None, "TimeoutError")


async def test_event_is_closed_after_the_last_attempt(platform: WebhookPlatform) -> None:
    platform.telnyx_api.unavailable |= {"answer", "hangup"}
    await platform.ring_telnyx("v3:a11")
    await platform.wait_until(lambda: any_failed(platform))
    retried_counts = [await retry_after(platform, 5 * 2**number + 60) for number in range(MAX_ATTEMPTS + 2)]
    assert retried_counts == [1] * MAX_ATTEMPTS + [0, 0]
    (event,) = await platform.stored_events()
    assert (event["attempts"], event["last_error"]) == (MAX_ATTEMPTS, "CarrierUnavailable")
    assert event["handled_at"] is not None


async def test_two_workers_retry_an_event_once(platform: WebhookPlatform) -> None:
    platform.telnyx_api.unavailable.add("answer")
    await platform.ring_telnyx("v3:a12")
    await platform.wait_until(lambda: any_failed(platform))
    platform.telnyx_api.unavailable.clear()
    platform.telnyx_api.received.clear()
    assert sorted(await asyncio.gather(retry_after(platform), retry_after(platform))) == [0, 1]
    assert len(platform.telnyx_api.received) == 1


async def start_blocked_retries(platform: WebhookPlatform, name: str) -> tuple[asyncio.Task[int], asyncio.Event]:
    """Starts the retry of 25 failed hang-ups; ten are under way and wait for the returned event."""
    platform.telnyx_api.unavailable.add("hangup")
    # At once: each waits 0.3 s for its command, which is repeated.
    await asyncio.gather(*(platform.post_telnyx("call.speak.ended", f"{name}{number}") for number in range(25)))
    await platform.wait_until(lambda: all_failed(platform))
    platform.telnyx_api.unavailable.clear()
    platform.telnyx_api.received.clear()
    platform.telnyx_api.most_at_once = 0
    release = platform.telnyx_api.blocked["hangup"] = asyncio.Event()
    retrying = asyncio.create_task(retry_after(platform))
    await platform.wait_until(lambda: len(platform.telnyx_api.received) == 10)
    return retrying, release


async def test_ten_events_are_retried_at_once(platform: WebhookPlatform) -> None:
    """One after another, retries against a silent Telnyx would take minutes."""
    retrying, release = await start_blocked_retries(platform, "v3:h")
    release.set()
    assert await retrying == 25
    assert (platform.telnyx_api.most_at_once, len(platform.telnyx_api.carried_out)) == (10, 25)
    assert await all_handled(platform)


async def test_events_of_a_call_are_retried_in_order(platform: WebhookPlatform) -> None:
    """The ringing is stored before the end, although events of several calls are retried at once."""
    await platform.execute("UPDATE tiers SET max_concurrent_calls = 100")
    await platform.execute("ALTER TABLE calls RENAME TO calls_gone")
    try:
        for number in range(8):
            await platform.ring_telnyx(f"v3:o{number}")
            await platform.post_telnyx("call.hangup", f"v3:o{number}", hangup_cause="originator_cancel")
    finally:
        await platform.execute("ALTER TABLE calls_gone RENAME TO calls")
    assert await retry_after(platform) == 16
    for number in range(8):
        assert (await platform.call_row(f"v3:o{number}"))["status"] == "canceled"


async def test_retry_stops_when_the_database_is_lost(platform: WebhookPlatform) -> None:
    retrying, release = await start_blocked_retries(platform, "v3:i")
    async with database_unavailable(platform):
        release.set()
        with pytest.raises(Exception) as raised:
            await retrying
        assert is_database_unavailable(raised.value)
    assert len(platform.telnyx_api.received) == 10
    assert await retry_after(platform, 60) == 25
    assert await all_handled(platform)


async def test_internal_error_leaves_the_event_open(platform: WebhookPlatform) -> None:
    await platform.execute("ALTER TABLE calls RENAME TO calls_gone")
    try:
        assert (await platform.ring_telnyx("v3:a13")).status == 200
        # The URL of a recording is not stored, so Telnyx must send the event again.
        assert (await platform.post_telnyx("call.recording.saved", "v3:a13")).status == 200
        refused = await platform.post_telnyx(
            "call.recording.saved", "v3:a13", recording_urls={"wav": "https://s3/x?signature=1"}
        )
        assert refused.status == 503
    finally:
        await platform.execute("ALTER TABLE calls_gone RENAME TO calls")
    assert platform.telnyx_api.carried_out == []
    assert await retry_after(platform) == 1
    assert platform.telnyx_api.actions == ["answer"]
    await platform.call_row("v3:a13")


async def test_telnyx_gets_503_without_the_database(platform: WebhookPlatform) -> None:
    event_id = new_id()
    async with platform.pool.transaction() as db:
        await db.execute("SET LOCAL lock_timeout = '100ms'")
        await db.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(platform.ring_telnyx("v3:a14", event_id=event_id))
        await platform.wait_until(lambda: _has_waiter(platform))
        await platform.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> "
            "pg_backend_pid()"
        )
        assert (await waiting).status == 503
    assert (await platform.ring_telnyx("v3:a14", event_id=event_id)).status == 200
    assert platform.telnyx_api.actions == ["answer"]


async def _has_waiter(platform: WebhookPlatform) -> bool:
    return bool(await platform.owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


@pytest.mark.parametrize(
    ("fields", "attestation"),
    [
        ({"shaken_stir_attestation": "A", "shaken_stir_validated": True}, "A"),
        ({"shaken_stir_attestation": "B", "shaken_stir_validated": False}, "failed"),
        ({"shaken_stir_attestation": "C"}, "C"),
        ({"shaken_stir_attestation": None, "shaken_stir_validated": False}, None),
    ],
)
async def test_attestation_of_the_callers_number_is_stored(
    platform: WebhookPlatform, fields: dict[str, Any], attestation: str | None
) -> None:
    await platform.ring_telnyx(f"v3:s{attestation}", **fields)
    assert (await platform.call_row(f"v3:s{attestation}"))["details"].get("attestation") == attestation
