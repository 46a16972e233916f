"""Calls by REST: placing, looking, ending, redirecting (docs: voice/api/call-resource)."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web
from multidict import MultiDict

from simulator.carrier.network.twilio_side.dialling import E164
from simulator.carrier.network.twilio_side.ledger import Ledger
from simulator.carrier.network.twilio_side.machine import Detection
from simulator.carrier.network.twilio_side.model import EVENTS, Call, Callback, Source, TwilioConfig, fresh_sid
from simulator.carrier.network.twilio_side.placing import Wish
from simulator.carrier.network.twilio_side.rest import (
    API,
    Gate,
    Json,
    RestError,
    form,
    integer,
    not_found,
    page,
    required,
    rfc2822,
    truth,
)
from simulator.carrier.network.twilio_side.twiml import TwimlError, read_twiml

_MOST_TWIML = 4_000
_ENDED = "Call is not in-progress. Cannot redirect."


class CallsApi:
    """The handlers over the ledger. place: begins a call."""

    def __init__(
        self,
        config: TwilioConfig,
        gate: Gate,
        ledger: Ledger,
        owns: Callable[[str], bool],
        place: Callable[[Call, Wish], None],
    ) -> None:
        self._config, self._gate, self._ledger, self._owns, self._place = config, gate, ledger, owns, place

    def routes(self) -> list[web.RouteDef]:
        """The account itself is here too."""
        return [
            web.get(f"{API}.json", self._gate.guarded(self.account)),
            web.post(f"{API}/Calls.json", self._gate.guarded(self.create)),
            web.get(f"{API}/Calls.json", self._gate.guarded(self.list)),
            web.get(f"{API}/Calls/{{sid:CA[0-9a-f]+}}.json", self._gate.guarded(self.fetch)),
            web.post(f"{API}/Calls/{{sid:CA[0-9a-f]+}}.json", self._gate.guarded(self.update)),
        ]

    async def account(self, request: web.Request) -> web.Response:
        """The account, as a check of credentials asks for it."""
        sid = self._config.account_sid
        return web.json_response(
            {"sid": sid, "friendly_name": "Simulated", "status": "active", "type": "Full", "owner_account_sid": sid}
        )

    async def create(self, request: web.Request) -> web.Response:
        """201 and the call, which is queued."""
        fields = await form(request)
        called, caller = required(fields, "To", 21201), required(fields, "From", 21213)
        if E164.fullmatch(called) is None:
            raise RestError(400, 21217, f"Phone number does not appear to be valid: {called}")
        if not self._owns(caller):
            raise RestError(400, 21210, f"From phone number not owned or verified by this account: {caller}")
        call = Call(fresh_sid("CA"), "outbound-api", caller, called, callback=_callback(fields))
        wish = _wish(fields)
        if fields.get("MachineDetection") and truth(fields, "AsyncAmd") and not fields.get("AsyncAmdStatusCallback"):
            call.note("warning", "AMD without a callback", 21262)
        self._place(call, wish)
        return web.json_response(call_json(self._config, call), status=201)

    async def list(self, request: web.Request) -> web.Response:
        """The latest first; filters To, From, Status, StartTime (and < and >), EndTime, ParentCallSid."""
        calls = [call for call in reversed(self._ledger.calls.values()) if _asked_for(call, request)]
        return page(request, "calls", [call_json(self._config, call) for call in calls])

    async def fetch(self, request: web.Request) -> web.Response:
        """One call."""
        return web.json_response(call_json(self._config, self._call(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Status ends a call; Url or Twiml leads it elsewhere."""
        call, fields = self._call(request), await form(request)
        if call.over:
            raise RestError(400, 21220, _ENDED)
        status = fields.get("Status", "")
        if status not in ("", "canceled", "completed"):
            raise RestError(400, 21218, f"Invalid status: {status}")
        if fields.get("Url") and fields.get("Twiml"):
            raise RestError(400, 21203, "Url and Twiml are mutually exclusive")
        if fields.get("StatusCallback"):
            call.callback = _callback(fields)
        if status == "completed" or (status == "canceled" and call.line is None):
            call.end("canceled")
        elif fields.get("Url") or fields.get("Twiml"):
            if call.line is None:
                raise RestError(400, 21220, _ENDED)
            call.move(_source(fields))
        return web.json_response(call_json(self._config, call))

    def _call(self, request: web.Request) -> Call:
        call = self._ledger.calls.get(request.match_info["sid"])
        if call is None:
            raise not_found(request)
        return call


def call_json(config: TwilioConfig, call: Call) -> Json:
    """A call as it stands in an answer."""
    uri = f"/2010-04-01/Accounts/{config.account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "account_sid": config.account_sid,
        "parent_call_sid": call.parent_sid,
        "phone_number_sid": call.phone_number_sid,
        "from": call.caller,
        "from_formatted": call.caller,
        "to": call.called,
        "to_formatted": call.called,
        "status": call.status,
        "direction": call.direction,
        "answered_by": call.answered_by,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.updated),
        "start_time": rfc2822(call.answered),
        "end_time": rfc2822(call.ended),
        "duration": str(call.duration_s) if call.over else None,
        "price": None,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
    }


def _wish(fields: MultiDict[str]) -> Wish:
    record = None
    if truth(fields, "Record"):
        events = tuple(fields.get("RecordingStatusCallbackEvent", "completed").split())
        record = Callback(
            fields.get("RecordingStatusCallback", ""), fields.get("RecordingStatusCallbackMethod", "POST"), events
        )
    return Wish(
        _source(fields),
        integer(fields, "Timeout", 60, 1, 600),
        integer(fields, "TimeLimit", 14_400, 1, 86_400),
        None if fields.get("SendDigits") else _detection(fields),
        record,
        fields.get("RecordingChannels") == "dual",
    )


def _source(fields: MultiDict[str]) -> Source:
    """Url counts when both are there, as on create. Raises RestError."""
    if url := fields.get("Url"):
        fallback = fields.get("FallbackUrl", "")
        return Source(url, fields.get("Method", "POST"), fallback, fields.get("FallbackMethod", "POST"))
    twiml = fields.get("Twiml", "")
    if not twiml:
        raise RestError(400, 21205, "Url, Twiml or ApplicationSid is required")
    if len(twiml) > _MOST_TWIML:
        raise RestError(400, 21206, f"Twiml is at most {_MOST_TWIML} characters")
    try:
        return Source(document=read_twiml(twiml))
    except TwimlError as error:
        raise RestError(400, 12100, f"Twiml: {error}") from error


def _callback(fields: MultiDict[str]) -> Callback:
    events = tuple(word for value in fields.getall("StatusCallbackEvent", []) for word in value.split())
    for event in events:
        if event not in EVENTS:
            raise RestError(400, 21626, f"Invalid StatusCallbackEvent: {event}")
    url, method = fields.get("StatusCallback", ""), fields.get("StatusCallbackMethod", "POST")
    return Callback(url, method, events or ("completed",))


def _detection(fields: MultiDict[str]) -> Detection | None:
    wanted = fields.get("MachineDetection", "")
    if wanted not in ("Enable", "DetectMessageEnd"):
        return None
    url, method = fields.get("AsyncAmdStatusCallback", ""), fields.get("AsyncAmdStatusCallbackMethod", "POST")
    return Detection(wanted == "DetectMessageEnd", truth(fields, "AsyncAmd"), Callback(url, method))


def _asked_for(call: Call, request: web.Request) -> bool:
    exact = {"To": call.called, "From": call.caller, "Status": call.status, "ParentCallSid": call.parent_sid or ""}
    if any(name in request.query and request.query[name] != value for name, value in exact.items()):
        return False
    return all(
        _within(request, name, moment)
        for name, moment in (("StartTime", call.answered or call.created), ("EndTime", call.ended))
    )


def _within(request: web.Request, name: str, moment: datetime | None) -> bool:
    """`Name=` is a day, `Name<=` not after, `Name>=` not before; a bare day or a full ISO time."""
    for suffix in ("", "<", ">"):
        text = request.query.get(name + suffix)
        if not text:
            continue
        if moment is None:
            return False
        told = _moment(name, text)
        fits = {"": moment.date() == told.date(), "<": moment <= told, ">": moment >= told}
        if not fits[suffix]:
            return False
    return True


def _moment(name: str, text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise RestError(400, 20001, f"{name} must be a date") from None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
