"""Twilio's requests to the customer: document requests and callbacks (docs: usage/webhooks/voice-webhooks)."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urldefrag, urlencode

from simulator.carrier.network.twilio.model import DocumentSource, StatusCallback, TwilioCall, TwilioConfig
from simulator.carrier.network.twilio.signature import signature_headers
from simulator.carrier.network.twilio.twiml import TwimlDocument, TwimlError, read_twiml
from simulator.carrier.network.webhook_client import (
    DeliveryFailed,
    DeliveryPolicy,
    FailureKind,
    WebhookClient,
    WebhookRequest,
    WebhookResponse,
)

Fields = Sequence[tuple[str, str]]

_XML = frozenset({"text/xml", "application/xml", "text/html"})
_PLACES = ("City", "State", "Zip", "Country")
_FAILURES: dict[str, frozenset[FailureKind]] = {
    "ct": frozenset({"connect"}),
    "rt": frozenset({"timeout"}),
    "4xx": frozenset({"4xx"}),
    "5xx": frozenset({"5xx"}),
    "all": frozenset({"connect", "timeout", "4xx", "5xx", "broken"}),
}


class DocumentUnavailable(Exception):
    """Neither the URL nor its fallback returned a document.

    Attributes:
        code: The error code in Twilio's debugger.
    """

    def __init__(self, code: int, url: str, why: str) -> None:
        super().__init__(f"{code} {url}: {why}")
        self.code = code
        self.url = url


class TwilioWebhooks:
    """Sends requests to the customer, signed with the account's token."""

    def __init__(self, config: TwilioConfig, client: WebhookClient) -> None:
        self._config, self._client = config, client

    async def fetch(self, call: TwilioCall, source: DocumentSource) -> TwimlDocument:
        """Fetch a document. Errors are logged in the call. Raises DocumentUnavailable."""
        if source.document is not None:
            return source.document
        try:
            return await self._document(call, source.url, source.method, source.fields)
        except DocumentUnavailable as failure:
            call.write_log("error", str(failure), failure.code)
            if not source.fallback_url:
                raise
            fields = [("ErrorCode", str(failure.code)), ("ErrorUrl", failure.url), *source.fields]
        try:
            return await self._document(call, source.fallback_url, source.fallback_method, fields)
        except DocumentUnavailable as failure:
            call.write_log("error", str(failure), failure.code)
            raise

    def progress(self, call: TwilioCall, event: str) -> None:
        """Send the status callback of initiated, ringing, answered or completed (any end), if it is subscribed."""
        callback = call.callback
        if not callback.url or event not in callback.events:
            return
        fields = [
            *self.fields(call, "initiated" if event == "initiated" else call.status),
            ("Timestamp", format_datetime(datetime.now(UTC))),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(call.sequence)),
        ]
        call.sequence += 1
        if call.over:
            minutes = -(-call.duration_s // 60)
            fields += [("CallDuration", str(call.duration_s)), ("Duration", str(minutes))]
            fields += [("SipResponseCode", str(call.sip_code))]
            fields += _recording_fields(call, self._config)
        self.send_callback(callback, fields, call.phone)

    def send_callback(self, callback: StatusCallback, fields: Fields, phone: str = "") -> None:
        """Send a callback in the background. `phone` is the phone whose call it concerns."""
        if callback.url:
            token = secrets.token_hex(16)
            self._client.send(
                lambda _: self._request(callback.url, callback.method, fields, token), _policy(callback.url), phone
            )

    def fields(self, call: TwilioCall, status: str | None = None) -> list[tuple[str, str]]:
        """Return the fields of every request about a call. Unknown places are blank."""
        fields = [
            ("CallSid", call.sid),
            ("AccountSid", self._config.account_sid),
            ("From", call.caller),
            ("To", call.called),
            ("Caller", call.caller),
            ("Called", call.called),
            ("CallStatus", status or call.status),
            ("ApiVersion", "2010-04-01"),
            ("Direction", call.direction),
        ]
        for who, number in (("From", call.caller), ("To", call.called)):
            fields += _places(who, number)
            fields += _places("Caller" if who == "From" else "Called", number)
        if call.parent_sid:
            fields.append(("ParentCallSid", call.parent_sid))
        if call.answered_by:
            fields.append(("AnsweredBy", call.answered_by))
        return fields + list(call.extra.items())

    async def _document(self, call: TwilioCall, url: str, method: str, extra: Fields) -> TwimlDocument:
        fields = [*self.fields(call), *extra]
        token = secrets.token_hex(16)
        try:
            answer = await self._client.deliver(
                lambda _: self._request(url, method, fields, token), _policy(url), call.phone
            )
        except DeliveryFailed as failure:
            raise DocumentUnavailable(11205 if failure.kind == "connect" else 11200, url, failure.kind) from failure
        return _read_document(answer, urldefrag(url).url)

    def _request(self, url: str, method: str, fields: Fields, token: str) -> WebhookRequest:
        target = urldefrag(url).url
        headers = {"I-Twilio-Idempotency-Token": token, "User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}
        if method == "GET":
            target += ("&" if "?" in target else "?") + urlencode(list(fields))
            return WebhookRequest("GET", target, {**headers, **signature_headers(self._config, target)})
        headers |= signature_headers(self._config, target, fields)
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        return WebhookRequest("POST", target, headers, urlencode(list(fields)).encode("ascii"))


def recording_url(config: TwilioConfig, sid: str) -> str:
    """Return the URL of a recording's media, without extension."""
    return f"{config.public_url}/2010-04-01/Accounts/{config.account_sid}/Recordings/{sid}"


def _read_document(answer: WebhookResponse, url: str) -> TwimlDocument:
    if answer.content_type not in _XML:
        raise DocumentUnavailable(12300, url, f"content type {answer.content_type}")
    try:
        return read_twiml(answer.body, url)
    except TwimlError as error:
        raise DocumentUnavailable(error.code, url, str(error)) from error


def _recording_fields(call: TwilioCall, config: TwilioConfig) -> list[tuple[str, str]]:
    """Return additional fields for the final callback of a call placed with Record=true."""
    for recording in call.recordings:
        if recording.source == "OutboundAPI":
            duration = ("RecordingDuration", str(recording.duration_s))
            return [("RecordingUrl", recording_url(config, recording.sid)), ("RecordingSid", recording.sid), duration]
    return []


def _places(who: str, number: str) -> list[tuple[str, str]]:
    countries = {"+1": "US", "+44": "GB", "+49": "DE"}
    country = next((name for prefix, name in countries.items() if number.startswith(prefix)), "")
    return [(who + place, country if place == "Country" else "") for place in _PLACES]


def _policy(url: str) -> DeliveryPolicy:
    """Return Twilio's time limits and retries, with the overrides in the URL's fragment (`#rc=3&rp=5xx,ct`).

    Source: docs, usage/webhooks/webhooks-connection-overrides.
    """
    overrides = parse_qs(urldefrag(url).fragment)
    retry_on: frozenset[FailureKind] = frozenset()
    for name in overrides.get("rp", ["ct"])[-1].split(","):
        retry_on |= _FAILURES.get(name, frozenset())
    read_ms = min(_override(overrides, "rt", 15_000), _override(overrides, "tt", 15_000))
    return DeliveryPolicy(
        1 + min(5, _override(overrides, "rc", 1)), _override(overrides, "ct", 5_000) / 1_000, read_ms / 1_000, retry_on
    )


def _override(overrides: dict[str, list[str]], name: str, default: int) -> int:
    text = overrides.get(name, [str(default)])[-1]
    return int(text) if text.isdecimal() else default
