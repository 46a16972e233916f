"""Addresses and regulatory bundles at Twilio (docs: usage/api/address, phone-numbers/regulatory/api)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, get_args

from control.carriers.retries import CarrierRequest
from control.carriers.rules import (
    AddressRequirement,
    BundleStatus,
    CarrierBundle,
    CarrierRefused,
    CarrierUnavailable,
    NumberKind,
    NumberRequirements,
    PostalAddress,
    number_kind,
)
from control.carriers.twilio_forms import NAME, NOT_FOUND, required_text

T = TypeVar("T")

# Number types of the regulatory API.
_TYPES: Final[Mapping[NumberKind, str]] = {
    "local": "local",
    "mobile": "mobile",
    "national": "national",
    "toll_free": "toll-free",
}
# A provisionally approved bundle can be used, too. Twilio refuses bundles that it does not accept (21649).
_STATUSES: Final[Mapping[str, BundleStatus]] = {
    "draft": "draft",
    "pending-review": "in_review",
    "in-review": "in_review",
    "twilio-rejected": "rejected",
    "twilio-approved": "approved",
    "provisionally-approved": "approved",
}
_REGULATION_TTL: Final = timedelta(hours=1)
_MOST_ITEMS: Final = 50
_BUNDLE_TIMEOUT_S: Final = 30.0
_DOCUMENT: Final = "RD"


class TwilioDocuments:
    """Implements CarrierDocuments with Twilio.

    Args:
        sdk: SDK client of the account.
    """

    def __init__(self, sdk: Any, send: CarrierRequest) -> None:
        self._sdk, self._send = sdk, send
        self._regulated: dict[tuple[str, str], tuple[datetime, bool]] = {}

    async def create_address(self, address: PostalAddress, reference: str) -> str:
        """Create an address. Our reference becomes Twilio's friendly name. Not repeated if it may have been created."""
        for found in await self.find_addresses(reference):
            return found
        row = await self._send(
            lambda: self._sdk.addresses.create_async(
                customer_name=address.customer_name,
                street=address.street,
                street_secondary=address.street_secondary,
                city=address.city,
                region=address.region,
                postal_code=address.postal_code,
                iso_country=address.country,
                friendly_name=reference,
            ),
            repeatable=False,
        )
        return required_text(row.sid)

    async def find_addresses(self, reference: str) -> list[str]:
        """Return the ids of the addresses with this friendly name."""
        rows = await self._send(lambda: self._sdk.addresses.list_async(friendly_name=reference, limit=20, page_size=20))
        return [required_text(row.sid) for row in rows if row.friendly_name == reference]

    async def delete_address(self, carrier_address_id: str) -> None:
        """Delete an address. An address that is already deleted is not an error."""
        await self._or_none(lambda: self._sdk.addresses(carrier_address_id).delete_async())

    async def fetch_bundle(self, carrier_bundle_id: str) -> CarrierBundle | None:
        """Return a bundle with the addresses of its supporting documents.

        A number can only be bought with one of these addresses (21651). Each document needs a request. All requests
        together may take _BUNDLE_TIMEOUT_S.
        """
        try:
            async with asyncio.timeout(_BUNDLE_TIMEOUT_S):
                return await self._read_bundle(carrier_bundle_id)
        except TimeoutError:
            raise CarrierUnavailable(NAME, "timeout", "no answer in time") from None

    async def _read_bundle(self, carrier_bundle_id: str) -> CarrierBundle | None:
        compliance = self._sdk.numbers.v2.regulatory_compliance
        bundle = await self._or_none(lambda: compliance.bundles(carrier_bundle_id).fetch_async())
        if bundle is None:
            return None
        regulation = await self._send(
            lambda: compliance.regulations(required_text(bundle.regulation_sid)).fetch_async()
        )
        addresses = await self._find_addresses(compliance, carrier_bundle_id)
        return CarrierBundle(
            country=required_text(regulation.iso_country).upper(),
            # Kinds that we do not sell, such as machine-to-machine, match none of our numbers.
            number_kind=required_text(regulation.number_type).replace("-", "_"),
            status=_STATUSES.get(str(bundle.status), "in_review"),
            carrier_address_ids=addresses,
            valid_until=bundle.valid_until,
        )

    async def fetch_requirements(self, phone_number: str, country: str) -> NumberRequirements:
        """Return the requirements for a number.

        The number search returns the address requirement, the regulations show whether a bundle is needed. Some numbers
        have
        `address_requirements` none and still need a bundle.
        """
        kind = number_kind(phone_number)
        address, bundle = await asyncio.gather(
            self._find_address_requirement(phone_number, country, kind), self._needs_bundle(country, kind)
        )
        return NumberRequirements(address, bundle)

    async def _find_address_requirement(
        self, phone_number: str, country: str, kind: NumberKind
    ) -> AddressRequirement | None:
        market = self._sdk.available_phone_numbers(country)
        rows = await self._or_none(
            lambda: getattr(market, kind).list_async(contains=phone_number[1:], limit=5, page_size=5)
        )
        found = [row.address_requirements for row in rows or [] if row.phone_number == phone_number]
        return next((known for known in get_args(AddressRequirement) if known in found), None)

    async def _needs_bundle(self, country: str, kind: NumberKind) -> bool:
        """Return whether a regulation requires data about the end user, which only a bundle can provide."""
        now, key = datetime.now(UTC), (country, kind)
        cached = self._regulated.get(key)
        if cached is not None and now - cached[0] < _REGULATION_TTL:
            return cached[1]
        regulations = self._sdk.numbers.v2.regulatory_compliance.regulations
        rows = await self._or_none(
            lambda: regulations.list_async(iso_country=country, number_type=_TYPES[kind], limit=20, page_size=20)
        )
        needed = any((row.requirements or {}).get("end_user") for row in rows or [])
        self._regulated[key] = (now, needed)
        return needed

    async def _find_addresses(self, compliance: Any, carrier_bundle_id: str) -> tuple[str, ...]:
        items = await self._send(
            lambda: compliance.bundles(carrier_bundle_id).item_assignments.list_async(limit=_MOST_ITEMS, page_size=50)
        )
        found: list[str] = []
        for document in [str(item.object_sid) for item in items if str(item.object_sid).startswith(_DOCUMENT)]:
            row = await self._send(compliance.supporting_documents(document).fetch_async)
            listed = (row.attributes or {}).get("address_sids")
            found += [address for address in listed if isinstance(address, str)] if isinstance(listed, list) else []
        return tuple(dict.fromkeys(found))

    async def _or_none(self, send: Callable[[], Awaitable[T]]) -> T | None:
        """Send a request. Return None if the resource does not exist."""
        try:
            return await self._send(send)
        except CarrierRefused as refused:
            if refused.code not in NOT_FOUND:
                raise
            return None
