"""The part of Telnyx's REST API that we use, from its documentation."""

from itertools import count
from typing import Any

from aiohttp import web

from tests.control.carriers.peer import CarrierPeer

KEY = "KEY-of-the-account"
CONNECTION = "1494404757140276705"
WAV = b"RIFF" + bytes(range(256)) * 8
ENDED = "v3:ended"
RECORDING = "2f1b1a1e-0000-4000-8000-000000000001"


class TelnyxPeer(CarrierPeer):
    """numbers: of the account, by id. order_polls: how often an order is pending before it succeeds. omits_reference:
    whether a bought number lacks the order's reference. requirement: what orders wait for, in Telnyx's words."""

    refusal = (401, {"errors": [{"code": "10009", "title": "Authentication failed", "detail": "+14155550123"}]})

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.dialed: dict[str, str] = {}
        self.active: list[dict[str, Any]] = []
        self.order_polls = 1
        self.omits_reference = False
        self.requirement = ""
        self.market = [f"+1415555{n:04}" for n in range(100, 160)]
        self._ids = count(1)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/available_phone_numbers", self._available),
            web.get("/v2/phone_numbers", self._owned),
            web.patch("/v2/phone_numbers/{id}", self._update),
            web.delete("/v2/phone_numbers/{id}", self._release),
            web.get("/v2/number_orders", self._orders),
            web.post("/v2/number_orders", self._order),
            web.get("/v2/number_orders/{id}", self._poll),
            web.get("/v2/connections/{id}/active_calls", self._active),
            web.post("/v2/calls", self._dial),
            web.post("/v2/calls/{id}/actions/{action}", self._act),
            web.get("/v2/recordings", self._recordings),
            web.get("/v2/recordings/{id}", self._recording),
            web.delete("/v2/recordings/{id}", self._recording),
            web.get("/storage/{name}", self._stored),
        ]

    def add_number(self, phone_number: str, reference: str = "") -> dict[str, Any]:
        """Adds a number to the account."""
        row = {
            "id": str(next(self._ids)), "record_type": "phone_number", "phone_number": phone_number,
            "status": "active", "customer_reference": reference or None, "connection_id": None,
        }  # fmt: skip
        self.numbers[row["id"] or ""] = row
        return row

    async def _available(self, request: web.Request) -> web.Response:
        query = request.query
        start = "+1" + query.get("filter[national_destination_code]", "")
        end = query.get("filter[phone_number][ends_with]", "")
        found = [number for number in self.market if number.startswith(start) and number.endswith(end)]
        rows = [
            {"record_type": "available_phone_number", "phone_number": number,
             "cost_information": {"upfront_cost": "1.00", "monthly_cost": "1.05", "currency": "USD"},
             "features": [{"name": "voice"}, {"name": "sms"}],
             "region_information": [{"region_type": "state", "region_name": "CA"},
                                    {"region_type": "rate_center", "region_name": "SAN FRANCISCO"}]}
            for number in found[: int(query.get("filter[limit]", "100"))]
        ]  # fmt: skip
        return web.json_response({"data": rows, "meta": {"total_results": len(rows), "best_effort_results": 0}})

    async def _owned(self, request: web.Request) -> web.Response:
        searched = request.query["filter[phone_number]"]
        rows = [number for number in self.numbers.values() if searched in number["phone_number"]]
        return web.json_response({"data": rows, "meta": {"page_number": 1, "total_pages": 1}})

    async def _update(self, request: web.Request) -> web.Response:
        row = self.numbers.get(request.match_info["id"])
        if row is None:
            return _missing()
        row |= await request.json()
        return web.json_response({"data": row})

    async def _release(self, request: web.Request) -> web.Response:
        row = self.numbers.pop(request.match_info["id"], None)
        if row is None:
            return _missing()
        self.market.append(row["phone_number"])
        return web.json_response({"data": row | {"status": "deleted"}})

    async def _orders(self, request: web.Request) -> web.Response:
        searched = request.query["filter[customer_reference]"]
        rows = [order for order in self.orders.values() if order["customer_reference"] == searched]
        return web.json_response({"data": rows, "meta": {"page_number": 1, "total_pages": 1}})

    async def _order(self, request: web.Request) -> web.Response:
        body = await request.json()
        order = {
            "id": f"order-{next(self._ids)}", "status": "pending", "customer_reference": body["customer_reference"],
            "connection_id": body["connection_id"], "polls": 0,
            "phone_numbers": [{"id": "place", "status": "pending"} | number for number in body["phone_numbers"]],
        }  # fmt: skip
        self.orders[order["id"]] = order
        if self.order_polls == 0:
            self._settle(order)
        return web.json_response({"data": order})

    async def _poll(self, request: web.Request) -> web.Response:
        order = self.orders.get(request.match_info["id"])
        if order is None:
            return _missing()
        order["polls"] += 1
        if self.requirement:
            order["phone_numbers"][0]["requirements_status"] = self.requirement
        elif order["status"] == "pending" and order["polls"] >= self.order_polls:
            self._settle(order)
        return web.json_response({"data": order})

    def _settle(self, order: dict[str, Any]) -> None:
        number = order["phone_numbers"][0]["phone_number"]
        order["status"] = "success" if number in self.market else "failure"
        if number in self.market:
            self.market.remove(number)
            self.add_number(number, "" if self.omits_reference else order["customer_reference"])

    async def _dial(self, request: web.Request) -> web.Response:
        body = await request.json()
        call = self.dialed.setdefault(body["command_id"], f"v3:call-{next(self._ids)}")
        answer = {"record_type": "call", "call_control_id": call, "call_leg_id": "leg", "call_session_id": "session"}
        return web.json_response({"data": answer | {"is_alive": False}})

    async def _active(self, request: web.Request) -> web.Response:
        rows = self.active if request.match_info["id"] == CONNECTION else []
        start = (int(request.query.get("page[number]", request.query.get("page_number", "1"))) - 1) * 2
        meta = {"page_number": start // 2 + 1, "total_pages": -(-len(rows) // 2), "total_results": len(rows)}
        return web.json_response({"data": rows[start : start + 2], "meta": meta})

    async def _act(self, request: web.Request) -> web.Response:
        if request.match_info["id"] == ENDED:
            return _refused(422, "90018", "Call has already ended")
        return web.json_response({"data": {"result": "ok"}})

    async def _recordings(self, request: web.Request) -> web.Response:
        leg = request.query["filter[call_leg_id]"]
        rows = [{"id": RECORDING, "call_leg_id": leg}] if leg == "leg-with-one" else []
        return web.json_response({"data": rows, "meta": {"page_number": 1, "total_pages": 1}})

    async def _recording(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != RECORDING:
            return _missing()
        urls = {"wav": f"{self.url}/storage/one.wav", "mp3": f"{self.url}/storage/one.mp3"}
        return web.json_response({"data": {"id": RECORDING, "status": "completed", "download_urls": urls}})

    async def _stored(self, request: web.Request) -> web.Response:
        if request.match_info["name"] != "one.wav":
            return web.Response(status=403, text="expired")
        return web.Response(body=WAV, content_type="audio/wav")


def _missing() -> web.Response:
    return _refused(404, "10005", "Resource not found")


def _refused(status: int, code: str, title: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "title": title, "detail": title}]}, status=status)
