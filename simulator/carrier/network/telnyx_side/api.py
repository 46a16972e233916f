"""The REST interface: routes, the key, JSON in and out, errors in one shape."""

import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from simulator.carrier.network.telnyx_side.actions import Actions
from simulator.carrier.network.telnyx_side.calls import Calls
from simulator.carrier.network.telnyx_side.config import TelnyxConfig
from simulator.carrier.network.telnyx_side.entries import shown_number, shown_order
from simulator.carrier.network.telnyx_side.events import iso
from simulator.carrier.network.telnyx_side.fields import Body
from simulator.carrier.network.telnyx_side.leg import Leg
from simulator.carrier.network.telnyx_side.market import read_wanted, search, shown_offer
from simulator.carrier.network.telnyx_side.numbers import Numbers
from simulator.carrier.network.telnyx_side.problems import TelnyxProblem, malformed, unauthorised
from simulator.carrier.network.telnyx_side.recordings import Recordings

Json = dict[str, object]
Handler = Callable[[web.Request], Awaitable[web.Response]]
Answering = Callable[[web.Request, Body], Json]

_PAGE = 20
_MOST_PAGE = 250


class Api:
    """Telnyx's REST interface over the account's parts."""

    def __init__(
        self, config: TelnyxConfig, calls: Calls, actions: Actions, numbers: Numbers, recordings: Recordings
    ) -> None:
        self.fail_next: deque[int] = deque()
        self.lose_next: deque[int] = deque()
        self._config = config
        self._calls, self._actions, self._numbers, self._recordings = calls, actions, numbers, recordings

    def routes(self) -> list[web.RouteDef]:
        """All under /v2."""
        answering: list[tuple[str, str, Answering]] = [
            ("POST", "/calls", self._dial),
            ("GET", "/calls/{call}", self._call),
            ("POST", "/calls/{call}/actions/{command}", self._command),
            ("GET", "/available_phone_numbers", self._available),
            ("POST", "/number_reservations", self._reserve),
            ("POST", "/number_orders", self._order),
            ("GET", "/number_orders", self._orders),
            ("GET", "/number_orders/{order}", self._one_order),
            ("GET", "/phone_numbers", self._owned),
            ("GET", "/phone_numbers/{number}", self._one_owned),
            ("PATCH", "/phone_numbers/{number}", self._change),
            ("DELETE", "/phone_numbers/{number}", self._release),
            ("GET", "/recordings", self._recorded),
            ("GET", "/recordings/{recording}", self._one_recording),
            ("DELETE", "/recordings/{recording}", self._delete_recording),
        ]
        routes = [web.route(method, f"/v2{path}", self._keyed(answer)) for method, path, answer in answering]
        return [*routes, web.get("/v2/recordings/{recording}/media.{format}", self._media)]

    # --- Calls ----------------------------------------------------------------------------------------------------

    def _dial(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_leg(self._calls.dial(body))}

    def _call(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_leg(self._calls.leg(request.match_info["call"]))}

    def _command(self, request: web.Request, body: Body) -> Json:
        return {"data": self._actions.take(request.match_info["call"], request.match_info["command"], body)}

    # --- Numbers --------------------------------------------------------------------------------------------------

    def _available(self, request: web.Request, body: Body) -> Json:
        found = [shown_offer(offer) for offer in search(read_wanted(request.query), self._numbers.free)]
        meta = {"total_results": len(found), "best_effort_results": 0}
        return {"data": found, "meta": meta, "metadata": meta}

    def _reserve(self, request: web.Request, body: Body) -> Json:
        return {"data": self._numbers.reserve(body)}

    def _order(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_order(self._numbers.order(body))}

    def _orders(self, request: web.Request, body: Body) -> Json:
        reference, status = (request.query.get(f"filter[{name}]", "") for name in ("customer_reference", "status"))
        found = self._numbers.orders(customer_reference=reference, status=status)
        return _page(request.query, [shown_order(order) for order in found])

    def _one_order(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_order(self._numbers.find_order(request.match_info["order"]))}

    def _owned(self, request: web.Request, body: Body) -> Json:
        found = self._numbers.owned(
            number=request.query.get("filter[phone_number]", ""),
            connection_id=request.query.get("filter[connection_id]", ""),
            customer_reference=request.query.get("filter[customer_reference]", ""),
            tag=request.query.get("filter[tag]", ""),
        )
        return _page(request.query, [shown_number(owned) for owned in found])

    def _one_owned(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_number(self._numbers.get(request.match_info["number"]))}

    def _change(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_number(self._numbers.change(request.match_info["number"], body))}

    def _release(self, request: web.Request, body: Body) -> Json:
        return {"data": shown_number(self._numbers.release(request.match_info["number"])) | {"status": "deleted"}}

    # --- Recordings -----------------------------------------------------------------------------------------------

    def _recorded(self, request: web.Request, body: Body) -> Json:
        names = {"call_leg_id": "leg_id", "call_session_id": "session_id", "call_control_id": "control_id"}
        asked = {ours: request.query.get(f"filter[{theirs}]") for theirs, ours in names.items()}
        found = self._recordings.saved(**{name: value for name, value in asked.items() if value})
        return _page(request.query, [self._recordings.shown(recording) for recording in found])

    def _one_recording(self, request: web.Request, body: Body) -> Json:
        return {"data": self._recordings.shown(self._recordings.get(request.match_info["recording"]))}

    def _delete_recording(self, request: web.Request, body: Body) -> Json:
        return {"data": self._recordings.shown(self._recordings.delete(request.match_info["recording"]))}

    async def _media(self, request: web.Request) -> web.Response:
        """Without a key: the URL itself says who may."""
        query = request.query
        try:
            sound = self._recordings.media(
                request.match_info["recording"], query.get("expires", ""), query.get("signature", "")
            )
        except TelnyxProblem as problem:
            return web.json_response(problem.body(), status=problem.status)
        kind = "audio/wav" if request.match_info["format"] == "wav" else "audio/mpeg"
        return web.Response(body=sound, content_type=kind)

    # --- Around all of them ---------------------------------------------------------------------------------------

    def _keyed(self, answer: Answering) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                self._admit(request)
                answered = answer(request, await _body(request))
                _fail(self.lose_next)
                return web.json_response(answered)
            except TelnyxProblem as problem:
                return web.json_response(problem.body(), status=problem.status)

        return handle

    def _admit(self, request: web.Request) -> None:
        """Raises TelnyxProblem."""
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._config.api_key}".encode()):
            raise unauthorised()
        _fail(self.fail_next)


def _fail(statuses: deque[int]) -> None:
    """Raises TelnyxProblem with the next of them."""
    if statuses:
        raise TelnyxProblem(statuses.popleft(), "10007", "Unexpected error", "An unexpected error occurred.")


def shown_leg(leg: Leg) -> Json:
    """A leg as the API shows it."""
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
    """One page of a list, counted from 1."""
    number = _counted(query.get("page[number]"), 1, 1_000_000)
    size = _counted(query.get("page[size]"), _PAGE, _MOST_PAGE)
    pages = max(1, -(-len(items) // size))
    meta = {"page_number": number, "page_size": size, "total_pages": pages, "total_results": len(items)}
    return {"data": items[(number - 1) * size : number * size], "meta": meta}


def _counted(given: str | None, default: int, most: int) -> int:
    return min(int(given), most) if given is not None and given.isdecimal() and int(given) else default


async def _body(request: web.Request) -> Body:
    """The JSON object; {} without a body. Raises TelnyxProblem."""
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
