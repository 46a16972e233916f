"""Steps that tests of Telnyx's calls share."""

from datetime import timedelta
from typing import Any

from control.inbound_webhooks.tasks import retry_open_webhooks
from tests.platform.webhooks import WebhookPlatform

OTHER_NODE_URL = "wss://media-2.example.com"
HUMAN = "+14155557777"
# Telnyx's error codes: the call has ended; the request is invalid.
CALL_HAS_ENDED, INVALID_REQUEST = "90018", "10015"


async def answer_telnyx_call(platform: WebhookPlatform, call: str, **payload: Any) -> None:
    """Connects a call to its agent; the commands for that are removed from the record."""
    await platform.ring_telnyx(call, **payload)
    await platform.post_telnyx("call.answered", call, direction="incoming", **payload)
    assert platform.telnyx_api.actions == ["answer", "streaming_start"]
    platform.telnyx_api.carried_out.clear()


async def retry_after(platform: WebhookPlatform, seconds: float = 6) -> int:
    """Runs the worker's duty so much later; returns how many events were retried."""
    return await retry_open_webhooks(
        platform.pool, platform.services, platform.clock() + timedelta(seconds=seconds), 50
    )


async def all_handled(platform: WebhookPlatform) -> bool:
    return all(event["handled_at"] for event in await platform.stored_events())


async def all_failed(platform: WebhookPlatform) -> bool:
    return all(event["last_error"] for event in await platform.stored_events())


async def any_failed(platform: WebhookPlatform) -> bool:
    return any(event["last_error"] for event in await platform.stored_events())
