"""Addresses of carriers' webhooks. Twilio and Telnyx share them; Telnyx may send any event to any of them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """An address beside the API's, for the API's document and its tests."""

    method: str
    path: str
    summary: str
    beyond_spec: bool = False


INBOUND: Final = "/webhooks/calls/inbound"
STATUS: Final = "/webhooks/calls/status"
RECORDING: Final = "/webhooks/calls/recording"
CONTINUE: Final = "/webhooks/calls/continue"
STREAM: Final = "/webhooks/calls/stream"
TARGET: Final = "/webhooks/calls/target"
CARRIER_ROUTES: Final = (
    WebhookRoute("POST", INBOUND, "A carrier reports an inbound call, or that an outbound one was answered."),
    WebhookRoute("POST", STATUS, "A carrier reports a call's status."),
    WebhookRoute("POST", RECORDING, "A carrier reports a recording."),
    WebhookRoute("POST", CONTINUE, "Twilio asks for instructions after a media stream.", beyond_spec=True),
)
TWILIO_ROUTES: Final = (
    *CARRIER_ROUTES,
    WebhookRoute("POST", STREAM, "Twilio reports the end of a media stream.", beyond_spec=True),
    WebhookRoute("POST", TARGET, "Twilio asks what the target of a warm transfer hears.", beyond_spec=True),
)
