"""Logs and metrics contain nothing about callers."""

from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.platform.webhooks import CALLER, TOKEN, WebhookPlatform, client_state


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """Captures every line of every level; existing loggers are configured again."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield lines


async def test_no_personal_data_is_logged(platform: WebhookPlatform, logged: list[EventDict]) -> None:
    await platform.ring_twilio("CE1")
    await platform.ring_twilio("CE2", To="+14155559999")
    await platform.post_twilio(
        "/webhooks/calls/status", {"CallSid": "CE1", "CallStatus": "completed", "SequenceNumber": "1"}
    )
    await platform.post_twilio("/webhooks/calls/inbound", {"CallSid": "CE3"}, token="wrong-token")
    await platform.remove_node("m1")
    await platform.ring_twilio("CE4")
    await platform.ring_telnyx("v3:secret-call")
    platform.telnyx_api.refused["speak"] = "10015"
    await platform.post_telnyx("call.answered", "v3:secret-call", direction="incoming")
    await platform.post_telnyx("call.hangup", "v3:leg", client_state=client_state("transfer:v3:secret-call"))
    await platform.execute("ALTER TABLE calls RENAME TO calls_gone")
    try:
        await platform.ring_twilio("CE5")
        await platform.ring_telnyx("v3:secret-call-2")
    finally:
        await platform.execute("ALTER TABLE calls_gone RENAME TO calls")
    events = {line["event"] for line in logged}
    assert {"webhook.refused", "webhook.apologised", "webhook.failed", "call.media_not_assigned"} <= events
    text = str(logged) + str(list(platform.registry.collect()))
    for private in (CALLER, CALLER[1:], platform.number, "secret-call", "wrong-token", TOKEN, "CE1", "v3:"):
        assert private not in text
