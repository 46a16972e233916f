"""Media's report of a stream's end starts what follows, whether or not Telnyx reports the end, too."""

import msgspec
import pytest

from control.calls.live.service import STREAM_ENDED, StreamEndedJob
from control.db.jobs import JobHandler
from control.inbound_webhooks.tasks import webhooks_tasks
from control.inbound_webhooks.telnyx.wire import stream_key
from shared.bus.checkpoints import Checkpoints, StreamOutcome
from tests.control.inbound_webhooks.telnyx.steps import HUMAN, answer_telnyx_call, retry_after
from tests.platform.webhooks import NODE, WebhookPlatform

URL = f"{NODE}/media/telnyx/secret-4711"


def stream_end_job(platform: WebhookPlatform) -> JobHandler:
    return webhooks_tasks(platform.pool, platform.services).handlers[STREAM_ENDED]


async def connected_call(platform: WebhookPlatform, call: str, outcome: StreamOutcome | None) -> bytes:
    """A call whose stream has ended; the payload of its job."""
    await answer_telnyx_call(platform, call)
    call_id = (await platform.call_row(call))["id"]
    if outcome is not None:
        await Checkpoints(platform.redis, platform.sealer).put_outcome(str(call_id), outcome)
    return msgspec.json.encode(StreamEndedJob(call_id, 0, call, stream_key(URL)))


@pytest.mark.parametrize(("number", "done"), [("", "hangup"), (HUMAN, "transfer")])
@pytest.mark.parametrize("media_is_first", [True, False])
async def test_two_reports_of_an_end_are_acted_on_once(
    platform: WebhookPlatform, number: str, done: str, media_is_first: bool
) -> None:
    call = f"v3:m-{done}-{media_is_first}"
    job = await connected_call(platform, call, StreamOutcome(0, number))
    if media_is_first:
        await stream_end_job(platform)(job)
    await platform.post_telnyx("streaming.stopped", call, stream_url=URL)
    if not media_is_first:
        await stream_end_job(platform)(job)
    assert [command.action for command in platform.telnyx_api.received] == ["answer", "streaming_start", done]


async def test_lost_stream_is_left_to_telnyx(platform: WebhookPlatform) -> None:
    """Until it notices the loss, it refuses another stream."""
    job = await connected_call(platform, "v3:m3", None)
    await stream_end_job(platform)(job)
    assert platform.telnyx_api.actions == []
    await platform.post_telnyx("streaming.failed", "v3:m3", stream_params={"stream_url": URL})
    assert platform.telnyx_api.actions == ["streaming_start"]


async def test_late_repeat_does_not_end_a_conversation_with_the_target(platform: WebhookPlatform) -> None:
    job = await connected_call(platform, "v3:m4", StreamOutcome(0, HUMAN))
    await stream_end_job(platform)(job)
    leg = {"client_state": platform.telnyx_api.carried_out[0].body["target_leg_client_state"]}
    await platform.post_telnyx("call.answered", "v3:leg-m4", **leg)
    platform.telnyx_api.carried_out.clear()
    call = await platform.call_row("v3:m4")
    assert call["details"]["carrier"]["transfer_leg"] == "v3:leg-m4"
    await platform.execute("UPDATE webhook_events SET handled_at = NULL WHERE event_id = $1", stream_key(URL))
    assert await retry_after(platform, 61) == 1
    assert platform.telnyx_api.actions == []
