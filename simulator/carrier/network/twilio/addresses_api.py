"""The REST resource of addresses (docs: usage/api/address)."""

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from simulator.carrier.network.twilio.model import TwilioConfig, fresh_sid
from simulator.carrier.network.twilio.regulation import Regulation, TwilioAddress
from simulator.carrier.network.twilio.rest import (
    API,
    Json,
    RequestGuard,
    RestError,
    form,
    not_found,
    page,
    required,
    rfc2822,
)

# Twilio limits both names in bytes: "16 4-byte characters, or 21 3-byte characters".
_MAX_NAME_BYTES: Final = 64
_US_POSTAL_CODE: Final = re.compile(r"\d{5}(-\d{4})?")


class AddressesApi:
    """Request handlers of the addresses."""

    def __init__(self, config: TwilioConfig, guard: RequestGuard, regulation: Regulation) -> None:
        self._config, self._guard, self._regulation = config, guard, regulation

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to create, list, fetch and delete addresses."""
        one = f"{API}/Addresses/{{sid:AD[0-9a-f]+}}.json"
        return [
            web.post(f"{API}/Addresses.json", self._guard.guarded(self.create)),
            web.get(f"{API}/Addresses.json", self._guard.guarded(self.list)),
            web.get(one, self._guard.guarded(self.fetch)),
            web.delete(one, self._guard.guarded(self.delete)),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Create an address and return 201. Raises RestError 21628 if the address cannot be validated."""
        address = _read(await form(request))
        if address.iso_country == "US" and not _US_POSTAL_CODE.fullmatch(address.postal_code):
            raise RestError(400, 21628, "The address you have provided cannot be validated.")
        self._regulation.addresses[address.sid] = address
        return web.json_response(self._json(address), status=201)

    async def list(self, request: web.Request) -> web.Response:
        """List the account's addresses, with exact filters CustomerName, FriendlyName and IsoCountry."""
        wanted = {
            name: request.query.get(parameter, "")
            for name, parameter in (
                ("customer_name", "CustomerName"),
                ("friendly_name", "FriendlyName"),
                ("iso_country", "IsoCountry"),
            )
        }
        found = [
            self._json(address)
            for address in self._regulation.addresses.values()
            if all(value in ("", getattr(address, name)) for name, value in wanted.items())
        ]
        return page(request, "addresses", found)

    async def fetch(self, request: web.Request) -> web.Response:
        """Return an address."""
        return web.json_response(self._json(self._find(request)))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an address and return 204."""
        del self._regulation.addresses[self._find(request).sid]
        return web.Response(status=204)

    def _find(self, request: web.Request) -> TwilioAddress:
        found = self._regulation.addresses.get(request.match_info["sid"])
        if found is None:
            raise not_found(request)
        return found

    def _json(self, address: TwilioAddress) -> Json:
        return {
            "sid": address.sid,
            "account_sid": self._config.account_sid,
            "customer_name": address.customer_name,
            "friendly_name": address.friendly_name,
            "street": address.street,
            "street_secondary": address.street_secondary or None,
            "city": address.city,
            "region": address.region,
            "postal_code": address.postal_code,
            "iso_country": address.iso_country,
            "emergency_enabled": False,
            "validated": address.iso_country == "US",
            "verified": False,
            "date_created": rfc2822(address.created),
            "date_updated": rfc2822(address.created),
            "uri": f"/2010-04-01/Accounts/{self._config.account_sid}/Addresses/{address.sid}.json",
        }


def _read(fields: Mapping[str, str]) -> TwilioAddress:
    names = {name: required(fields, name, 20001) for name in ("CustomerName", "Street", "City", "PostalCode")}
    country, friendly = required(fields, "IsoCountry", 20001), fields.get("FriendlyName", "")
    for name, value in (("CustomerName", names["CustomerName"]), ("FriendlyName", friendly)):
        if len(value.encode()) > _MAX_NAME_BYTES:
            raise RestError(400, 20001, f"{name} is too long")
    return TwilioAddress(
        sid=fresh_sid("AD"),
        customer_name=names["CustomerName"],
        street=names["Street"],
        street_secondary=fields.get("StreetSecondary", ""),
        city=names["City"],
        region=required(fields, "Region", 20001),
        postal_code=names["PostalCode"],
        iso_country=country,
        friendly_name=friendly or names["CustomerName"],
    )
