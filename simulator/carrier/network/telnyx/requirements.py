"""Regulatory requirements of the account: addresses and requirement groups.

Sources: docs numbers/phone-numbers/regulatory-requirements and requirement-groups; API reference, Addresses and
Requirement groups.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web

from simulator.carrier.network.telnyx.errors import invalid, not_found
from simulator.carrier.network.telnyx.events import iso
from simulator.carrier.network.telnyx.fields import Body, required, text

Json = dict[str, object]
GroupStatus = Literal["approved", "unapproved", "pending-approval", "declined", "expired"]

_OPTIONAL = ("business_name", "first_name", "last_name", "administrative_area", "postal_code", "extended_address")


@dataclass(slots=True)
class RequirementGroup:
    """The documents submitted for orders of numbers with one country and type."""

    country_code: str
    phone_number_type: str
    status: GroupStatus = "approved"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def requirement_id(field_type: str) -> str:
    """Return the id of the requirement of this type."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, field_type))


class AccountRequirements:
    """The account's addresses and requirement groups. Groups are added as if they were created in Telnyx's portal."""

    def __init__(self) -> None:
        self.addresses: dict[str, Json] = {}
        self.groups: dict[str, RequirementGroup] = {}

    def handlers(self) -> list[tuple[str, str, Callable[[web.Request, Body], Json]]]:
        """Return method, path and handler of each route except the list of addresses, which has pages."""
        return [
            ("POST", "/addresses", self._create),
            ("GET", "/addresses/{address}", self._retrieve),
            ("DELETE", "/addresses/{address}", self._delete),
            ("GET", "/requirement_groups/{group}", self._group),
        ]

    def add_group(self, country: str, kind: str, status: GroupStatus = "approved") -> RequirementGroup:
        """Add a group."""
        group = RequirementGroup(country, kind, status)
        self.groups[group.id] = group
        return group

    def list_addresses(self, query: Mapping[str, str]) -> list[Json]:
        """Return the addresses with the filter's customer_reference; all addresses without a filter."""
        wanted = query.get("filter[customer_reference][eq]", "")
        return [address for address in self.addresses.values() if wanted in ("", address["customer_reference"])]

    def _create(self, request: web.Request, body: Body) -> Json:
        """Create an address. It must have a business name, or first and last name."""
        if not (text(body, "business_name") or (text(body, "first_name") and text(body, "last_name"))):
            raise invalid("business_name", "Either business_name or first_name and last_name must be given.")
        fields = {name: required(body, name) for name in ("street_address", "locality", "country_code")}
        address: Json = {
            "record_type": "address",
            "id": str(uuid.uuid4().int)[:19],
            "customer_reference": text(body, "customer_reference"),
            "created_at": iso(datetime.now(UTC)),
            **fields,
            **{name: text(body, name) for name in _OPTIONAL},
        }
        self.addresses[str(address["id"])] = address
        return {"data": address}

    def _retrieve(self, request: web.Request, body: Body) -> Json:
        return {"data": self._find(request)}

    def _delete(self, request: web.Request, body: Body) -> Json:
        return {"data": self.addresses.pop(str(self._find(request)["id"]))}

    def _group(self, request: web.Request, body: Body) -> Json:
        """Return a requirement group. Unlike other responses, this one has no enclosing `data`."""
        group = self.groups.get(request.match_info["group"])
        if group is None:
            raise not_found()
        return {
            "record_type": "requirement_group",
            "id": group.id,
            "action": "ordering",
            "country_code": group.country_code,
            "phone_number_type": group.phone_number_type,
            "status": group.status,
            "customer_reference": None,
            "regulatory_requirements": [],
        }

    def _find(self, request: web.Request) -> Json:
        found = self.addresses.get(request.match_info["address"])
        if found is None:
            raise not_found()
        return found
