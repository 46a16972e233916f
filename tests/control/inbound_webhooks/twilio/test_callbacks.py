"""Twilio's callbacks about calls, in any order and repeated."""

import asyncio
from datetime import timedelta

from control.inbound_webhooks.tasks import retry_open_webhooks
from tests.platform.webhook_reply import WebhookReply
from tests.platform.webhooks import CALLER, WebhookPlatform

STATUS, RECORDING = "/webhooks/calls/status", "/webhooks/calls/recording"


async def send_status(
    platform: WebhookPlatform, sid: str, status: str, sequence: int, *, call: str = "", **fields: str
) -> WebhookReply:
    """Sends a status callback."""
    path = f"{STATUS}?call={call}" if call else STATUS
    given = {"CallSid": sid, "CallStatus": status, "SequenceNumber": str(sequence), "Direction": "outbound-api"}
    reply = await platform.post_twilio(path, given | fields)
    assert reply.status == 204
    return reply


async def test_outbound_call_takes_each_status(platform: WebhookPlatform) -> None:
    call_id = await platform.queue_outbound()
    statuses = []
    for number, status in enumerate(("initiated", "ringing", "in-progress", "completed")):
        duration_fields = {"CallDuration": "61", "Duration": "2"} if status == "completed" else {}
        await send_status(platform, "CD1", status, number, call=str(call_id), **duration_fields)
        statuses.append((await platform.call_row("CD1"))["status"])
    assert statuses == ["queued", "ringing", "in_progress", "completed"]
    row = await platform.call_row("CD1")
    assert (row["id"], row["duration_seconds"]) == (call_id, 61)


async def test_final_status_is_not_overwritten_by_a_late_one(platform: WebhookPlatform) -> None:
    call_id = str(await platform.queue_outbound())
    await send_status(platform, "CD2", "no-answer", 2, call=call_id)
    await send_status(platform, "CD2", "ringing", 1, call=call_id)
    await send_status(platform, "CD2", "in-progress", 3, call=call_id)
    assert (await platform.call_row("CD2"))["status"] == "no_answer"


async def test_repeated_status_is_stored_once(platform: WebhookPlatform) -> None:
    call_id = str(await platform.queue_outbound())
    await asyncio.gather(*(send_status(platform, "CD3", "busy", 2, call=call_id) for _ in range(5)))
    await send_status(platform, "CD3", "busy", 2, call=call_id)
    assert (await platform.call_row("CD3"))["status"] == "busy"
    assert len(await platform.stored_events()) == 1


async def test_status_of_an_unknown_call_is_stored(platform: WebhookPlatform) -> None:
    await send_status(platform, "CD4", "completed", 3)
    (event,) = await platform.stored_events()
    assert event["handled_at"] is not None


async def test_machine_detection_is_stored(platform: WebhookPlatform) -> None:
    call_id = str(await platform.queue_outbound())
    await send_status(platform, "CD5", "in-progress", 2, call=call_id)
    fields = {"CallSid": "CD5", "AnsweredBy": "machine_end_beep", "MachineDetectionDuration": "3200"}
    assert (await platform.post_twilio(f"{STATUS}?call={call_id}", fields)).status == 204
    row = await platform.call_row("CD5")
    assert row["details"]["carrier"]["answered_by"] == "machine_end_beep"
    assert row["details"]["end_meant"] == "voicemail"


async def test_recording_is_fetched_once(platform: WebhookPlatform) -> None:
    await platform.ring_twilio("CD6")
    fields = {
        "CallSid": "CD6", "RecordingSid": "RE1", "RecordingStatus": "completed", "RecordingDuration": "12",
        "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", "RecordingChannels": "2",
    }  # fmt: skip
    for _ in range(3):
        assert (await platform.post_twilio(RECORDING, fields)).status == 204
    stored = (await platform.call_row("CD6"))["details"]["carrier_recordings"]["RE1"]
    assert (stored["id"], stored["duration_s"]) == ("RE1", 12)
    jobs = await platform.owner.fetch("SELECT 1 FROM pgqueuer WHERE entrypoint = 'calls.fetch_recording'")
    assert len(jobs) == 1


async def test_absent_recording_is_stored(platform: WebhookPlatform) -> None:
    await platform.ring_twilio("CD7")
    fields = {"CallSid": "CD7", "RecordingSid": "RE2", "RecordingStatus": "absent", "ErrorCode": "0"}
    assert (await platform.post_twilio(RECORDING, fields)).status == 204
    assert (await platform.call_row("CD7"))["details"]["carrier"]["recording"] == "absent"


async def test_failed_effect_is_retried(platform: WebhookPlatform) -> None:
    call_id = str(await platform.queue_outbound())
    await platform.execute("ALTER TABLE calls RENAME TO calls_gone")
    try:
        await send_status(platform, "CD8", "busy", 2, call=call_id)
    finally:
        await platform.execute("ALTER TABLE calls_gone RENAME TO calls")
    (event,) = await platform.stored_events()
    assert event["handled_at"] is None
    assert await retry_open_webhooks(platform.pool, platform.services, platform.clock() + timedelta(seconds=6), 10) == 1
    assert (await platform.call_row("CD8"))["status"] == "busy"
    (event,) = await platform.stored_events()
    assert event["handled_at"] is not None


async def test_repeated_webhook_applies_an_open_event(platform: WebhookPlatform) -> None:
    call_id = str(await platform.queue_outbound())
    await platform.execute("ALTER TABLE calls RENAME TO calls_gone")
    try:
        await send_status(platform, "CD9", "busy", 2, call=call_id)
    finally:
        await platform.execute("ALTER TABLE calls_gone RENAME TO calls")
    await send_status(platform, "CD9", "busy", 2, call=call_id)
    assert (await platform.call_row("CD9"))["status"] == "busy"
    assert await retry_open_webhooks(platform.pool, platform.services, platform.clock() + timedelta(seconds=6), 10) == 0


async def test_only_listed_fields_are_stored(platform: WebhookPlatform) -> None:
    await send_status(
        platform,
        "CD10",
        "ringing",
        1,
        CallToken="secret-4711",
        FromCity="SAN FRANCISCO",
        From=CALLER,
        X="y" * 900,
    )
    (event,) = await platform.stored_events()
    form = event["payload"]["form"]
    assert form["From"] == CALLER
    assert not {"CallToken", "FromCity", "X"} & form.keys()


async def test_two_recordings_of_a_call_are_fetched(platform: WebhookPlatform) -> None:
    await platform.ring_twilio("CDA1B")
    fields = {"CallSid": "CDA1B", "RecordingStatus": "completed", "RecordingUrl": "https://api.twilio.com/x"}
    for name in ("RE1", "RE2", "RE1"):
        await platform.post_twilio(RECORDING, fields | {"RecordingSid": name})
    assert (await platform.call_row("CDA1B"))["details"]["carrier_recordings"].keys() == {"RE1", "RE2"}


async def test_cause_of_a_call_that_nobody_took_is_the_error_or_the_sip_code(platform: WebhookPlatform) -> None:
    causes = []
    for sid, status, fields in (
        ("CD-dead", "failed", {"SipResponseCode": "404"}),
        ("CD-error", "failed", {"SipResponseCode": "404", "ErrorCode": "13224"}),
        ("CD-talk", "completed", {"SipResponseCode": "200"}),
    ):
        call_id = str(await platform.queue_outbound())
        await send_status(platform, sid, status, 3, call=call_id, **fields)
        causes.append((await platform.call_row(sid))["details"]["carrier"].get("cause"))
    assert causes == ["404", "13224", None]
