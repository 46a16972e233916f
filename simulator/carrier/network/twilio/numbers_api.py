"""The REST resources of numbers: search, purchase, update, release (docs: phone-numbers/api)."""

import fnmatch
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from aiohttp import web

from simulator.carrier.network.available_numbers import AvailableNumber, NumberKind, list_available_numbers
from simulator.carrier.network.inventory import NumberTaken, OwnedNumber
from simulator.carrier.network.phone_network import PhoneNetwork
from simulator.carrier.network.twilio.dial_verb import E164
from simulator.carrier.network.twilio.model import TwilioConfig, sid_of
from simulator.carrier.network.twilio.number_rule import AddressRule
from simulator.carrier.network.twilio.regulation import Regulation
from simulator.carrier.network.twilio.rest import (
    API,
    Json,
    RequestGuard,
    RestError,
    form,
    integer,
    not_found,
    page,
    rfc2822,
)

_KINDS: dict[str, NumberKind] = {"Local": "local", "TollFree": "toll_free", "Mobile": "mobile"}
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
    "SmsUrl",
    "SmsApplicationSid",
    "AddressSid",
    "BundleSid",
)
_MAX_SEARCHED = 200_000


class NumbersApi:
    """Request handlers of the numbers in the network's inventory."""

    def __init__(
        self, config: TwilioConfig, guard: RequestGuard, network: PhoneNetwork, regulation: Regulation
    ) -> None:
        self._config, self._guard, self._network, self._regulation = config, guard, network, regulation

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of available and incoming numbers."""
        one = f"{API}/IncomingPhoneNumbers/{{sid:PN[0-9a-f]+}}.json"
        return [
            web.get(f"{API}/AvailablePhoneNumbers/{{country}}/{{kind}}.json", self._guard.guarded(self.available)),
            web.post(f"{API}/IncomingPhoneNumbers.json", self._guard.guarded(self.buy)),
            web.get(f"{API}/IncomingPhoneNumbers.json", self._guard.guarded(self.list)),
            web.get(one, self._guard.guarded(self.fetch)),
            web.post(one, self._guard.guarded(self.update)),
            web.delete(one, self._guard.guarded(self.release)),
        ]

    async def available(self, request: web.Request) -> web.Response:
        """List up to PageSize numbers that can be bought."""
        kind = _KINDS.get(request.match_info["kind"])
        if kind is None:
            raise not_found(request)
        size = integer(request.query, "PageSize", 50, 1, 1_000)
        found = islice(self._free(request.match_info["country"].upper(), kind, request), size)
        body: Json = {
            "available_phone_numbers": [
                _available_json(one, self._regulation.address_rule(one.phone_number)) for one in found
            ],
            "uri": str(request.rel_url),
        }
        return web.json_response(body)

    async def buy(self, request: web.Request) -> web.Response:
        """Buy PhoneNumber, or the first number with AreaCode, and return 201. Raises RestError 21422 if the number is
        taken.
        """
        fields = await form(request)
        number = fields.get("PhoneNumber", "") or self._first(fields.get("AreaCode", ""))
        if E164.fullmatch(number) is None:
            raise RestError(400, 21421, f"PhoneNumber is invalid: {number}")
        self._regulation.check(number, fields.get("AddressSid", ""), fields.get("BundleSid", ""))
        owned = new_number(number, {name: fields[name] for name in _SETTINGS if name in fields})
        try:
            self._network.inventory.add(owned)
        except NumberTaken as error:
            raise RestError(400, 21422, f"{number} is not available") from error
        return web.json_response(self._json(owned), status=201)

    async def list(self, request: web.Request) -> web.Response:
        """List owned numbers, with filters PhoneNumber (some digits, or with `*`) and FriendlyName."""
        pattern, name = request.query.get("PhoneNumber", ""), request.query.get("FriendlyName", "")
        shown = [
            self._json(owned)
            for owned in self._network.inventory.of("twilio")
            if _matches(owned.phone_number, pattern) and name in ("", owned.settings.get("FriendlyName"))
        ]
        return page(request, "incoming_phone_numbers", shown)

    async def fetch(self, request: web.Request) -> web.Response:
        """Return an owned number."""
        return web.json_response(self._json(self._owned(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Change the given settings. A blank value clears a setting."""
        owned, fields = self._owned(request), await form(request)
        self._network.inventory.change(owned, {name: fields[name] for name in _SETTINGS if name in fields})
        return web.json_response(self._json(owned))

    async def release(self, request: web.Request) -> web.Response:
        """Release a number and return 204. The number can be bought again immediately."""
        self._network.inventory.remove(self._owned(request).phone_number)
        return web.Response(status=204)

    def _free(self, country: str, kind: NumberKind, request: web.Request) -> Iterator[AvailableNumber]:
        contains, locality = request.query.get("Contains", ""), request.query.get("InLocality", "")
        region = request.query.get("InRegion", "")
        for available in islice(
            list_available_numbers(country, kind, request.query.get("AreaCode", "")), _MAX_SEARCHED
        ):
            if (
                self._network.inventory.get(available.phone_number) is None
                and _matches(available.phone_number, contains)
                and locality in ("", available.locality)
                and region in ("", available.region)
            ):
                yield available

    def _first(self, area_code: str) -> str:
        if not area_code:
            raise RestError(400, 21404, "PhoneNumber or AreaCode is required")
        availables = list_available_numbers("US", "local", area_code)
        free = (
            available.phone_number
            for available in availables
            if self._network.inventory.get(available.phone_number) is None
        )
        found = next(free, "")
        if not found:
            raise RestError(400, 21452, f"No phone numbers found in area code {area_code}")
        return found

    def _owned(self, request: web.Request) -> OwnedNumber:
        owned = self._network.inventory.by_id("twilio", request.match_info["sid"])
        if owned is None:
            raise not_found(request)
        return owned

    def _json(self, owned: OwnedNumber) -> Json:
        settings = owned.settings
        return {
            "sid": owned.id,
            "account_sid": self._config.account_sid,
            "phone_number": owned.phone_number,
            "friendly_name": settings.get("FriendlyName") or owned.phone_number,
            "voice_url": settings.get("VoiceUrl") or "",
            "voice_method": settings.get("VoiceMethod") or "POST",
            "voice_fallback_url": settings.get("VoiceFallbackUrl") or "",
            "voice_fallback_method": settings.get("VoiceFallbackMethod") or "POST",
            "status_callback": settings.get("StatusCallback") or "",
            "status_callback_method": settings.get("StatusCallbackMethod") or "POST",
            "voice_application_sid": settings.get("VoiceApplicationSid") or None,
            "sms_url": settings.get("SmsUrl") or "",
            "sms_application_sid": settings.get("SmsApplicationSid") or None,
            "trunk_sid": settings.get("TrunkSid") or None,
            "address_sid": settings.get("AddressSid") or None,
            "bundle_sid": settings.get("BundleSid") or None,
            "voice_caller_id_lookup": False,
            "address_requirements": self._regulation.address_rule(owned.phone_number),
            "beta": False,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "date_created": settings.get("DateCreated"),
            "date_updated": settings.get("DateCreated"),
            "origin": "twilio",
            "status": "in-use",
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{self._config.account_sid}/IncomingPhoneNumbers/{owned.id}.json",
        }


def new_number(phone_number: str, settings: dict[str, str]) -> OwnedNumber:
    """Return a new number. Its id depends only on the number."""
    created = rfc2822(datetime.now(UTC))
    return OwnedNumber("twilio", phone_number, sid_of("PN", phone_number), {**settings, "DateCreated": created})


def _matches(number: str, pattern: str) -> bool:
    """Return whether the digits occur in the number; `*` matches one digit."""
    digits = pattern.lstrip("+")
    if not digits:
        return True
    return fnmatch.fnmatchcase(number.lstrip("+"), f"*{digits.replace('*', '?')}*")


def _available_json(available: AvailableNumber, address: AddressRule) -> Json:
    return {
        "friendly_name": available.phone_number,
        "phone_number": available.phone_number,
        "lata": None,
        "locality": available.locality or None,
        "rate_center": None,
        "latitude": None,
        "longitude": None,
        "region": available.region or None,
        "postal_code": None,
        "iso_country": available.country,
        "address_requirements": address,
        "beta": False,
        "capabilities": {"voice": True, "SMS": True, "MMS": available.kind != "toll_free"},
    }
