"""Executes `<Connect><Stream>` (docs: voice/twiml/stream)."""

from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from simulator.carrier.media_call import BadUrl, CannotConnect
from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio.model import StatusCallback, TwilioCall, TwilioConfig, fresh_sid
from simulator.carrier.network.twilio.signature import sign
from simulator.carrier.network.twilio.twiml import ConnectStreamVerb
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks
from simulator.carrier.network.webhook_client import WebhookClient
from simulator.carrier.stream_messages import CallIdentity
from simulator.carrier.twilio_messages import TwilioStreamMessages

_CONNECT_ERROR_CODES = {"timeout": 31901, "refused": 31902, "handshake": 31920, "broken": 31924}
# The connection broke. Twilio may or may not continue with the next instruction (docs: api/errors/31903).
_BROKEN_CODE = 31903
# Our side closed the connection with an error. Twilio continues (docs: api/errors/31921).
_CLOSED_CODE = 31921
_NO_CLOSE_FRAME = (0, 1006)


class TwilioMediaStreams:
    """Connects lines to media sockets. Errors are logged in the call, which continues."""

    def __init__(self, config: TwilioConfig, client: WebhookClient, webhooks: TwilioWebhooks) -> None:
        self._config, self._client, self._webhooks = config, client, webhooks

    async def connect(self, call: TwilioCall, line: Line, verb: ConnectStreamVerb, base: str) -> None:
        """Run a stream. Returns after it has ended."""
        url = urljoin(base.replace("http", "ws", 1), verb.url)
        sid = fresh_sid("MZ")
        identity = CallIdentity(self._config.account_sid, call.sid, sid, call.caller, call.called, verb.params)
        headers = {"user-agent": "Twilio.TmeWs/1.0"}
        if self._config.sign_streams:
            headers["x-twilio-signature"] = sign(self._config.auth_token, url)
        call.write_log("stream", sid)
        self._send_event(call, verb, sid, "stream-started")
        try:
            end = await line.stream(self._client.session, url, TwilioStreamMessages(identity), headers=headers)
        except BadUrl as error:
            return self._report_failure(call, verb, sid, _bad_url_code(url), str(error))
        except CannotConnect as error:
            return self._report_failure(call, verb, sid, _CONNECT_ERROR_CODES[error.kind], str(error))
        if end.by == "broken":
            code = _BROKEN_CODE if end.code in _NO_CLOSE_FRAME else _CLOSED_CODE
            self._report_failure(call, verb, sid, code, f"close code {end.code}")
            if code == _BROKEN_CODE and not self._config.goes_on_after_broken_stream:
                await call.stop.wait()
            return
        call.write_log("stream-over", end.by)
        self._send_event(call, verb, sid, "stream-stopped")

    def _report_failure(self, call: TwilioCall, verb: ConnectStreamVerb, sid: str, code: int, why: str) -> None:
        call.write_log("error", why, code)
        self._send_event(call, verb, sid, "stream-error", f"{code} {why}")

    def _send_event(self, call: TwilioCall, verb: ConnectStreamVerb, sid: str, event: str, error: str = "") -> None:
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
        callback = StatusCallback(verb.status_callback, verb.status_callback_method)
        self._webhooks.send_callback(callback, fields, call.phone)


def _bad_url_code(url: str) -> int:
    """Return the error code (docs: api/errors): 31920 for a query string, 31922 for another scheme, 31923 otherwise."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return 31923
    if parts.scheme not in ("ws", "wss"):
        return 31922
    return 31920 if parts.query else 31923
