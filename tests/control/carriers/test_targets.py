"""Calls to targets of warm transfers, and what a message for machines changes in a dial request."""

import pytest

from control.carriers.rules import DialRequest, TargetCallRequest
from control.carriers.telnyx_forms import TelnyxOptions
from control.carriers.telnyx_forms import call_form as telnyx_form
from control.carriers.twilio import target_form
from control.carriers.twilio_forms import TwilioOptions
from control.carriers.twilio_forms import call_form as twilio_form

TWILIO = TwilioOptions("https://hooks.example.com", "AC1", "token")
TELNYX = TelnyxOptions("https://hooks.example.com", "KEY", "7001")


def test_the_targets_webhooks_name_the_transfer() -> None:
    form = target_form(TWILIO, TargetCallRequest("t-1", "+14155550100", "+14155557777", 30, 3_600))
    assert form["url"] == "https://hooks.example.com/webhooks/calls/target?transfer=t-1&step=answered"
    assert str(form["status_callback"]).startswith(
        "https://hooks.example.com/webhooks/calls/target?transfer=t-1&step=ended#"
    )
    assert (form["to"], form["from_"], form["timeout"], form["time_limit"]) == (
        "+14155557777", "+14155550100", 30, 3_600,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("leaves_message", "twilio", "telnyx"), [(False, "Enable", "detect"), (True, "DetectMessageEnd", "greeting_end")]
)
def test_a_message_waits_for_the_end_of_the_greeting(leaves_message: bool, twilio: str, telnyx: str) -> None:
    request = DialRequest("c-1", "+14155550100", "+14155557777", detect_machine=True, leaves_message=leaves_message)
    assert twilio_form(TWILIO, request)["machine_detection"] == twilio
    assert telnyx_form(TELNYX, request)["answering_machine_detection"] == telnyx
