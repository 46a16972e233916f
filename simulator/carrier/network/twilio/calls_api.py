"""The REST resource of calls: create, fetch, end, redirect (docs: voice/api/call-resource)."""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web
from multidict import MultiDict

from simulator.carrier.network.twilio.call_registry import CallRegistry
from simulator.carrier.network.twilio.dial_verb import DESTINATION
from simulator.carrier.network.twilio.machine_detection import MachineDetection
from simulator.carrier.network.twilio.model import (
    EVENTS,
    DocumentSource,
    StatusCallback,
    TwilioCall,
    TwilioConfig,
    fresh_sid,
)
from simulator.carrier.network.twilio.outbound_calls import CallRequest
from simulator.carrier.network.twilio.request_rate import RequestRate
from simulator.carrier.network.twilio.rest import (
    API,
    Json,
    RequestGuard,
    RestError,
    boolean,
    form,
    integer,
    not_found,
    page,
    required,
    rfc2822,
)
from simulator.carrier.network.twilio.twiml import TwimlError, read_twiml

_MAX_TWIML = 4_000
_ENDED = "Call is not in-progress. Cannot redirect."


class CallsApi:
    """Request handlers of the calls.

    Args:
        place: Starts a call.
    """

    def __init__(
        self,
        config: TwilioConfig,
        guard: RequestGuard,
        registry: CallRegistry,
        owns: Callable[[str], bool],
        place: Callable[[TwilioCall, CallRequest], None],
    ) -> None:
        self._config, self._guard, self._registry, self._owns, self._place = config, guard, registry, owns, place
        self._create_rate = RequestRate(config.create_requests_per_second)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of calls and of the account itself."""
        return [
            web.get(f"{API}.json", self._guard.guarded(self.account)),
            web.post(f"{API}/Calls.json", self._guard.guarded(self.create)),
            web.get(f"{API}/Calls.json", self._guard.guarded(self.list)),
            web.get(f"{API}/Calls/{{sid:CA[0-9a-f]+}}.json", self._guard.guarded(self.fetch)),
            web.post(f"{API}/Calls/{{sid:CA[0-9a-f]+}}.json", self._guard.guarded(self.update)),
        ]

    async def account(self, request: web.Request) -> web.Response:
        """Return the account, which clients fetch to check their credentials."""
        sid = self._config.account_sid
        return web.json_response(
            {"sid": sid, "friendly_name": "Simulated", "status": "active", "type": "Full", "owner_account_sid": sid}
        )

    async def create(self, request: web.Request) -> web.Response:
        """Create a call and return 201 with the queued call."""
        self._create_rate.admit()
        fields = await form(request)
        called, caller = required(fields, "To", 21201), required(fields, "From", 21213)
        if DESTINATION.fullmatch(called) is None:
            raise RestError(400, 21217, f"Phone number does not appear to be valid: {called}")
        if not self._owns(caller):
            raise RestError(400, 21210, f"From phone number not owned or verified by this account: {caller}")
        _check_faults(self._config, called)
        call = TwilioCall(fresh_sid("CA"), "outbound-api", caller, called, callback=_callback(fields))
        call_request = _read_call_request(fields)
        if fields.get("MachineDetection") and boolean(fields, "AsyncAmd") and not fields.get("AsyncAmdStatusCallback"):
            call.write_log("warning", "AMD without a callback", 21262)
        self._place(call, call_request)
        return web.json_response(call_json(self._config, call), status=201)

    async def list(self, request: web.Request) -> web.Response:
        """List calls, latest first, with filters To, From, Status, StartTime (also < and >), EndTime and
        ParentCallSid.
        """
        calls = [call for call in reversed(self._registry.calls.values()) if _matches(call, request)]
        return page(request, "calls", [call_json(self._config, call) for call in calls])

    async def fetch(self, request: web.Request) -> web.Response:
        """Return a call."""
        return web.json_response(call_json(self._config, self._call(request)))

    async def update(self, request: web.Request) -> web.Response:
        """End a call (Status) or redirect it (Url or Twiml)."""
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
            call.redirect_to(_source(fields))
        return web.json_response(call_json(self._config, call))

    def _call(self, request: web.Request) -> TwilioCall:
        call = self._registry.calls.get(request.match_info["sid"])
        if call is None:
            raise not_found(request)
        return call


def _check_faults(config: TwilioConfig, called: str) -> None:
    """Raise RestError for a call that the account may not make at all or now."""
    match config.faults.take_refusal(called):
        case "too_many":
            raise RestError(429, 20429, "Too Many Requests")
        case "not_permitted":
            raise RestError(400, 21215, f"Account not authorized to call {called}")


def call_json(config: TwilioConfig, call: TwilioCall) -> Json:
    """Return a call in the API's format."""
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
        "price": call.price(config.rated_after_s),
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


def _read_call_request(fields: MultiDict[str]) -> CallRequest:
    record = None
    if boolean(fields, "Record"):
        events = tuple(fields.get("RecordingStatusCallbackEvent", "completed").split())
        record = StatusCallback(
            fields.get("RecordingStatusCallback", ""), fields.get("RecordingStatusCallbackMethod", "POST"), events
        )
    return CallRequest(
        source=_source(fields),
        timeout_s=integer(fields, "Timeout", 60, 1, 600),
        time_limit_s=integer(fields, "TimeLimit", 14_400, 1, 86_400),
        detection=None if fields.get("SendDigits") else _detection(fields),
        record=record,
        record_dual=fields.get("RecordingChannels") == "dual",
    )


def _source(fields: MultiDict[str]) -> DocumentSource:
    """Read Url, or Twiml if there is no Url. Raises RestError."""
    if url := fields.get("Url"):
        fallback = fields.get("FallbackUrl", "")
        return DocumentSource(url, fields.get("Method", "POST"), fallback, fields.get("FallbackMethod", "POST"))
    twiml = fields.get("Twiml", "")
    if not twiml:
        raise RestError(400, 21205, "Url, Twiml or ApplicationSid is required")
    if len(twiml) > _MAX_TWIML:
        raise RestError(400, 21206, f"Twiml is at most {_MAX_TWIML} characters")
    try:
        return DocumentSource(document=read_twiml(twiml))
    except TwimlError as error:
        raise RestError(400, 12100, f"Twiml: {error}") from error


def _callback(fields: MultiDict[str]) -> StatusCallback:
    events = tuple(word for value in fields.getall("StatusCallbackEvent", []) for word in value.split())
    for event in events:
        if event not in EVENTS:
            raise RestError(400, 21626, f"Invalid StatusCallbackEvent: {event}")
    url, method = fields.get("StatusCallback", ""), fields.get("StatusCallbackMethod", "POST")
    return StatusCallback(url, method, events or ("completed",))


def _detection(fields: MultiDict[str]) -> MachineDetection | None:
    mode = fields.get("MachineDetection", "")
    if mode not in ("Enable", "DetectMessageEnd"):
        return None
    url, method = fields.get("AsyncAmdStatusCallback", ""), fields.get("AsyncAmdStatusCallbackMethod", "POST")
    return MachineDetection(mode == "DetectMessageEnd", boolean(fields, "AsyncAmd"), StatusCallback(url, method))


def _matches(call: TwilioCall, request: web.Request) -> bool:
    exact = {"To": call.called, "From": call.caller, "Status": call.status, "ParentCallSid": call.parent_sid or ""}
    if any(name in request.query and request.query[name] != value for name, value in exact.items()):
        return False
    return all(
        _within(request, name, moment)
        for name, moment in (("StartTime", call.answered or call.created), ("EndTime", call.ended))
    )


def _within(request: web.Request, name: str, moment: datetime | None) -> bool:
    """Return whether a time matches. `Name=` matches the day, `Name<=` until, `Name>=` from; values are a day or an ISO
    time.
    """
    for suffix in ("", "<", ">"):
        text = request.query.get(name + suffix)
        if not text:
            continue
        if moment is None:
            return False
        limit = _read_time(name, text)
        fits = {"": moment.date() == limit.date(), "<": moment <= limit, ">": moment >= limit}
        if not fits[suffix]:
            return False
    return True


def _read_time(name: str, text: str) -> datetime:
    try:
        limit = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise RestError(400, 20001, f"{name} must be a date") from None
    return limit if limit.tzinfo is not None else limit.replace(tzinfo=UTC)
