"""Redis is unavailable when a stream ends: nothing is stored that contradicts media's later event.

`without_redis` has the same database as `platform`, and no Redis.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from control.billing.limits.service import SpendGuard
from control.calls.admission.service import CallAdmission, CallRouting
from control.calls.events.service import parse_event, write_events
from control.calls.live.service import MediaAssignment
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from control.db.scope import enter_platform
from control.db.transaction import PlatformTransactions
from shared.events import CallEnded, CallStarted, CallUsage, EndReason, Event, EventEnvelope, encode_event
from tests.control.inbound_webhooks.silent_redis import silent_redis
from tests.control.inbound_webhooks.twilio.test_continue import ask_continue, start_call
from tests.platform.webhook_reply import WebhookReply
from tests.platform.webhooks import WebhookPlatform, running_webhooks

STATUS = "/webhooks/calls/status"


@pytest.fixture
async def without_redis(database_url: str) -> AsyncIterator[WebhookPlatform]:
    """The webhooks without Redis."""
    async with running_webhooks(database_url, "redis://127.0.0.1:9/0", redis_timeout_s=0.5) as running:
        yield running


async def apply_media_event(platform: WebhookPlatform, call_id: UUID, seq: int, event: Event) -> None:
    """Stores an event of media as the worker does."""
    line = encode_event(EventEnvelope(str(call_id), seq, platform.clock().isoformat(), event))
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        assert (await write_events(db, [parse_event("0-1", line)])).stored == 1


async def start_conversation(platform: WebhookPlatform, sid: str) -> tuple[str, UUID]:
    """Starts a call at Twilio that is in progress; see `start_call`."""
    action, call_id = await start_call(platform, sid)
    await apply_media_event(platform, call_id, 1, CallStarted("twilio", sid, "MZ1", "Desk"))
    assert (await platform.call_row(sid))["status"] == "in_progress"
    return action, call_id


def ended(reason: EndReason) -> CallEnded:
    return CallEnded("completed", reason, "", 30_000, CallUsage())


async def wait_until_cut_off(platform: WebhookPlatform, name: str) -> Any:
    """Returns the call's row when the cut-off is stored."""

    async def row() -> Any:
        found = await platform.call_row(name)
        return found if "lost" in found["details"] else None

    return await platform.wait_until(row)


async def end_at_twilio(platform: WebhookPlatform, sid: str) -> WebhookReply:
    """Sends Twilio's status callback of the call's end."""
    fields = {"CallSid": sid, "CallStatus": "completed", "CallDuration": "33", "SequenceNumber": "3"}
    return await platform.post_twilio(STATUS, fields | {"Direction": "inbound"})


@pytest.mark.parametrize("reason", ["agent_hangup", "transferred"])
async def test_end_is_stored_as_media_reports_it(
    platform: WebhookPlatform, without_redis: WebhookPlatform, reason: EndReason
) -> None:
    sid = f"CG-{reason}"
    action, call_id = await start_conversation(platform, sid)
    reply = await ask_continue(without_redis, action, sid)
    assert reply.verbs == ["Say", "Hangup"]
    assert "cannot go on" in reply.spoken and "busy" not in reply.spoken
    row = await wait_until_cut_off(platform, sid)
    assert (row["status"], row["end_reason"]) == ("in_progress", None)
    await end_at_twilio(platform, sid)
    row = await platform.call_row(sid)
    assert (row["status"], row["end_reason"]) == ("completed", "media_lost")
    await apply_media_event(platform, call_id, 9, ended(reason))
    row = await platform.call_row(sid)
    seconds = 33 if reason == "transferred" else 30  # of a transferred call the carrier's duration counts
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", reason, seconds)


async def test_media_may_report_the_end_before_the_carrier(
    platform: WebhookPlatform, without_redis: WebhookPlatform
) -> None:
    action, call_id = await start_conversation(platform, "CG1")
    await ask_continue(without_redis, action, "CG1")
    await wait_until_cut_off(platform, "CG1")
    await apply_media_event(platform, call_id, 9, ended("agent_hangup"))
    await end_at_twilio(platform, "CG1")
    row = await platform.call_row("CG1")
    assert (row["status"], row["end_reason"], row["duration_seconds"]) == ("completed", "agent_hangup", 30)


async def test_ended_call_is_hung_up_without_redis(platform: WebhookPlatform, without_redis: WebhookPlatform) -> None:
    action, call_id = await start_conversation(platform, "CG2")
    await apply_media_event(platform, call_id, 9, ended("agent_hangup"))
    assert (await ask_continue(without_redis, action, "CG2")).verbs == ["Hangup"]


async def test_failed_transfer_is_announced_without_redis(
    platform: WebhookPlatform, without_redis: WebhookPlatform
) -> None:
    action, call_id = await start_conversation(platform, "CG3")
    await apply_media_event(platform, call_id, 9, ended("transferred"))
    reply = await ask_continue(without_redis, action, "CG3")
    assert reply.verbs == ["Say", "Hangup"]
    assert "cannot go on" in reply.spoken
    row = await platform.call_row("CG3")
    assert (row["status"], row["end_reason"]) == ("completed", "transferred")


async def test_announcement_is_in_the_agents_language(
    platform: WebhookPlatform, without_redis: WebhookPlatform
) -> None:
    """Twilio's request carries it."""
    action, _ = await start_conversation(platform, "CG4")
    german = action.replace("language=en-US", "language=de-DE")
    assert "Auf Wiederhören" in (await ask_continue(without_redis, german, "CG4")).spoken
    assert await wait_until_cut_off(platform, "CG4")


async def test_announcement_is_in_the_agents_language_at_telnyx(
    platform: WebhookPlatform, without_redis: WebhookPlatform
) -> None:
    """Telnyx's event does not carry it."""
    call_id = await start_telnyx_conversation(platform, "v3:bus-german")
    await platform.execute(
        "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, voice_provider, voice_config) "
        "SELECT agent_id, 2, workspace_id, name, jsonb_set(config, '{language}', to_jsonb('de'::text)), "
        "voice_provider, voice_config FROM agent_versions WHERE agent_id = $1 AND version = 1",
        (await platform.call_row("v3:bus-german"))["agent_id"],
    )
    await platform.execute("UPDATE calls SET agent_version = 2 WHERE id = $1", call_id)
    await without_redis.post_telnyx("streaming.stopped", "v3:bus-german")
    assert "Auf Wiederhören" in without_redis.telnyx_api.carried_out[0].body["payload"]


async def test_redis_fails_during_resumption(platform: WebhookPlatform, without_redis: WebhookPlatform) -> None:
    await start_conversation(platform, "CG5")
    services, transactions = without_redis.services, PlatformTransactions(without_redis.pool)
    admission = services[CallAdmission]
    routing = CallRouting(transactions, admission, services[MediaAssignment], services[SpendGuard], 5.0)
    call = await transactions.run(lambda db: find_open(db, "twilio", "CG5", without_redis.clock()))
    assert call is not None
    outcome, _ = await routing.resume(call, without_redis.clock())
    assert isinstance(outcome, RefusedCall) and outcome.reason == "cut_off"
    plan = await transactions.run(lambda db: admission.resume(db, call, None, without_redis.clock()))
    assert isinstance(plan, AdmittedCall) and plan.leg == 1
    refused = await routing.assign_media(plan)
    assert isinstance(refused, RefusedCall) and refused.reason == "cut_off"
    first = await routing.assign_media(replace(plan, leg=0))
    assert isinstance(first, RefusedCall) and first.reason == "all_busy"


async def test_silent_redis_is_treated_as_unavailable(platform: WebhookPlatform, database_url: str) -> None:
    action, _ = await start_conversation(platform, "CG6")
    async with silent_redis() as url, running_webhooks(database_url, url, redis_timeout_s=0.2) as with_silent_redis:
        assert "cannot go on" in (await ask_continue(with_silent_redis, action, "CG6")).spoken
    assert (await wait_until_cut_off(platform, "CG6"))["status"] == "in_progress"


async def start_telnyx_conversation(platform: WebhookPlatform, call: str) -> UUID:
    """Starts a call at Telnyx that is in progress."""
    await platform.ring_telnyx(call)
    await platform.post_telnyx("call.answered", call, direction="incoming")
    call_id: UUID = (await platform.call_row(call))["id"]
    await apply_media_event(platform, call_id, 1, CallStarted("telnyx", call, "S1", "Desk"))
    return call_id


@pytest.mark.parametrize("reason", ["agent_hangup", "transferred"])
async def test_end_is_stored_as_media_reports_it_at_telnyx(
    platform: WebhookPlatform, without_redis: WebhookPlatform, reason: EndReason
) -> None:
    call = f"v3:bus-{reason}"
    call_id = await start_telnyx_conversation(platform, call)
    await without_redis.post_telnyx("streaming.stopped", call)
    assert without_redis.telnyx_api.actions == ["speak"]
    assert "cannot go on" in without_redis.telnyx_api.carried_out[0].body["payload"]
    row = await wait_until_cut_off(platform, call)
    assert (row["status"], row["end_reason"]) == ("in_progress", None)
    await without_redis.post_telnyx("call.speak.ended", call)
    assert without_redis.telnyx_api.actions == ["speak", "hangup"]
    await without_redis.post_telnyx("call.hangup", call, hangup_cause="normal_clearing", hangup_source="callee")
    row = await platform.call_row(call)
    assert (row["status"], row["end_reason"]) == ("completed", "media_lost")
    await apply_media_event(platform, call_id, 9, ended(reason))
    row = await platform.call_row(call)
    assert (row["status"], row["end_reason"]) == ("completed", reason)


async def test_ended_call_is_hung_up_at_telnyx(platform: WebhookPlatform, without_redis: WebhookPlatform) -> None:
    call_id = await start_telnyx_conversation(platform, "v3:bus-over")
    await apply_media_event(platform, call_id, 9, ended("silence"))
    await without_redis.post_telnyx("streaming.stopped", "v3:bus-over")
    assert without_redis.telnyx_api.actions == ["hangup"]


async def test_unknown_call_is_hung_up_at_telnyx(without_redis: WebhookPlatform) -> None:
    await without_redis.post_telnyx("streaming.stopped", "v3:bus-never")
    assert without_redis.telnyx_api.actions == ["hangup"]
