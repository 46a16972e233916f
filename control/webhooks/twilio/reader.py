"""Recognises, verifies and parses Twilio's requests."""

from datetime import datetime
from typing import Final

from control.webhooks.inbox.request import WebhookRequest
from control.webhooks.options import WebhookOptions
from control.webhooks.twilio.form import TwilioForm, parse_form
from control.webhooks.twilio.signature import TwilioTokens
from shared.errors import Malformed
from shared.twilio_signature import SETTINGS_HEADER

SIGNATURE_HEADER: Final = "X-Twilio-Signature"


class TwilioReader:
    """A SourceReader."""

    name = "twilio"

    def __init__(self, options: WebhookOptions) -> None:
        self._base_url = options.url
        self._tokens = TwilioTokens(
            options.twilio_tokens,
            shared_keys=options.twilio_shared_keys,
            required=options.require_twilio_signature,
        )

    def claims(self, request: WebhookRequest) -> bool:
        """Every form is Twilio's: Telnyx sends JSON only."""
        return SIGNATURE_HEADER in request.headers or not request.is_json

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """The signed URL is our configured address, never the one that the request claims to be sent to."""
        url, signature = self._base_url + request.target, request.headers.get(SIGNATURE_HEADER)
        account = _first_values(request).get("AccountSid", "")
        settings = request.headers.get(SETTINGS_HEADER)
        if request.is_json:
            self._tokens.check(url, signature, account, body=request.body, settings=settings)
        else:
            self._tokens.check(url, signature, account, fields=request.fields, settings=settings)

    def parse(self, request: WebhookRequest, now: datetime) -> TwilioForm:
        """Raises Malformed without a CallSid."""
        form = parse_form(_first_values(request), request.query)
        if not form.call_sid:
            raise Malformed("CallSid is missing.", param="CallSid")
        return form


def _first_values(request: WebhookRequest) -> dict[str, str]:
    """Of a repeated field the first value counts."""
    return dict(reversed(request.fields))
