"""Calls that verify a phone number: both carriers speak the code, and hang up."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from control.audit.service import Actor
from control.calls.verified_numbers.rules import PhoneCode
from control.calls.verified_numbers.service import PURPOSE, CodeRequest, PhoneCodes
from control.db.scope import enter_workspace
from tests.platform.webhooks import WebhookPlatform, client_state

PHONE = "+12125550123"


async def request_code(platform: WebhookPlatform, language: str, carrier: str) -> tuple[PhoneCode, str]:
    """A code whose call waits for this carrier, and its digits as they are spoken."""
    user_id = await platform.owner.fetchval(
        "SELECT user_id FROM workspace_members WHERE workspace_id = $1", platform.workspace_id
    )
    request = CodeRequest(platform.workspace_id, user_id, PHONE, language)
    async with platform.pool.transaction() as db:
        await enter_workspace(db, platform.workspace_id, user_id)
        actor = Actor("user", user_id, "ann@example.com")
        code = await platform.services[PhoneCodes].request(db, actor, request, datetime.now(UTC))
    await platform.execute("UPDATE calls SET carrier = $2 WHERE id = $1", code.call_id, carrier)
    return code, ", ".join(platform.sealer.open(code.code, PURPOSE).decode())


@pytest.mark.parametrize(
    ("language", "word"), [("en", "Your code is"), ("de-AT", "Ihr Code lautet"), ("ja", "code is")]
)
async def test_twilio_speaks_the_code_and_hangs_up(platform: WebhookPlatform, language: str, word: str) -> None:
    await platform.execute("DELETE FROM phone_codes")
    code, digits = await request_code(platform, language, "twilio")
    sid = f"CA{code.call_id.hex}"
    form = {"CallSid": sid, "Direction": "outbound-api", "From": platform.number, "To": PHONE}
    path = f"/webhooks/calls/inbound?call={code.call_id}"
    for _ in range(2):  # Twilio may ask again
        reply = await platform.post_twilio(path, form | {"CallStatus": "in-progress"})
        assert reply.verbs == ["Say", "Hangup"]
        assert word in reply.text
        assert reply.text.count(digits) == 2
    assert (await platform.call_row(sid))["status"] == "in_progress"
    ended = form | {"CallStatus": "completed", "CallDuration": "14"}
    await platform.post_twilio(f"/webhooks/calls/status?call={code.call_id}", ended)
    row = await platform.call_row(sid)
    assert (row["status"], row["is_test"], row["agent_id"]) == ("completed", True, None)


async def test_telnyx_speaks_the_code_and_is_hung_up(platform: WebhookPlatform) -> None:
    await platform.execute("DELETE FROM phone_codes")
    code, digits = await request_code(platform, "en", "telnyx")
    state: dict[str, Any] = {"direction": "outgoing", "client_state": client_state(str(code.call_id))}
    await platform.post_telnyx("call.answered", "v3:code", **state)
    (spoken,) = platform.telnyx_api.carried_out
    assert spoken.action == "speak"
    assert digits in spoken.body["payload"]
    await platform.post_telnyx("call.speak.ended", "v3:code", **state)
    assert platform.telnyx_api.actions == ["speak", "hangup"]
    await platform.post_telnyx("call.hangup", "v3:code", hangup_cause="normal_clearing", **state)
    assert (await platform.call_row("v3:code"))["status"] == "completed"


async def test_a_call_without_agent_and_code_is_refused(platform: WebhookPlatform) -> None:
    call_id: UUID = await platform.queue_outbound()
    await platform.execute("UPDATE calls SET agent_id = NULL WHERE id = $1", call_id)
    reply = await platform.post_twilio(
        f"/webhooks/calls/inbound?call={call_id}",
        {"CallSid": "CA77", "CallStatus": "in-progress", "Direction": "outbound-api", "To": PHONE},
    )
    assert reply.verbs == ["Say", "Hangup"]
