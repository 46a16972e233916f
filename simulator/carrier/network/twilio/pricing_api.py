"""The pricing API (docs: voice/pricing, phone-numbers/pricing). Prices are strings and equal for all countries."""

from aiohttp import web

from simulator.carrier.network.twilio.rest import Json, RequestGuard

_NUMBERS = {"local": "1.15", "toll free": "2.15", "mobile": "1.15"}
_INBOUND = {"local": "0.0085", "toll free": "0.0220"}
_OUTBOUND = "0.0140"
_NAMES = {"US": "United States", "CA": "Canada", "GB": "United Kingdom", "DE": "Germany"}


class PricingApi:
    """The resources of pricing.twilio.com, served on this host."""

    def __init__(self, guard: RequestGuard) -> None:
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of number prices (v1) and voice prices (v2)."""
        return [
            web.get("/v1/PhoneNumbers/Countries/{country}", self._guard.guarded(self.numbers)),
            web.get("/v2/Voice/Countries/{country}", self._guard.guarded(self.voice)),
            web.get("/v2/Voice/Numbers/{number}", self._guard.guarded(self.number)),
        ]

    async def numbers(self, request: web.Request) -> web.Response:
        """Return the monthly prices of numbers."""
        prices = [_price(price, number_type=kind) for kind, price in _NUMBERS.items()]
        return web.json_response({**_country(request), "phone_number_prices": prices})

    async def voice(self, request: web.Request) -> web.Response:
        """Return the prices per minute, outbound and inbound."""
        outbound = {"prefixes": ["1"], "friendly_name": "All", **_price(_OUTBOUND), "origination_prefixes": ["ALL"]}
        inbound = [_price(price, number_type=kind) for kind, price in _INBOUND.items()]
        body = {**_country(request), "outbound_prefix_prices": [outbound], "inbound_call_prices": inbound}
        return web.json_response(body)

    async def number(self, request: web.Request) -> web.Response:
        """Return the prices per minute of calls to a number."""
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
