"""The second way back from a media stream: Twilio is told to ask what it did not ask by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from control.billing.limits.service import SpendGuard
from control.calls.admission.service import CallAdmission
from control.calls.live.service import MediaAssignment
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler
from control.http.services import Services
from control.inbound_webhooks.tasks import retry_open_webhooks
from control.inbound_webhooks.twilio.calls import CHECK_STREAM, CheckStreamJob
from control.inbound_webhooks.twilio.tasks import make_stream_check_job
from shared.bus.checkpoints import StreamOutcome
from shared.bus.client import bus_client
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.webhook_queue import STREAM, DeferredWebhooks
from tests.control.calls.call_platform import FakeCarrier
from tests.control.inbound_webhooks.inbox.test_database_unavailable import database_unavailable
from tests.control.inbound_webhooks.twilio.test_continue import checkpoints
from tests.platform.webhooks import WebhookPlatform


class RedirectingCarrier(FakeCarrier):
    """Records redirections. transferring: calls for which it dialed."""

    def __init__(self) -> None:
        super().__init__()
        self.redirected: list[tuple[str, str]] = []
        self.transferring: set[str] = set()

    async def count_dialed(self, carrier_call_id: str) -> int:
        self._answer("count_dialed")
        return int(carrier_call_id in self.transferring)

    async def redirect(self, carrier_call_id: str, path: str) -> None:
        self.redirected.append((carrier_call_id, path))
        self._answer("redirect")


@pytest.fixture
def twilio() -> RedirectingCarrier:
    return RedirectingCarrier()


def check_job(
    platform: WebhookPlatform, twilio: RedirectingCarrier, assignment: MediaAssignment | None = None
) -> JobHandler:
    services = Services(
        Carriers({"twilio": twilio}),
        assignment or platform.services[MediaAssignment],
        *(platform.services[kind] for kind in (CallAdmission, SpendGuard, DeferredWebhooks)),
    )
    return make_stream_check_job(platform.pool, services)


async def ring(platform: WebhookPlatform, sid: str) -> str:
    """Connects a call; returns the path and query of its next instruction."""
    return (await platform.ring_twilio(sid)).action


async def report_stream(platform: WebhookPlatform, sid: str, action: str, event: str, **fields: Any) -> list[bytes]:
    """Reports a stream's event; returns what `stream_checks` does."""
    query = action.partition("?")[2]
    form = {"CallSid": sid, "StreamSid": f"MZ{sid}", "StreamEvent": event, "Timestamp": datetime.now(UTC).isoformat()}
    reply = await platform.post_twilio(f"/webhooks/calls/stream?{query}", form | fields)
    assert reply.status == 204
    return await stream_checks(platform)


async def stream_checks(platform: WebhookPlatform) -> list[bytes]:
    """The payloads of all jobs that check streams."""
    return [
        row["payload"]
        for row in await platform.owner.fetch(
            "SELECT payload FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", CHECK_STREAM
        )
    ]


async def test_call_that_twilio_asks_nothing_about_is_redirected(
    platform: WebhookPlatform, twilio: RedirectingCarrier
) -> None:
    action = await ring(platform, "CST1")
    before = await report_stream(platform, "CST1", action, "stream-started")
    for _ in range(2):  # delivered twice
        jobs = await report_stream(platform, "CST1", action, "stream-error", StreamError="31903 broken")
    assert len(jobs) == len(before) + 1
    await check_job(platform, twilio)(jobs[-1])
    assert twilio.redirected == [("CST1", action)]


async def test_call_that_goes_on_is_left_alone(platform: WebhookPlatform, twilio: RedirectingCarrier) -> None:
    action = await ring(platform, "CST2")
    jobs = await report_stream(platform, "CST2", action, "stream-stopped")
    await platform.post_twilio(action, {"CallSid": "CST2", "CallStatus": "in-progress"})
    await check_job(platform, twilio)(jobs[-1])
    assert not twilio.redirected


async def test_call_that_is_over_is_left_alone(platform: WebhookPlatform, twilio: RedirectingCarrier) -> None:
    action = await ring(platform, "CST3")
    jobs = await report_stream(platform, "CST3", action, "stream-stopped")
    over = {"CallSid": "CST3", "CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "9"}
    await platform.post_twilio("/webhooks/calls/status", over)
    await check_job(platform, twilio)(jobs[-1])
    assert not twilio.redirected


async def test_late_report_redirects_nothing(platform: WebhookPlatform, twilio: RedirectingCarrier) -> None:
    action = await ring(platform, "CST4")
    ended = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    jobs = await report_stream(platform, "CST4", action, "stream-stopped", Timestamp=ended)
    await check_job(platform, twilio)(jobs[-1])
    assert not twilio.redirected


async def test_call_that_a_node_reports_is_looked_at_again(
    platform: WebhookPlatform, twilio: RedirectingCarrier
) -> None:
    action = await ring(platform, "CST5")
    call_id = str((await platform.call_row("CST5"))["id"])
    jobs = await report_stream(platform, "CST5", action, "stream-error")
    live = LiveCalls(platform.redis)
    await live.refresh([LiveCall(call_id, "m1", 0)])
    with pytest.raises(JobFailed) as failed:
        await check_job(platform, twilio)(jobs[-1])
    assert not failed.value.is_permanent and not twilio.redirected
    await live.remove([call_id])
    await check_job(platform, twilio)(jobs[-1])
    assert len(twilio.redirected) == 1


async def test_call_that_is_being_transferred_is_left_alone(
    platform: WebhookPlatform, twilio: RedirectingCarrier
) -> None:
    """Twilio asked for the transfer while the database was unavailable, so nothing is stored about that."""
    action = await ring(platform, "CST7")
    jobs = await report_stream(platform, "CST7", action, "stream-stopped")
    twilio.transferring.add("CST7")
    await check_job(platform, twilio)(jobs[-1])
    assert not twilio.redirected


async def test_instruction_asked_for_without_the_database_is_stored_later(
    platform: WebhookPlatform, twilio: RedirectingCarrier
) -> None:
    """Words before a transfer take seconds, in which Twilio has dialed nobody yet."""
    action = await ring(platform, "CST8")
    outcome = StreamOutcome(0, "+14155557777", "One moment.", "en")
    await checkpoints(platform).put_outcome(str((await platform.call_row("CST8"))["id"]), outcome)
    async with database_unavailable(platform):
        reply = await platform.post_twilio(action, {"CallSid": "CST8", "CallStatus": "in-progress"})
        assert reply.verbs == ["Say", "Dial"]
        await report_stream(platform, "CST8", action, "stream-stopped")
    await platform.wait_until(lambda: is_deferred(platform, 2))
    await retry_open_webhooks(platform.pool, platform.services, platform.clock() + timedelta(seconds=6), 10)
    jobs = await stream_checks(platform)
    assert msgspec.json.decode(jobs[-1], type=CheckStreamJob).language == "en-US"
    await check_job(platform, twilio)(jobs[-1])
    assert not twilio.redirected


async def is_deferred(platform: WebhookPlatform, count: int) -> bool:
    return bool(await platform.redis.xlen(STREAM) >= count)


@pytest.mark.parametrize(("event", "redirections"), [("stream-error", 0), ("stream-stopped", 1)])
async def test_stream_that_may_be_live_is_left_alone_without_redis(
    platform: WebhookPlatform, twilio: RedirectingCarrier, event: str, redirections: int
) -> None:
    """An error may be a warning about a stream that goes on; a stopped one is over."""
    sid = f"CST9{redirections}"
    action = await ring(platform, sid)
    jobs = await report_stream(platform, sid, action, event)
    redis = bus_client("redis://127.0.0.1:9/0", 0.5)
    job = check_job(platform, twilio, MediaAssignment(redis, platform.authority))
    try:
        if redirections:
            await job(jobs[-1])
        else:
            with pytest.raises(JobFailed):
                await job(jobs[-1])
    finally:
        await redis.aclose()
    assert len(twilio.redirected) == redirections


@pytest.mark.parametrize("request_name", ["redirect", "count_dialed"])
@pytest.mark.parametrize(
    ("error", "is_permanent"),
    [
        (CarrierRefused("twilio", "21220", "the call is over", call_ended=True), None),
        (CarrierRefused("twilio", "20003", "no"), True),
        (CarrierUnavailable("twilio", "500", "no"), False),
    ],
)
async def test_failed_redirection(
    platform: WebhookPlatform,
    twilio: RedirectingCarrier,
    error: Exception,
    is_permanent: bool | None,
    request_name: str,
) -> None:
    sid = f"CST6{is_permanent}{request_name}"
    action = await ring(platform, sid)
    jobs = await report_stream(platform, sid, action, "stream-error")
    twilio.answers[request_name] = error
    if is_permanent is None:
        return await check_job(platform, twilio)(jobs[-1])
    with pytest.raises(JobFailed) as failed:
        await check_job(platform, twilio)(jobs[-1])
    assert failed.value.is_permanent is is_permanent
