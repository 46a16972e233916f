"""Telnyx's webhooks, the steps of a call in one place.

Every event comes to any address and takes the same way: `TelnyxCalls.receive` stores it with its effect in the database
(`TelnyxHandlers`, by the event's type), then runs the commands that follow from it (`CallCommands`). Unlike TwiML, the
answer controls nothing. An inbound call:

1. call.initiated: the call is admitted, and answered or rejected by command.
2. call.answered: a media node is chosen, and the stream is started by command.
3. streaming.stopped, streaming.failed: the call is hung up, transferred, or streamed to another node.
4. call.speak.ended: an announcement is over; the call is hung up.
5. call.hangup, call.cost, call.recording.saved: stored.
"""

from typing import Final

from control.webhooks.addresses import CARRIER_ROUTES
from control.webhooks.inbox.source import WebhookSource
from control.webhooks.inbox.store import OpenEvent
from control.webhooks.parts import SourceDefinition, WebhookParts
from control.webhooks.telnyx.calls import TelnyxCalls
from control.webhooks.telnyx.event import TelnyxEvent, from_stored_payload
from control.webhooks.telnyx.reader import TelnyxReader


def build(parts: WebhookParts) -> WebhookSource[TelnyxEvent]:
    """Raises ValueError for a public key that is none."""
    calls = TelnyxCalls(parts)
    return WebhookSource(
        reader=TelnyxReader(parts.options),
        answers={route.path: calls.receive for route in CARRIER_ROUTES},
        retry=calls.retry,
        ordering_key=_call_control_id,
    )


TELNYX: Final = SourceDefinition("telnyx", CARRIER_ROUTES, build)


def _call_control_id(open_event: OpenEvent) -> str:
    return from_stored_payload(open_event.event.payload, open_event.received_at).call_control_id
