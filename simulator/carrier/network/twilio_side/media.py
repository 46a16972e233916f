"""`<Connect><Stream>`: a customer's media socket on a call's line."""

from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from simulator.carrier.dial import BadUrl, CannotConnect
from simulator.carrier.network.hooks import Hooks
from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.model import Call, Callback, TwilioConfig, fresh_sid
from simulator.carrier.network.twilio_side.signature import sign
from simulator.carrier.network.twilio_side.twiml import Stream
from simulator.carrier.network.twilio_side.webhooks import Webhooks
from simulator.carrier.twilio import TwilioShape
from simulator.carrier.wire import Identity

_CODES = {"timeout": 31901, "refused": 31902, "handshake": 31920, "broken": 31924}
_CLOSED = 31921


class Media:
    """Puts streams on lines. What goes wrong with one stands in the call's log, and the call goes on."""

    def __init__(self, config: TwilioConfig, hooks: Hooks, webhooks: Webhooks) -> None:
        self._config, self._hooks, self._webhooks = config, hooks, webhooks

    async def connect(self, call: Call, line: Line, verb: Stream, base: str) -> None:
        """Returns when the stream is over, however it ended."""
        url = urljoin(base.replace("http", "ws", 1), verb.url)
        sid = fresh_sid("MZ")
        identity = Identity(self._config.account_sid, call.sid, sid, call.caller, call.called, verb.params)
        headers = {"user-agent": "Twilio.TmeWs/1.0"}
        if self._config.sign_streams:
            headers["x-twilio-signature"] = sign(self._config.auth_token, url)
        call.note("stream", sid)
        self._tell(call, verb, sid, "stream-started")
        try:
            end = await line.stream(self._hooks.session, url, TwilioShape(identity), headers=headers)
        except BadUrl as error:
            return self._failed(call, verb, sid, _bad_url_code(url), str(error))
        except CannotConnect as error:
            return self._failed(call, verb, sid, _CODES[error.kind], str(error))
        if end.by == "broken":
            return self._failed(call, verb, sid, _CLOSED, f"close code {end.code}")
        call.note("stream-over", end.by)
        self._tell(call, verb, sid, "stream-stopped")

    def _failed(self, call: Call, verb: Stream, sid: str, code: int, why: str) -> None:
        call.note("error", why, code)
        self._tell(call, verb, sid, "stream-error", f"{code} {why}")

    def _tell(self, call: Call, verb: Stream, sid: str, event: str, error: str = "") -> None:
        fields = [
            ("AccountSid", self._config.account_sid),
            ("CallSid", call.sid),
            ("StreamSid", sid),
            ("StreamName", verb.name or sid),
            ("StreamEvent", event),
            ("Timestamp", datetime.now(UTC).isoformat().replace("+00:00", "Z")),
        ]
        if error:
            fields.append(("StreamError", error))
        self._webhooks.tell(Callback(verb.status_callback, verb.status_callback_method), fields)


def _bad_url_code(url: str) -> int:
    """A query string is 31920, another scheme 31922, anything else 31923."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return 31923
    if parts.scheme not in ("ws", "wss"):
        return 31922
    return 31920 if parts.query else 31923
