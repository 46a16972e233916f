"""Prices by REST, as strings (docs: voice/pricing, phone-numbers/pricing): one list for every country."""

from aiohttp import web

from simulator.carrier.network.twilio_side.rest import Gate, Json

_NUMBERS = {"local": "1.15", "toll free": "2.15", "mobile": "1.15"}
_INBOUND = {"local": "0.0085", "toll free": "0.0220"}
_OUTBOUND = "0.0140"
_NAMES = {"US": "United States", "CA": "Canada", "GB": "United Kingdom", "DE": "Germany"}


class PricingApi:
    """pricing.twilio.com's paths, on this host."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        """Numbers (v1) and voice (v2)."""
        return [
            web.get("/v1/PhoneNumbers/Countries/{country}", self._gate.guarded(self.numbers)),
            web.get("/v2/Voice/Countries/{country}", self._gate.guarded(self.voice)),
            web.get("/v2/Voice/Numbers/{number}", self._gate.guarded(self.number)),
        ]

    async def numbers(self, request: web.Request) -> web.Response:
        """What a number costs a month."""
        prices = [_price(price, number_type=kind) for kind, price in _NUMBERS.items()]
        return web.json_response({**_country(request), "phone_number_prices": prices})

    async def voice(self, request: web.Request) -> web.Response:
        """What a minute costs, out and in."""
        outbound = {"prefixes": ["1"], "friendly_name": "All", **_price(_OUTBOUND), "origination_prefixes": ["ALL"]}
        inbound = [_price(price, number_type=kind) for kind, price in _INBOUND.items()]
        body = {**_country(request), "outbound_prefix_prices": [outbound], "inbound_call_prices": inbound}
        return web.json_response(body)

    async def number(self, request: web.Request) -> web.Response:
        """What a minute to one number costs."""
        body: Json = {
            "destination_number": request.match_info["number"],
            "origination_number": request.query.get("OriginationNumber"),
            "country": "United States",
            "iso_country": "US",
            "price_unit": "USD",
            "outbound_call_prices": [{**_price(_OUTBOUND), "origination_prefixes": ["ALL"]}],
            "inbound_call_price": _price(_INBOUND["local"], number_type="local"),
        }
        return web.json_response(body)


def _country(request: web.Request) -> Json:
    code = request.match_info["country"].upper()
    return {"country": _NAMES.get(code, code), "iso_country": code, "price_unit": "USD", "url": str(request.url)}


def _price(price: str, **more: str) -> Json:
    return {"base_price": price, "current_price": price, **more}
