"""Twilio's webhooks, the steps of a call in one place.

An inbound call takes them in this order; one that we placed begins with status callbacks:

1. INBOUND: a call rings. `connect_call` stores the event and admits the call in one transaction, chooses a media node
   and answers `<Connect><Stream>`; or `<Say>` and `<Hangup>` for a call that is refused.
2. STATUS: ringing, in-progress … `receive_status` stores each with its effect, in whatever order they come.
3. CONTINUE, asked by `<Connect action>`: the media stream ended. `continue_call` hangs up after the conversation's end,
   dials after a transfer, and connects the call to another node (step 1's answer) when its node was lost.
4. CONTINUE, asked by `<Dial action>`: the transfer ended. `continue_call` hangs up, or connects the caller with the
   agent again, because nobody answered. TARGET: the target of a warm transfer is asked (`target_legs.py`).
   STREAM reports each stream's end besides: should CONTINUE not be asked, a job has Twilio ask it (`stream_check.py`).
5. STATUS: completed; RECORDING: a recording can be fetched.
"""

from typing import Final

from control.calls.service import Calls
from control.webhooks.addresses import CONTINUE, INBOUND, RECORDING, STATUS, STREAM, TARGET, TWILIO_ROUTES
from control.webhooks.inbox.source import WebhookSource
from control.webhooks.inbox.store import OpenEvent
from control.webhooks.parts import SourceDefinition, WebhookParts
from control.webhooks.twilio.callbacks import StatusCallbacks
from control.webhooks.twilio.calls import TwilioCalls
from control.webhooks.twilio.form import TwilioForm, from_stored_payload
from control.webhooks.twilio.reader import TwilioReader
from control.webhooks.twilio.target_legs import TwilioTargetLegs


def build(parts: WebhookParts) -> WebhookSource[TwilioForm]:
    """The source with its steps by address."""
    calls = TwilioCalls(parts)
    callbacks = StatusCallbacks(parts.inbox, parts.services[Calls])
    return WebhookSource(
        reader=TwilioReader(parts.options),
        answers={
            INBOUND: calls.connect_call,
            STATUS: callbacks.receive_status,
            CONTINUE: calls.continue_call,
            RECORDING: callbacks.receive_recording,
            STREAM: callbacks.receive_stream,
            TARGET: TwilioTargetLegs(parts).receive,
        },
        retry=callbacks.retry,
        ordering_key=_call_sid,
    )


TWILIO: Final = SourceDefinition("twilio", TWILIO_ROUTES, build)


def _call_sid(open_event: OpenEvent) -> str:
    return from_stored_payload(open_event.event.payload).call_sid
