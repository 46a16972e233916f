"""Twilio's requests to its customer: for documents, which are waited for, and callbacks, which are not."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urldefrag, urlencode

from simulator.carrier.network.hooks import Answer, Hooks, Policy, Request, Undelivered, Why
from simulator.carrier.network.twilio_side.model import Call, Callback, Source, TwilioConfig
from simulator.carrier.network.twilio_side.signature import sign
from simulator.carrier.network.twilio_side.twiml import Document, TwimlError, read_twiml

Fields = Sequence[tuple[str, str]]

_XML = frozenset({"text/xml", "application/xml", "text/html"})
_PLACES = ("City", "State", "Zip", "Country")
_WHYS: dict[str, frozenset[Why]] = {
    "ct": frozenset({"connect"}),
    "rt": frozenset({"timeout"}),
    "4xx": frozenset({"4xx"}),
    "5xx": frozenset({"5xx"}),
    "all": frozenset({"connect", "timeout", "4xx", "5xx", "broken"}),
}


class NoDocument(Exception):
    """No document came from the URL or its fallback. code: in Twilio's debugger."""

    def __init__(self, code: int, url: str, why: str) -> None:
        super().__init__(f"{code} {url}: {why}")
        self.code = code
        self.url = url


class Webhooks:
    """Asks and tells the customer, signed with the account's token."""

    def __init__(self, config: TwilioConfig, hooks: Hooks) -> None:
        self._config, self._hooks = config, hooks

    async def fetch(self, call: Call, source: Source) -> Document:
        """The document that the call goes on with; errors on the way stand in its log. Raises NoDocument."""
        if source.document is not None:
            return source.document
        try:
            return await self._document(call, source.url, source.method, source.fields)
        except NoDocument as failure:
            call.note("error", str(failure), failure.code)
            if not source.fallback_url:
                raise
            fields = [("ErrorCode", str(failure.code)), ("ErrorUrl", failure.url), *source.fields]
        try:
            return await self._document(call, source.fallback_url, source.fallback_method, fields)
        except NoDocument as failure:
            call.note("error", str(failure), failure.code)
            raise

    def progress(self, call: Call, event: str) -> None:
        """Tells of initiated, ringing, answered or completed (any end), if that was asked for."""
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
            fields += _recorded(call, self._config)
        self.tell(callback, fields)

    def tell(self, callback: Callback, fields: Fields) -> None:
        """A callback, in the background."""
        if callback.url:
            token = secrets.token_hex(16)
            self._hooks.send(
                lambda _: self._request(callback.url, callback.method, fields, token), _policy(callback.url)
            )

    def fields(self, call: Call, status: str | None = None) -> list[tuple[str, str]]:
        """What every request about a call says; unknown places are blank."""

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

    async def _document(self, call: Call, url: str, method: str, extra: Fields) -> Document:
        fields = [*self.fields(call), *extra]
        token = secrets.token_hex(16)
        try:
            answer = await self._hooks.deliver(lambda _: self._request(url, method, fields, token), _policy(url))
        except Undelivered as failure:
            raise NoDocument(11205 if failure.why == "connect" else 11200, url, failure.why) from failure
        return _read(answer, urldefrag(url).url)

    def _request(self, url: str, method: str, fields: Fields, token: str) -> Request:
        target = urldefrag(url).url
        headers = {"I-Twilio-Idempotency-Token": token, "User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}
        if method == "GET":
            target += ("&" if "?" in target else "?") + urlencode(list(fields))
            return Request("GET", target, {**headers, "X-Twilio-Signature": sign(self._config.auth_token, target)})
        headers["X-Twilio-Signature"] = sign(self._config.auth_token, target, fields)
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        return Request("POST", target, headers, urlencode(list(fields)).encode("ascii"))


def recording_url(config: TwilioConfig, sid: str) -> str:
    """Where a recording's media is, without an extension."""
    return f"{config.public_url}/2010-04-01/Accounts/{config.account_sid}/Recordings/{sid}"


def _read(answer: Answer, url: str) -> Document:
    if answer.content_type not in _XML:
        raise NoDocument(12300, url, f"content type {answer.content_type}")
    try:
        return read_twiml(answer.body, url)
    except TwimlError as error:
        raise NoDocument(error.code, url, str(error)) from error


def _recorded(call: Call, config: TwilioConfig) -> list[tuple[str, str]]:
    """A call that was recorded by its own Record=true says so at its end."""
    for recording in call.recordings:
        if recording.source == "OutboundAPI":
            duration = ("RecordingDuration", str(recording.duration_s))
            return [("RecordingUrl", recording_url(config, recording.sid)), ("RecordingSid", recording.sid), duration]
    return []


def _places(who: str, number: str) -> list[tuple[str, str]]:
    countries = {"+1": "US", "+44": "GB", "+49": "DE"}
    country = next((name for prefix, name in countries.items() if number.startswith(prefix)), "")
    return [(who + place, country if place == "Country" else "") for place in _PLACES]


def _policy(url: str) -> Policy:
    """Twilio's time limits and retries, and what the URL's fragment says otherwise (`#rc=3&rp=5xx,ct`)."""
    told = parse_qs(urldefrag(url).fragment)
    again: frozenset[Why] = frozenset()
    for name in told.get("rp", ["ct"])[-1].split(","):
        again |= _WHYS.get(name, frozenset())
    read_ms = min(_told(told, "rt", 15_000), _told(told, "tt", 15_000))
    return Policy(1 + min(5, _told(told, "rc", 1)), _told(told, "ct", 5_000) / 1_000, read_ms / 1_000, again)


def _told(told: dict[str, list[str]], name: str, default: int) -> int:
    text = told.get(name, [str(default)])[-1]
    return int(text) if text.isdecimal() else default
