"""Twilio's webhooks while the database is unavailable: deferred in Redis, stored when the database is back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from control.db.pool import Timeouts
from control.inbound_webhooks.tasks import retry_open_webhooks
from lab.stage.link import postgres_link
from shared.bus.checkpoints import StreamOutcome
from shared.bus.webhook_queue import STREAM, DeferredWebhooks
from tests.control.inbound_webhooks.twilio.test_callbacks import RECORDING, STATUS, send_status
from tests.control.inbound_webhooks.twilio.test_continue import HUMAN, ask_continue, checkpoints, start_call
from tests.platform.webhook_reply import PUBLIC_URL
from tests.platform.webhooks import WebhookPlatform, running_webhooks


@asynccontextmanager
async def database_unavailable(platform: WebhookPlatform, tables: str = "webhook_events, calls") -> AsyncIterator[None]:
    """Until the block ends, connections that store a webhook or read a call wait for a lock and are terminated.
    tables: those who use these, instead."""

    async def terminate_waiting() -> None:
        while True:
            await platform.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.02)

    async with platform.pool.transaction() as db:
        await db.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        terminating = asyncio.create_task(terminate_waiting())
        try:
            yield
        finally:
            terminating.cancel()
            await asyncio.wait({terminating})


RECORDED: Mapping[str, str] = {
    "CallSid": "CDA1", "RecordingSid": "RE1", "RecordingStatus": "completed", "RecordingDuration": "12",
    "RecordingUrl": "https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1", "RecordingChannels": "2",
}  # fmt: skip


async def test_deferred_webhooks_are_stored_when_the_database_is_back(
    platform: WebhookPlatform,
) -> None:
    await platform.ring_twilio("CDA1")
    fields = {"CallDuration": "61", "Direction": "inbound"}
    async with database_unavailable(platform):
        await send_status(platform, "CDA1", "completed", 3, **fields)
        await send_status(platform, "CDA1", "completed", 3, **fields)
        assert (await platform.post_twilio(RECORDING, RECORDED)).status == 204
    assert "CDA1" not in str(await platform.redis.xrange(STREAM)), "queued webhooks are sealed"
    assert (await platform.call_row("CDA1"))["status"] == "ringing"
    later = platform.clock() + timedelta(seconds=6)
    await retry_open_webhooks(platform.pool, platform.services, later, 10)
    row = await platform.call_row("CDA1")
    assert (row["status"], row["duration_seconds"]) == ("completed", 61)
    assert row["details"]["carrier_recordings"].keys() == {"RE1"}
    assert await platform.redis.xlen(STREAM) == 0
    assert len(await platform.stored_events()) == 3
    assert await retry_open_webhooks(platform.pool, platform.services, later, 10) == 0
    assert platform.metric("vocalized_control_webhooks_total", carrier="twilio", kind="status", outcome="put_by") == 2


async def test_event_in_queue_and_database_is_applied_once(platform: WebhookPlatform) -> None:
    await platform.ring_twilio("CDA2")
    async with database_unavailable(platform):
        await send_status(platform, "CDA2", "completed", 3, CallDuration="7", Direction="inbound")
    await send_status(platform, "CDA2", "completed", 3, CallDuration="7", Direction="inbound")
    assert await retry_open_webhooks(platform.pool, platform.services, platform.clock() + timedelta(seconds=6), 10) == 0
    assert (await platform.call_row("CDA2"))["duration_seconds"] == 7


async def test_twilio_gets_503_when_neither_store_takes_it(platform: WebhookPlatform, database_url: str) -> None:
    await platform.ring_twilio("CDA3")
    fields = {"CallSid": "CDA3", "CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "7"}
    async with (
        running_webhooks(database_url, "redis://127.0.0.1:9/0", redis_timeout_s=0.5) as without_redis,
        database_unavailable(platform),
    ):
        assert (await without_redis.post_twilio(STATUS, fields)).status == 503
    full = DeferredWebhooks(platform.redis, platform.sealer, most=1)
    platform.webhooks._parts.deferral._queue = full
    async with database_unavailable(platform):
        assert (await platform.post_twilio(STATUS, fields)).status == 204
        assert (await platform.post_twilio(STATUS, fields)).status == 503, "the queue is full"


async def test_unreadable_queue_entry_is_dropped(platform: WebhookPlatform) -> None:
    await platform.ring_twilio("CDA4")
    await platform.redis.xadd(STREAM, {"n": b"not sealed by us"})
    await platform.services[DeferredWebhooks].add(b'{"source": "elsewhere"}')
    async with database_unavailable(platform):
        await send_status(platform, "CDA4", "completed", 3, CallDuration="7", Direction="inbound")
    await retry_open_webhooks(platform.pool, platform.services, platform.clock() + timedelta(seconds=6), 10)
    assert (await platform.call_row("CDA4"))["status"] == "completed"
    assert await platform.redis.xlen(STREAM) == 0


async def test_ended_conversation_hangs_up_without_the_database(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CDA6")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0))
    async with database_unavailable(platform):
        assert (await ask_continue(platform, action, "CDA6")).verbs == ["Hangup"]
        assert (await ask_continue(platform, action, "CDA6", CallStatus="completed")).verbs == ["Hangup"]


async def test_transfer_is_dialed_without_the_database(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CDA7")
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
    async with database_unavailable(platform):
        reply = await ask_continue(platform, action, "CDA7")
        assert (reply.verbs, reply.xml[0].findtext("Number")) == (["Dial"], HUMAN)
        next_action = reply.xml[0].attrib["action"].removeprefix(PUBLIC_URL)
        assert (await ask_continue(platform, next_action, "CDA7", DialCallStatus="completed")).verbs == ["Hangup"]
        assert "nobody could take" in (await ask_continue(platform, next_action, "CDA7", DialCallStatus="busy")).spoken


async def test_silent_database_does_not_delay_the_answer(database_url: str, valkey_url: str) -> None:
    async with postgres_link(database_url) as (url, link), running_webhooks(url, valkey_url, lookup_s=0.3) as platform:
        action, call_id = await start_call(platform, "CDA9")
        await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0, HUMAN))
        link.set("frozen")
        async with asyncio.timeout(Timeouts().command / 2):
            reply = await ask_continue(platform, action, "CDA9")
        link.set("open")
        assert (reply.verbs, reply.xml[0].findtext("Number")) == (["Dial"], HUMAN)


async def test_apology_without_an_outcome_of_this_stream(platform: WebhookPlatform) -> None:
    action, call_id = await start_call(platform, "CDA8")
    async with database_unavailable(platform):
        assert "our side" in (await ask_continue(platform, action, "CDA8")).spoken
        assert "our side" in (await ask_continue(platform, "/webhooks/calls/continue", "CDA8")).spoken
    await checkpoints(platform).put_outcome(str(call_id), StreamOutcome(0))
    async with database_unavailable(platform):
        assert "our side" in (await ask_continue(platform, action.replace("leg=0", "leg=1"), "CDA8")).spoken
    assert (await ask_continue(platform, action, "CDA8")).verbs == ["Hangup"]


async def test_open_events_are_retried_without_redis(database_url: str) -> None:
    async with running_webhooks(database_url, "redis://127.0.0.1:9/0", redis_timeout_s=0.5) as without_redis:
        await without_redis.execute("DELETE FROM webhook_events")
        call_id = await without_redis.queue_outbound()
        await without_redis.execute("ALTER TABLE calls RENAME TO calls_gone")
        try:
            await send_status(without_redis, "CDA5", "busy", 2, call=str(call_id))
        finally:
            await without_redis.execute("ALTER TABLE calls_gone RENAME TO calls")
        assert (
            await retry_open_webhooks(
                without_redis.pool,
                without_redis.services,
                without_redis.clock() + timedelta(seconds=6),
                10,
            )
            == 1
        )
        assert (await without_redis.call_row("CDA5"))["status"] == "busy"
