"""Recognises, verifies and parses Telnyx's requests."""

from datetime import datetime
from typing import Final

from control.webhooks.inbox.request import WebhookRequest
from control.webhooks.options import WebhookOptions
from control.webhooks.telnyx.event import TelnyxEvent, parse_event
from control.webhooks.telnyx.signature import TelnyxKeys

SIGNATURE_HEADER: Final = "telnyx-signature-ed25519"
TIMESTAMP_HEADER: Final = "telnyx-timestamp"


class TelnyxReader:
    """A SourceReader."""

    name = "telnyx"

    def __init__(self, options: WebhookOptions) -> None:
        """Raises ValueError for a public key that is none."""
        self._keys = TelnyxKeys(options.telnyx_public_keys)

    def claims(self, request: WebhookRequest) -> bool:
        """By the header of its signature."""
        return SIGNATURE_HEADER in request.headers

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Over the raw body."""
        headers = request.headers
        self._keys.check(request.body, headers.get(SIGNATURE_HEADER), headers.get(TIMESTAMP_HEADER), now)

    def parse(self, request: WebhookRequest, now: datetime) -> TelnyxEvent:
        """The query's `call` is our id of a call that we placed. Raises Malformed."""
        return parse_event(request.body, request.query.get("call", ""), now)
