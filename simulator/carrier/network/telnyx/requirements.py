"""Regulatory requirements of the account: addresses and requirement groups (docs: numbers/phone-numbers/
regulatory-requirements, requirement-groups; API reference: Addresses, Requirement groups)."""

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
    """What is submitted for orders of numbers of one country and type."""

    country_code: str
    phone_number_type: str
    status: GroupStatus = "approved"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def requirement_id(field_type: str) -> str:
    """The id of the requirement of this type."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, field_type))


class AccountRequirements:
    """Addresses and requirement groups; groups are added as if they were made in Telnyx's portal."""

    def __init__(self) -> None:
        self.addresses: dict[str, Json] = {}
        self.groups: dict[str, RequirementGroup] = {}

    def handlers(self) -> list[tuple[str, str, Callable[[web.Request, Body], Json]]]:
        """Method, path and handler of each route, but for the list of addresses, which has pages."""
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
        """Those with the customer_reference of the filter, all without one."""
        wanted = query.get("filter[customer_reference][eq]", "")
        return [address for address in self.addresses.values() if wanted in ("", address["customer_reference"])]

    def _create(self, request: web.Request, body: Body) -> Json:
        """A name is required: of a business, or first and last."""
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
        """The answer has no `data` around it."""
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
