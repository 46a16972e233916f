"""Numbers by REST: searching, buying, changing, giving back (docs: phone-numbers/api)."""

import fnmatch
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from aiohttp import web

from simulator.carrier.network.inventory import Owned, Taken
from simulator.carrier.network.stock import ForSale, Kind, for_sale
from simulator.carrier.network.twilio_side.dialling import E164
from simulator.carrier.network.twilio_side.model import TwilioConfig, sid_of
from simulator.carrier.network.twilio_side.rest import (
    API,
    Gate,
    Json,
    RestError,
    form,
    integer,
    not_found,
    page,
    rfc2822,
)
from simulator.carrier.network.world import World

_KINDS: dict[str, Kind] = {"Local": "local", "TollFree": "toll_free", "Mobile": "mobile"}
_SETTINGS = (
    "FriendlyName",
    "VoiceUrl",
    "VoiceMethod",
    "VoiceFallbackUrl",
    "VoiceFallbackMethod",
    "StatusCallback",
    "StatusCallbackMethod",
    "VoiceApplicationSid",
    "TrunkSid",
    "AddressSid",
    "BundleSid",
)
_MOST_SEARCHED = 200_000


class NumbersApi:
    """The handlers over the world's inventory."""

    def __init__(self, config: TwilioConfig, gate: Gate, world: World) -> None:
        self._config, self._gate, self._world = config, gate, world

    def routes(self) -> list[web.RouteDef]:
        """Available and incoming numbers."""
        one = f"{API}/IncomingPhoneNumbers/{{sid:PN[0-9a-f]+}}.json"
        return [
            web.get(f"{API}/AvailablePhoneNumbers/{{country}}/{{kind}}.json", self._gate.guarded(self.available)),
            web.post(f"{API}/IncomingPhoneNumbers.json", self._gate.guarded(self.buy)),
            web.get(f"{API}/IncomingPhoneNumbers.json", self._gate.guarded(self.list)),
            web.get(one, self._gate.guarded(self.fetch)),
            web.post(one, self._gate.guarded(self.update)),
            web.delete(one, self._gate.guarded(self.release)),
        ]

    async def available(self, request: web.Request) -> web.Response:
        """Numbers that can be bought now, at most PageSize."""
        kind = _KINDS.get(request.match_info["kind"])
        if kind is None:
            raise not_found(request)
        size = integer(request.query, "PageSize", 50, 1, 1_000)
        found = islice(self._free(request.match_info["country"].upper(), kind, request), size)
        body: Json = {"available_phone_numbers": [_available_json(sale) for sale in found], "uri": str(request.rel_url)}
        return web.json_response(body)

    async def buy(self, request: web.Request) -> web.Response:
        """201 and the number: the one that was named, or the first with the area code. 21422 when it is taken."""
        fields = await form(request)
        number = fields.get("PhoneNumber", "") or self._first(fields.get("AreaCode", ""))
        if E164.fullmatch(number) is None:
            raise RestError(400, 21421, f"PhoneNumber is invalid: {number}")
        owned = new_number(number, {name: fields[name] for name in _SETTINGS if name in fields})
        try:
            self._world.inventory.add(owned)
        except Taken as error:
            raise RestError(400, 21422, f"{number} is not available") from error
        return web.json_response(self._json(owned), status=201)

    async def list(self, request: web.Request) -> web.Response:
        """Filters PhoneNumber (digits of it, or with `*`) and FriendlyName."""
        pattern, name = request.query.get("PhoneNumber", ""), request.query.get("FriendlyName", "")
        shown = [
            self._json(owned)
            for owned in self._world.inventory.of("twilio")
            if _matches(owned.phone_number, pattern) and name in ("", owned.settings.get("FriendlyName"))
        ]
        return page(request, "incoming_phone_numbers", shown)

    async def fetch(self, request: web.Request) -> web.Response:
        """One number."""
        return web.json_response(self._json(self._owned(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Settings that are named are changed; a blank one is cleared."""
        owned, fields = self._owned(request), await form(request)
        self._world.inventory.change(owned, {name: fields[name] for name in _SETTINGS if name in fields})
        return web.json_response(self._json(owned))

    async def release(self, request: web.Request) -> web.Response:
        """204; it can be bought by somebody else at once."""
        self._world.inventory.remove(self._owned(request).phone_number)
        return web.Response(status=204)

    def _free(self, country: str, kind: Kind, request: web.Request) -> Iterator[ForSale]:
        contains, locality = request.query.get("Contains", ""), request.query.get("InLocality", "")
        region = request.query.get("InRegion", "")
        for sale in islice(for_sale(country, kind, request.query.get("AreaCode", "")), _MOST_SEARCHED):
            if (
                self._world.inventory.get(sale.phone_number) is None
                and _matches(sale.phone_number, contains)
                and locality in ("", sale.locality)
                and region in ("", sale.region)
            ):
                yield sale

    def _first(self, area_code: str) -> str:
        if not area_code:
            raise RestError(400, 21404, "PhoneNumber or AreaCode is required")
        sales = for_sale("US", "local", area_code)
        free = (sale.phone_number for sale in sales if self._world.inventory.get(sale.phone_number) is None)
        found = next(free, "")
        if not found:
            raise RestError(400, 21452, f"No phone numbers found in area code {area_code}")
        return found

    def _owned(self, request: web.Request) -> Owned:
        owned = self._world.inventory.by_id("twilio", request.match_info["sid"])
        if owned is None:
            raise not_found(request)
        return owned

    def _json(self, owned: Owned) -> Json:
        told = owned.settings
        return {
            "sid": owned.id,
            "account_sid": self._config.account_sid,
            "phone_number": owned.phone_number,
            "friendly_name": told.get("FriendlyName") or owned.phone_number,
            "voice_url": told.get("VoiceUrl") or "",
            "voice_method": told.get("VoiceMethod") or "POST",
            "voice_fallback_url": told.get("VoiceFallbackUrl") or "",
            "voice_fallback_method": told.get("VoiceFallbackMethod") or "POST",
            "status_callback": told.get("StatusCallback") or "",
            "status_callback_method": told.get("StatusCallbackMethod") or "POST",
            "voice_application_sid": told.get("VoiceApplicationSid") or None,
            "trunk_sid": told.get("TrunkSid") or None,
            "address_sid": told.get("AddressSid") or None,
            "bundle_sid": told.get("BundleSid") or None,
            "voice_caller_id_lookup": False,
            "address_requirements": "none",
            "beta": False,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "date_created": told.get("DateCreated"),
            "date_updated": told.get("DateCreated"),
            "origin": "twilio",
            "status": "in-use",
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{self._config.account_sid}/IncomingPhoneNumbers/{owned.id}.json",
        }


def new_number(phone_number: str, settings: dict[str, str]) -> Owned:
    """A number as it is bought; its id is the same each time."""
    created = rfc2822(datetime.now(UTC))
    return Owned("twilio", phone_number, sid_of("PN", phone_number), {**settings, "DateCreated": created})


def _matches(number: str, pattern: str) -> bool:
    """Part of the number; `*` stands for one digit in a search, as Twilio has it."""
    digits = pattern.lstrip("+")
    if not digits:
        return True
    return fnmatch.fnmatchcase(number.lstrip("+"), f"*{digits.replace('*', '?')}*")


def _available_json(sale: ForSale) -> Json:
    return {
        "friendly_name": sale.phone_number,
        "phone_number": sale.phone_number,
        "lata": None,
        "locality": sale.locality or None,
        "rate_center": None,
        "latitude": None,
        "longitude": None,
        "region": sale.region or None,
        "postal_code": None,
        "iso_country": sale.country,
        "address_requirements": "none",
        "beta": False,
        "capabilities": {"voice": True, "SMS": True, "MMS": sale.kind != "toll_free"},
    }
