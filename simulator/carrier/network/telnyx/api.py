"""The REST interface (api.telnyx.com/v2): routes, authentication, JSON bodies, errors."""

import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from simulator.carrier.network.telnyx.actions import CallActions
from simulator.carrier.network.telnyx.application import PROFILE_ID, application_json, profile_json
from simulator.carrier.network.telnyx.calls import Calls
from simulator.carrier.network.telnyx.conferences import TelnyxConferences
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.errors import TelnyxError, malformed, not_found, unauthorized
from simulator.carrier.network.telnyx.events import iso
from simulator.carrier.network.telnyx.fields import Body
from simulator.carrier.network.telnyx.leg import Leg
from simulator.carrier.network.telnyx.number_search import available_number_json, read_number_search, search_numbers
from simulator.carrier.network.telnyx.number_views import number_order_json, owned_number_json, sub_number_order_json
from simulator.carrier.network.telnyx.numbers import AccountNumbers
from simulator.carrier.network.telnyx.recordings import Recordings

Json = dict[str, object]
Handler = Callable[[web.Request], Awaitable[web.Response]]
JsonHandler = Callable[[web.Request, Body], Json]

_PAGE = 20
_MAX_PAGE = 250


class TelnyxApi:
    """Telnyx's REST API for the account."""

    def __init__(
        self,
        config: TelnyxConfig,
        calls: Calls,
        actions: CallActions,
        numbers: AccountNumbers,
        recordings: Recordings,
        conferences: TelnyxConferences,
    ) -> None:
        self.fail_next: deque[int] = deque()
        self.lose_next: deque[int] = deque()
        self._config, self._conferences = config, conferences
        self._calls, self._actions, self._numbers, self._recordings = calls, actions, numbers, recordings

    def routes(self) -> list[web.RouteDef]:
        """Return all routes, under /v2."""
        handlers: list[tuple[str, str, JsonHandler]] = [
            ("POST", "/calls", self._dial),
            ("GET", "/calls/{call}", self._call),
            ("GET", "/connections/{connection}/active_calls", self._active_calls),
            ("POST", "/calls/{call}/actions/{command}", self._command),
            ("POST", "/conferences", self._create_conference),
            ("POST", "/conferences/{conference}/actions/join", self._join_conference),
            ("GET", "/available_phone_numbers", self._available),
            ("POST", "/number_reservations", self._reserve),
            ("POST", "/number_orders", self._order),
            ("GET", "/number_orders", self._orders),
            ("GET", "/number_orders/{order}", self._one_order),
            ("PATCH", "/number_order_phone_numbers/{entry}", self._submit),
            ("PATCH", "/sub_number_orders/{part}/cancel", self._cancel),
            ("GET", "/addresses", self._list_addresses),
            *self._numbers.requirements.handlers(),
            ("GET", "/phone_numbers", self._list_owned),
            ("GET", "/phone_numbers/{number}", self._one_owned),
            ("PATCH", "/phone_numbers/{number}", self._change),
            ("DELETE", "/phone_numbers/{number}", self._release),
            ("GET", "/call_control_applications/{application}", self._application),
            ("GET", "/outbound_voice_profiles/{profile}", self._profile),
            ("GET", "/recordings", self._list_recordings),
            ("GET", "/recordings/{recording}", self._one_recording),
            ("DELETE", "/recordings/{recording}", self._delete_recording),
        ]
        routes = [web.route(method, f"/v2{path}", self._authenticated(answer)) for method, path, answer in handlers]
        return [*routes, web.get("/v2/recordings/{recording}/media.{format}", self._media)]

    # --- Calls ----------------------------------------------------------------------------------------------------

    def _dial(self, request: web.Request, body: Body) -> Json:
        return {"data": leg_json(self._calls.dial(body))}

    def _call(self, request: web.Request, body: Body) -> Json:
        return {"data": leg_json(self._calls.leg(request.match_info["call"]))}

    def _active_calls(self, request: web.Request, body: Body) -> Json:
        """Return the calls that are up or ringing (API reference: List all active calls for given connection)."""
        wanted = request.match_info["connection"]
        alive = [leg_json(leg) for leg in self._calls.legs.values() if leg.alive and leg.connection_id == wanted]
        names = ("call_control_id", "call_leg_id", "call_session_id", "client_state", "call_duration", "record_type")
        return _page(request.query, [{name: one[name] for name in names} for one in alive])

    def _command(self, request: web.Request, body: Body) -> Json:
        return {"data": self._actions.execute(request.match_info["call"], request.match_info["command"], body)}

    def _create_conference(self, request: web.Request, body: Body) -> Json:
        return {"data": self._conferences.create(body).to_json()}

    def _join_conference(self, request: web.Request, body: Body) -> Json:
        self._conferences.join(request.match_info["conference"], body)
        return {"data": {"result": "ok"}}

    # --- The account ----------------------------------------------------------------------------------------------

    def _application(self, request: web.Request, body: Body) -> Json:
        if request.match_info["application"] != self._config.connection_id:
            raise not_found()
        return {"data": application_json(self._config)}

    def _profile(self, request: web.Request, body: Body) -> Json:
        if request.match_info["profile"] != PROFILE_ID:
            raise not_found()
        return {"data": profile_json(self._config)}

    # --- Numbers --------------------------------------------------------------------------------------------------

    def _available(self, request: web.Request, body: Body) -> Json:
        found = [
            available_number_json(available)
            for available in search_numbers(read_number_search(request.query), self._numbers.free)
        ]
        meta = {"total_results": len(found), "best_effort_results": 0}
        return {"data": found, "meta": meta, "metadata": meta}

    def _reserve(self, request: web.Request, body: Body) -> Json:
        return {"data": self._numbers.reserve(body)}

    def _order(self, request: web.Request, body: Body) -> Json:
        return {"data": number_order_json(self._numbers.order(body))}

    def _orders(self, request: web.Request, body: Body) -> Json:
        reference, status = (request.query.get(f"filter[{name}]", "") for name in ("customer_reference", "status"))
        found = self._numbers.orders(customer_reference=reference, status=status)
        return _page(request.query, [number_order_json(order) for order in found])

    def _one_order(self, request: web.Request, body: Body) -> Json:
        return {"data": number_order_json(self._numbers.find_order(request.match_info["order"]))}

    def _cancel(self, request: web.Request, body: Body) -> Json:
        return {"data": sub_number_order_json(self._numbers.cancel(request.match_info["part"]))}

    def _submit(self, request: web.Request, body: Body) -> Json:
        """Store the values for the requirements of a number in an order."""
        order = self._numbers.submit(request.match_info["entry"], body)
        entries = number_order_json(order)["phone_numbers"]
        assert isinstance(entries, list)
        return {"data": next(entry for entry in entries if entry["id"] == request.match_info["entry"])}

    def _list_addresses(self, request: web.Request, body: Body) -> Json:
        return _page(request.query, self._numbers.requirements.list_addresses(request.query))

    def _list_owned(self, request: web.Request, body: Body) -> Json:
        found = self._numbers.owned(
            number=request.query.get("filter[phone_number]", ""),
            connection_id=request.query.get("filter[connection_id]", ""),
            customer_reference=request.query.get("filter[customer_reference]", ""),
            tag=request.query.get("filter[tag]", ""),
        )
        return _page(request.query, [owned_number_json(owned) for owned in found])

    def _one_owned(self, request: web.Request, body: Body) -> Json:
        return {"data": owned_number_json(self._numbers.get(request.match_info["number"]))}

    def _change(self, request: web.Request, body: Body) -> Json:
        return {"data": owned_number_json(self._numbers.change(request.match_info["number"], body))}

    def _release(self, request: web.Request, body: Body) -> Json:
        return {"data": owned_number_json(self._numbers.release(request.match_info["number"])) | {"status": "deleted"}}

    # --- Recordings -----------------------------------------------------------------------------------------------

    def _list_recordings(self, request: web.Request, body: Body) -> Json:
        names = {"call_leg_id": "leg_id", "call_session_id": "session_id", "call_control_id": "control_id"}
        filters = {ours: request.query.get(f"filter[{theirs}]") for theirs, ours in names.items()}
        found = self._recordings.saved(**{name: value for name, value in filters.items() if value})
        return _page(request.query, [self._recordings.json(recording) for recording in found])

    def _one_recording(self, request: web.Request, body: Body) -> Json:
        return {"data": self._recordings.json(self._recordings.get(request.match_info["recording"]))}

    def _delete_recording(self, request: web.Request, body: Body) -> Json:
        return {"data": self._recordings.json(self._recordings.delete(request.match_info["recording"]))}

    async def _media(self, request: web.Request) -> web.Response:
        """Serve a recording. An API key is not needed, because the URL is signed."""
        query = request.query
        try:
            content = self._recordings.media(
                request.match_info["recording"], query.get("expires", ""), query.get("signature", "")
            )
        except TelnyxError as problem:
            return web.json_response(problem.body(), status=problem.status)
        kind = "audio/wav" if request.match_info["format"] == "wav" else "audio/mpeg"
        return web.Response(body=content, content_type=kind)

    # --- Every request --------------------------------------------------------------------------------------------

    def _authenticated(self, answer: JsonHandler) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                self._authenticate(request)
                body = answer(request, await _body(request))
                _fail(self.lose_next)
                return web.json_response(body)
            except TelnyxError as problem:
                return web.json_response(problem.body(), status=problem.status)

        return handle

    def _authenticate(self, request: web.Request) -> None:
        """Check the API key. Raises TelnyxError."""
        value = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(value, f"Bearer {self._config.api_key}".encode()):
            raise unauthorized()
        _fail(self.fail_next)


def _fail(statuses: deque[int]) -> None:
    """Raise TelnyxError with the next of the statuses, if any."""
    if statuses:
        raise TelnyxError(statuses.popleft(), "10007", "Unexpected error", "An unexpected error occurred.")


def leg_json(leg: Leg) -> Json:
    """Return a leg in the API's format."""
    shown: Json = {
        "record_type": "call",
        "call_control_id": leg.control_id,
        "call_leg_id": leg.leg_id,
        "call_session_id": leg.session_id,
        "is_alive": leg.alive,
        "client_state": leg.client_state,
        "start_time": iso(leg.started_at),
        "call_duration": round(leg.seconds),
    }
    if leg.recording_id:
        shown["recording_id"] = leg.recording_id
    return shown | ({"end_time": iso(leg.ended_at)} if leg.ended_at is not None else {})


def _page(query: Mapping[str, str], items: list[Json]) -> Json:
    """Return a page of a list. Pages count from 1."""
    number = _page_parameter(query.get("page[number]"), 1, 1_000_000)
    size = _page_parameter(query.get("page[size]"), _PAGE, _MAX_PAGE)
    pages = max(1, -(-len(items) // size))
    meta = {"page_number": number, "page_size": size, "total_pages": pages, "total_results": len(items)}
    return {"data": items[(number - 1) * size : number * size], "meta": meta}


def _page_parameter(value: str | None, default: int, most: int) -> int:
    return min(int(value), most) if value is not None and value.isdecimal() and int(value) else default


async def _body(request: web.Request) -> Body:
    """Return the JSON object in a body; {} for an empty body. Raises TelnyxError."""
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise malformed("The request failed because it was not well-formed.") from error
    if not isinstance(body, dict):
        raise malformed("The body must be a JSON object.")
    return body
