"""What is written into logs and figures about callers: nothing."""

from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.control.webhooks.stage import CALLER, TOKEN, World, client_state


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """Every line, of any level; loggers that were made before ask for their configuration again."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield lines


async def test_nothing_personal_is_logged(world: World, logged: list[EventDict]) -> None:
    await world.rings("CE1")
    await world.rings("CE2", To="+14155559999")
    await world.twilio("/webhooks/calls/status", {"CallSid": "CE1", "CallStatus": "completed", "SequenceNumber": "1"})
    await world.twilio("/webhooks/calls/inbound", {"CallSid": "CE3"}, token="wrong-4711")
    await world.lose("m1")
    await world.rings("CE4")
    await world.incoming("v3:secret-4711")
    world.exchange.refuses["speak"] = "10015"
    await world.telnyx("call.answered", "v3:secret-4711", direction="incoming")
    await world.telnyx("call.hangup", "v3:leg", client_state=client_state("transfer:v3:secret-4711"))
    await world.sql("ALTER TABLE calls RENAME TO calls_gone")
    try:
        await world.rings("CE5")
        await world.incoming("v3:secret-4712")
    finally:
        await world.sql("ALTER TABLE calls_gone RENAME TO calls")
    events = {line["event"] for line in logged}
    assert {"webhook.refused", "webhook.apologised", "webhook.broke_off", "webhook.no_room"} <= events
    text = str(logged) + str(list(world.registry.collect()))
    for private in (CALLER, CALLER[1:], world.number, "4711", TOKEN, "CE1", "v3:"):
        assert private not in text
