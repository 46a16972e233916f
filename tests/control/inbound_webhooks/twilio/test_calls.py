"""Twilio's requests for instructions: always answered with TwiML, by an announcement when something fails."""

import asyncio
from uuid import UUID

import pytest

from shared.bus.tickets import TicketRefused, Tickets
from shared.events import CallStatus
from tests.control.inbound_webhooks.silent_redis import silent_redis
from tests.platform.webhook_reply import PUBLIC_URL
from tests.platform.webhooks import CALLER, NODE, WebhookPlatform, running_webhooks

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"


async def test_call_is_connected_to_media(platform: WebhookPlatform) -> None:
    reply = await platform.ring_twilio("CA1")
    assert reply.verbs == ["Connect"]
    assert reply.stream == f"{NODE}/media/twilio"
    row = await platform.call_row("CA1")
    assert (row["status"], row["caller_number"], row["called_number"]) == ("ringing", CALLER, platform.number)
    assert reply.action == f"/webhooks/calls/continue?call={row['id']}&leg=0&language=en-US"
    plan = await Tickets(platform.redis, platform.sealer).claim(reply.ticket, "twilio", "CA1")
    assert (plan.call_id, plan.leg) == (str(row["id"]), 0)
    await platform.wait_until(lambda: _has_node(platform, "CA1", "m1"))
    (event,) = await platform.stored_events()
    assert (event["event_id"], event["event_type"]) == ("CA1:inbound", "inbound")
    assert event["handled_at"] is not None
    assert "secret" not in str(event["payload"])


async def test_ticket_is_valid_for_its_call_only(platform: WebhookPlatform) -> None:
    reply = await platform.ring_twilio("CA1b")
    with pytest.raises(TicketRefused, match="other_call"):
        await Tickets(platform.redis, platform.sealer).claim(reply.ticket, "twilio", "CA-other")


async def test_a_captured_webhook_that_is_replayed_gets_the_same_answer_and_no_second_stream(
    platform: WebhookPlatform,
) -> None:
    first, second = await platform.ring_twilio("CA2"), await platform.ring_twilio("CA2")
    assert (first.action, first.ticket) == (second.action, second.ticket)
    assert len(await platform.stored_events()) == 1
    tickets = Tickets(platform.redis, platform.sealer)
    await tickets.claim(first.ticket, "twilio", "CA2")
    replayed = await platform.ring_twilio("CA2")
    assert replayed.ticket == first.ticket
    with pytest.raises(TicketRefused, match="unknown"):
        await tickets.claim(replayed.ticket, "twilio", "CA2")


async def test_a_ticket_that_nobody_used_in_its_minute_is_issued_anew(platform: WebhookPlatform) -> None:
    first = await platform.ring_twilio("CA2b")
    await platform.redis.delete(f"vocalized:ticket:{first.ticket}")  # as when it expires
    second = await platform.ring_twilio("CA2b")
    assert second.ticket != first.ticket
    assert await Tickets(platform.redis, platform.sealer).claim(second.ticket, "twilio", "CA2b")


async def test_concurrent_requests_are_one_call(platform: WebhookPlatform) -> None:
    replies = await asyncio.gather(*(platform.ring_twilio("CA3") for _ in range(10)))
    assert {reply.action for reply in replies} == {replies[0].action}
    assert len({reply.ticket for reply in replies}) == 1
    await platform.call_row("CA3")
    assert len(await platform.stored_events()) == 1


async def test_unknown_number_is_rejected_unanswered(platform: WebhookPlatform) -> None:
    reply = await platform.ring_twilio("CA4", To="+14155559999")
    assert reply.verbs == ["Reject"]


async def test_call_to_a_suspended_workspace_is_refused_and_stored(platform: WebhookPlatform) -> None:
    await platform.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", platform.workspace_id)
    reply = await platform.ring_twilio("CA5")
    assert reply.verbs == ["Reject"]
    assert (await platform.call_row("CA5"))["status"] == "failed"


async def test_blocked_caller_is_rejected_unanswered(platform: WebhookPlatform) -> None:
    await platform.block(CALLER)
    reply = await platform.ring_twilio("CA5b")
    assert reply.verbs == ["Reject"]
    assert (await platform.call_row("CA5b"))["end_detail"] == "blocked"


async def test_caller_outside_the_hours_hears_the_agents_words(platform: WebhookPlatform) -> None:
    await platform.close_business("We are closed.")
    reply = await platform.ring_twilio("CA5c")
    assert (reply.verbs, reply.spoken) == (["Say", "Hangup"], "We are closed.")
    assert (await platform.call_row("CA5c"))["end_detail"] == "outside_hours"


async def test_call_is_refused_when_all_nodes_are_full(platform: WebhookPlatform) -> None:
    await platform.add_node(calls=100)
    reply = await platform.ring_twilio("CA6")
    assert reply.verbs == ["Say", "Hangup"]
    await platform.wait_until(lambda: _has_status(platform, "CA6", "busy"))


async def test_call_is_refused_by_voice_without_redis(database_url: str) -> None:
    async with running_webhooks(database_url, UNREACHABLE_REDIS) as platform:
        reply = await platform.ring_twilio("CA8")
        assert reply.verbs == ["Say", "Hangup"]
        assert "busy" in reply.spoken
        await platform.wait_until(lambda: _has_status(platform, "CA8", "busy"))


async def test_call_is_refused_in_time_when_redis_is_silent(database_url: str) -> None:
    async with (
        silent_redis() as url,
        running_webhooks(database_url, url, redis_timeout_s=30, media_assignment_s=0.3, deadline_s=8) as platform,
    ):
        reply = await platform.ring_twilio("CA9")
        assert reply.verbs == ["Say", "Hangup"]
        assert "busy" in reply.spoken


async def test_apology_is_in_time_when_the_database_is_slow(database_url: str, valkey_url: str) -> None:
    async with running_webhooks(database_url, valkey_url, deadline_s=0.4) as platform:
        await platform.add_node()
        async with platform.pool.transaction() as db:
            await db.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
            reply = await platform.ring_twilio("CA10")
        assert reply.verbs == ["Say", "Hangup"]
        assert "our side" in reply.spoken
        assert platform.metric("vocalized_control_webhook_apologies_total", carrier="twilio") == 1


async def test_internal_error_is_answered_with_an_apology(platform: WebhookPlatform) -> None:
    await platform.execute("ALTER TABLE calls RENAME TO calls_gone")
    try:
        reply = await platform.ring_twilio("CA11")
    finally:
        await platform.execute("ALTER TABLE calls_gone RENAME TO calls")
    assert reply.verbs == ["Say", "Hangup"]
    # The event was rolled back with its effect, so a repeat starts from the beginning.
    assert await platform.stored_events() == []
    assert (await platform.ring_twilio("CA11")).verbs == ["Connect"]


async def test_caller_fields_are_escaped(platform: WebhookPlatform) -> None:
    reply = await platform.ring_twilio("CA12", From='"><Redirect>x</Redirect>&\x00', To="+1415<Hangup/>")
    assert reply.verbs == ["Reject"]


async def test_answered_outbound_call_is_connected_to_media(platform: WebhookPlatform) -> None:
    call_id = await platform.queue_outbound()
    reply = await platform.post_twilio(
        f"/webhooks/calls/inbound?call={call_id}",
        {
            "CallSid": "CA13",
            "CallStatus": "in-progress",
            "Direction": "outbound-api",
            "From": platform.number,
            "To": CALLER,
        },
    )
    assert reply.verbs == ["Connect"]
    row = await platform.call_row("CA13")
    assert (row["id"], row["status"]) == (call_id, "in_progress")


async def test_unknown_outbound_call_is_refused_by_voice(platform: WebhookPlatform) -> None:
    reply = await platform.post_twilio(
        f"/webhooks/calls/inbound?call={UUID(int=5)}",
        {
            "CallSid": "CA14",
            "CallStatus": "in-progress",
            "Direction": "outbound-api",
            "From": platform.number,
            "To": CALLER,
        },
    )
    assert reply.verbs == ["Say", "Hangup"]


CONSENTED = {"recording": {"enabled": True, "consent": "given_otherwise", "statement": "In the contract."}}


async def test_inbound_call_is_recorded_by_twilio_from_its_first_moment(database_url: str, valkey_url: str) -> None:
    async with running_webhooks(database_url, valkey_url, recordings="carrier") as platform:
        await platform.add_node()
        assert (await platform.ring_twilio("CAR1")).verbs == ["Connect"]
        await platform.configure_agents(CONSENTED)
        for _ in range(2):  # a repeated request: our first answer was not executed
            reply = await platform.ring_twilio("CAR2")
            assert reply.verbs == ["Start", "Connect"]
        found = reply.xml.find("Start/Recording")
        assert found is not None
        call_id = (await platform.call_row("CAR2"))["id"]
        callback = f"{PUBLIC_URL}/webhooks/calls/recording?call={call_id}#"
        assert found.attrib["recordingStatusCallback"].startswith(callback)
        assert (found.attrib["channels"], found.attrib["trim"]) == ("dual", "do-not-trim")


async def test_outbound_call_is_recorded_by_a_parameter_of_its_creation(database_url: str, valkey_url: str) -> None:
    async with running_webhooks(database_url, valkey_url, recordings="both") as platform:
        await platform.add_node()
        await platform.configure_agents(CONSENTED)
        call_id = await platform.queue_outbound()
        fields = {"CallSid": "CAR3", "CallStatus": "in-progress", "Direction": "outbound-api", "To": CALLER}
        reply = await platform.post_twilio(f"/webhooks/calls/inbound?call={call_id}", fields)
        assert reply.verbs == ["Connect"]


async def _has_node(platform: WebhookPlatform, sid: str, node_id: str) -> bool:
    return bool((await platform.call_row(sid))["media_node"] == node_id)


async def _has_status(platform: WebhookPlatform, sid: str, status: CallStatus) -> bool:
    return bool((await platform.call_row(sid))["status"] == status)


@pytest.mark.parametrize(
    ("verstat", "attestation"),
    [
        ("TN-Validation-Passed-A", "A"),
        ("TN-Validation-Passed-B", "B"),
        ("TN-Validation-Passed-C-Diverted", "C"),
        ("TN-Validation-Failed-A", "failed"),
        ("No-TN-Validation", None),
        ("", None),
    ],
)
async def test_attestation_of_the_callers_number_is_stored(
    platform: WebhookPlatform, verstat: str, attestation: str | None
) -> None:
    sid = f"CS-{verstat}"
    await platform.ring_twilio(sid, StirVerstat=verstat)
    assert (await platform.call_row(sid))["details"].get("attestation") == attestation
