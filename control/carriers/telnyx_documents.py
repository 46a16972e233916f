"""Addresses and requirement groups at Telnyx (API reference: Addresses, Requirement groups)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from control.carriers.retries import CarrierRequest
from control.carriers.rules import BundleStatus, CarrierBundle, CarrierRefused, NumberRequirements, PostalAddress
from control.carriers.telnyx_forms import NOT_FOUND, required_text

T = TypeVar("T")

# Countries where Telnyx refuses an order without a requirement group (docs: numbers/phone-numbers/requirement-groups,
# "Constraints"). In other countries an incomplete order waits.
_GROUP_COUNTRIES: Final = frozenset({"CH", "DK", "IT", "NO", "PT", "SE"})
_STATUSES: Final[Mapping[str, BundleStatus]] = {
    "unapproved": "draft",
    "pending-approval": "in_review",
    "approved": "approved",
    "declined": "rejected",
    "expired": "expired",
}


class TelnyxDocuments:
    """Implements CarrierDocuments with Telnyx.

    Args:
        sdk: SDK client of the account.
    """

    def __init__(self, sdk: Any, send: CarrierRequest) -> None:
        self._sdk, self._send = sdk, send

    async def create_address(self, address: PostalAddress, reference: str) -> str:
        """Create an address. Our reference becomes Telnyx's customer reference.

        Not repeated if the address may have been created. The address is for regulatory requirements, so it is not
        validated for emergency calls.
        """
        for found in await self.find_addresses(reference):
            return found
        answer = await self._send(
            lambda: self._sdk.addresses.create(
                business_name=address.customer_name,
                first_name="",
                last_name="",
                street_address=address.street,
                extended_address=address.street_secondary,
                locality=address.city,
                administrative_area=address.region,
                postal_code=address.postal_code,
                country_code=address.country,
                customer_reference=reference,
                validate_address=False,
            ),
            repeatable=False,
        )
        return required_text(answer.data.id if answer.data is not None else None)

    async def find_addresses(self, reference: str) -> list[str]:
        """Return the ids of the addresses with this customer reference."""
        page = await self._send(
            lambda: self._sdk.addresses.list(filter={"customer_reference": {"eq": reference}}, page_size=20)
        )
        return [required_text(row.id) for row in page.data or [] if row.customer_reference == reference]

    async def delete_address(self, carrier_address_id: str) -> None:
        """Delete an address. An address that is already deleted is not an error."""
        await self._or_none(lambda: self._sdk.addresses.delete(carrier_address_id))

    async def fetch_bundle(self, carrier_bundle_id: str) -> CarrierBundle | None:
        """Return a requirement group for orders. Groups for porting are ignored."""
        group = await self._or_none(lambda: self._sdk.requirement_groups.retrieve(carrier_bundle_id))
        # Telnyx also finds a group by an id in different case. Such an id could link the group to a second workspace.
        if group is None or group.id != carrier_bundle_id or group.action != "ordering":
            return None
        return CarrierBundle(
            country=required_text(group.country_code).upper(),
            number_kind=required_text(group.phone_number_type),
            status=_STATUSES.get(str(group.status), "in_review"),
        )

    async def fetch_requirements(self, phone_number: str, country: str) -> NumberRequirements:
        """Return whether a requirement group is needed. Other requirements are known only after the order is placed."""
        return NumberRequirements(None, country in _GROUP_COUNTRIES)

    async def _or_none(self, send: Callable[[], Awaitable[T]]) -> T | None:
        """Send a request. Return None if the resource does not exist."""
        try:
            return await self._send(send)
        except CarrierRefused as refused:
            if refused.code not in NOT_FOUND:
                raise
            return None
