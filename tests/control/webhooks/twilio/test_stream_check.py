"""The second way back from a media stream: Twilio is told to ask what it did not ask by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control.carriers.model import CarrierRefused, CarrierUnavailable
from control.carriers.registry import Carriers
from control.db.jobs import JobFailed, JobHandler
from control.webhooks.twilio.stream_check import CHECK_STREAM, make_stream_check_job
from shared.bus.live import LiveCall, LiveCalls
from tests.control.calls.call_platform import FakeCarrier
from tests.platform.webhooks import WebhookPlatform


class RedirectingCarrier(FakeCarrier):
    """Records redirections."""

    def __init__(self) -> None:
        super().__init__()
        self.redirected: list[tuple[str, str]] = []

    async def redirect(self, carrier_call_id: str, path: str) -> None:
        self.redirected.append((carrier_call_id, path))
        self._answer("redirect")


@pytest.fixture
def twilio() -> RedirectingCarrier:
    return RedirectingCarrier()


def check_job(platform: WebhookPlatform, twilio: RedirectingCarrier) -> JobHandler:
    class Services:
        carriers = Carriers({"twilio": twilio})
        media_assignment = platform.services.media_assignment
        calls = platform.services.calls
        spend_guard = platform.services.spend_guard
        deferred_webhooks = platform.services.deferred_webhooks

    return make_stream_check_job(platform.pool, Services())


async def ring(platform: WebhookPlatform, sid: str) -> str:
    """Connects a call; returns the path and query of its next instruction."""
    return (await platform.ring_twilio(sid)).action


async def report_stream(platform: WebhookPlatform, sid: str, action: str, event: str, **fields: Any) -> list[bytes]:
    """Reports a stream's event; returns the payloads of all jobs that check streams."""
    query = action.partition("?")[2]
    form = {"CallSid": sid, "StreamSid": f"MZ{sid}", "StreamEvent": event, "Timestamp": datetime.now(UTC).isoformat()}
    reply = await platform.post_twilio(f"/webhooks/calls/stream?{query}", form | fields)
    assert reply.status == 204
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


@pytest.mark.parametrize(
    ("error", "is_permanent"),
    [
        (CarrierRefused("twilio", "21220", "the call is over", call_ended=True), None),
        (CarrierRefused("twilio", "20003", "no"), True),
        (CarrierUnavailable("twilio", "500", "no"), False),
    ],
)
async def test_failed_redirection(
    platform: WebhookPlatform, twilio: RedirectingCarrier, error: Exception, is_permanent: bool | None
) -> None:
    sid = f"CST6{is_permanent}"
    action = await ring(platform, sid)
    jobs = await report_stream(platform, sid, action, "stream-error")
    twilio.answers["redirect"] = error
    if is_permanent is None:
        return await check_job(platform, twilio)(jobs[-1])
    with pytest.raises(JobFailed) as failed:
        await check_job(platform, twilio)(jobs[-1])
    assert failed.value.is_permanent is is_permanent
