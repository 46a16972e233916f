"""A request read and verified: which carrier it is from, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import parse_qsl

import msgspec
import structlog
from aiohttp import web

from control.http.request import origin_of
from control.webhooks.body import JSON, read_raw
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.signatures import BadSignature, TelnyxKeys, TwilioTokens
from control.webhooks.telnyx_event import Event, read_event
from control.webhooks.twilio_form import Form, read_form
from shared.errors import Forbidden, Malformed

TWILIO_HEADER: Final = "X-Twilio-Signature"
TELNYX_HEADER: Final = "telnyx-signature-ed25519"
TELNYX_TIME: Final = "telnyx-timestamp"
_MOST_FIELDS: Final = 300
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Inbox:
    """Everything it raises is a Problem: Forbidden for who is not the carrier."""

    options: WebhookOptions
    tokens: TwilioTokens
    keys: TelnyxKeys
    metrics: WebhookMetrics

    async def read(self, request: web.Request, now: datetime) -> Form | Event:
        """A Form is Twilio's, an Event Telnyx's. Without any signature, JSON counts as Telnyx's."""
        body = await read_raw(request, self.options.body_timeout_s)
        is_json = request.content_type == JSON and bool(body)
        if TELNYX_HEADER in request.headers or (is_json and TWILIO_HEADER not in request.headers):
            return self._telnyx(request, body, now)
        return self._twilio(request, body, is_json)

    def _twilio(self, request: web.Request, body: bytes, is_json: bool) -> Form:
        pairs = _json_pairs(body) if is_json else _form_pairs(body)
        fields: dict[str, str] = {}
        for name, value in pairs:
            fields.setdefault(name, value)
        given, account = request.headers.get(TWILIO_HEADER), fields.get("AccountSid", "")
        try:
            if is_json:
                self.tokens.check(self._url(request), given, account, body=body)
            else:
                self.tokens.check(self._url(request), given, account, fields=pairs)
        except BadSignature as bad:
            raise self._refused(request, "twilio", bad) from None
        form = read_form(fields, request.query)
        if not form.sid:
            raise Malformed("CallSid is missing.", param="CallSid")
        return form

    def _telnyx(self, request: web.Request, body: bytes, now: datetime) -> Event:
        headers = request.headers
        try:
            self.keys.check(body, headers.get(TELNYX_HEADER), headers.get(TELNYX_TIME), now)
        except BadSignature as bad:
            raise self._refused(request, "telnyx", bad) from None
        return read_event(body, request.query.get("call", ""), now)

    def _url(self, request: web.Request) -> str:
        """As Twilio was told it: our configured address, never the one that a request claims, and its target as it
        stands on the wire, with its own percent signs."""
        target = request.raw_path
        return self.options.url + (target if target.startswith("/") else request.rel_url.raw_path_qs)

    def _refused(self, request: web.Request, carrier: Literal["twilio", "telnyx"], bad: BadSignature) -> Forbidden:
        self.metrics.refused.labels(carrier, bad.reason).inc()
        origin = origin_of(request)
        log.warning("webhook.refused", carrier=carrier, reason=bad.reason, request_id=origin.request_id)
        return Forbidden("The signature is missing or wrong.", code="bad_signature")


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    """Also the empty ones: they are signed."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Malformed("The body is no form, or has too many fields.", code="broken_body") from None


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):  # nested too deeply
        raise Malformed("The body is not valid JSON.", code="not_json") from None
    found: Mapping[str, object] = document if isinstance(document, dict) else {}
    return [(name, value) for name, value in found.items() if isinstance(value, str)]
