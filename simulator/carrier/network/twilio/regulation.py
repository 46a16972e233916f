"""Twilio's conditions for the purchase of numbers: addresses and regulatory bundles.

Sources: docs usage/api/address, phone-numbers/regulatory/api/bundles, api/errors.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from simulator.carrier.network.twilio.number_rule import AddressRule, NumberRule
from simulator.carrier.network.twilio.rest import RestError

BundleStatus = Literal[
    "draft", "pending-review", "in-review", "twilio-rejected", "twilio-approved", "provisionally-approved"
]


@dataclass(frozen=True, slots=True)
class TwilioAddress:
    """An Address resource of the account."""

    sid: str
    customer_name: str
    street: str
    street_secondary: str
    city: str
    region: str
    postal_code: str
    iso_country: str
    friendly_name: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class TwilioBundle:
    """A regulatory bundle.

    Attributes:
        address_sids: Addresses in the bundle's supporting documents.
    """

    sid: str
    country: str
    number_type: str
    status: BundleStatus = "twilio-approved"
    address_sids: tuple[str, ...] = ()
    valid_until: datetime | None = None


class Regulation:
    """The account's addresses and bundles, and the rules for purchases."""

    def __init__(self, rules: Sequence[NumberRule]) -> None:
        self.rules = tuple(rules)
        self.addresses: dict[str, TwilioAddress] = {}
        self.bundles: dict[str, TwilioBundle] = {}

    def add_bundle(self, country: str, number_type: str, status: BundleStatus, *addresses: str) -> TwilioBundle:
        """Add a bundle whose supporting document has these addresses, as if it was created in Twilio's console."""
        bundle = TwilioBundle(f"BU{secrets.token_hex(16)}", country, number_type, status, addresses)
        self.bundles[bundle.sid] = bundle
        return bundle

    def address_rule(self, number: str) -> AddressRule:
        """Return which address the number requires."""
        rule = self._rule(number)
        return "none" if rule is None else rule.address

    def check(self, number: str, address_sid: str, bundle_sid: str) -> None:
        """Check a purchase: first the address, then the bundle.

        Raises:
            RestError: 21631 without an address. 21613 for an address that the account lacks. 21615 for an address in a
                country that is not accepted. 21649 for a bundle that is missing, not approved, or for other numbers.
                21651 for an address that is not in the bundle.
        """
        rule = self._rule(number)
        if rule is None:
            return
        if rule.address != "none":
            self._check_address(rule, address_sid)
        if rule.needs_bundle:
            self._check_bundle(rule, address_sid, bundle_sid)

    def _rule(self, number: str) -> NumberRule | None:
        return next((rule for rule in self.rules if number.startswith(rule.prefix)), None)

    def _check_address(self, rule: NumberRule, address_sid: str) -> None:
        if not address_sid:
            raise RestError(400, 21631, "Phone Number Requires an Address but the 'AddressSid' parameter was empty.")
        address = self.addresses.get(address_sid)
        if address is None:
            raise RestError(400, 21613, f"Could not find Address {address_sid} to satisfy the requirement")
        is_domestic = address.iso_country == rule.country
        if (rule.address == "local" and not is_domestic) or (rule.address == "foreign" and is_domestic):
            raise RestError(400, 21615, f"No valid address created for: {rule.country}")

    def _check_bundle(self, rule: NumberRule, address_sid: str, bundle_sid: str) -> None:
        bundle = self.bundles.get(bundle_sid)
        if bundle is None:
            where = f"country: [{rule.country}] and numberType: [{rule.number_type.upper()}]"
            raise RestError(400, 21649, f"Bundle required and not provided for {where}")
        if bundle.status not in ("twilio-approved", "provisionally-approved"):
            raise RestError(400, 21649, f"Bundle [{bundle_sid}] status is not twilio-approved")
        if (bundle.country, bundle.number_type) != (rule.country, rule.number_type):
            raise RestError(400, 21649, "Bundle does not have the correct regulation type")
        if address_sid and bundle.address_sids and address_sid not in bundle.address_sids:
            raise RestError(400, 21651, "Address not contained in bundle")
