"""Number orders and owned numbers in the API's format."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simulator.carrier.network.inventory import OwnedNumber, Setting
from simulator.carrier.network.telnyx.events import iso
from simulator.carrier.network.telnyx.number_search import find_available_number
from simulator.carrier.network.telnyx.requirements import requirement_id

Json = dict[str, object]


@dataclass(slots=True, eq=False, kw_only=True)
class NumberOrder:
    """An order of numbers.

    Attributes:
        numbers: Pairs of the id within the order and the number.
        statuses: Id within the order -> status.
        requirement: Status of the documents that the order waits for.
        group: The requirement group that the order names.
        required: Types of the documents that the numbers need.
        values: Requirement id -> submitted value.
    """

    connection_id: str
    customer_reference: str
    numbers: list[tuple[str, str]]
    statuses: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "pending"
    requirement: str = ""
    group: str = ""
    required: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def part_id(self) -> str:
        """Id of the order's only part, a sub number order. Its numbers have a common country and type."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.id))


def sub_number_order_json(order: NumberOrder) -> Json:
    """Return the only part of an order in the API's format."""
    return {
        "record_type": "sub_number_order",
        "id": order.part_id,
        "order_request_id": order.id,
        "status": order.status,
        "customer_reference": order.customer_reference or None,
        "phone_numbers_count": len(order.numbers),
        "requirements_met": not order.requirement,
        "created_at": iso(order.created_at),
        "updated_at": iso(order.created_at),
    }


def number_order_json(order: NumberOrder) -> Json:
    """Return an order in the format of the API and of number_order.complete."""
    moment = iso(order.created_at)
    return {
        "record_type": "number_order",
        "id": order.id,
        "status": order.status,
        "connection_id": order.connection_id or None,
        "customer_reference": order.customer_reference or None,
        "messaging_profile_id": None,
        "billing_group_id": None,
        "created_at": moment,
        "updated_at": moment,
        "requirements_met": not order.requirement,
        "phone_numbers_count": len(order.numbers),
        "sub_number_orders_ids": [order.part_id],
        "phone_numbers": [
            {
                "record_type": "number_order_phone_number",
                "id": entry_id,
                "phone_number": number,
                "status": "pending" if order.requirement else order.statuses.get(entry_id, "pending"),
                "requirements_met": not order.requirement,
                "requirements_status": order.requirement or "approved",
                "regulatory_requirements": [
                    {
                        "record_type": "phone_number_regulatory_requirement",
                        "requirement_id": requirement_id(kind),
                        "field_type": kind,
                        "field_value": order.values.get(requirement_id(kind)),
                    }
                    for kind in order.required
                ],
            }
            for entry_id, number in order.numbers
        ],
    }


def owned_number_json(owned: OwnedNumber) -> Json:
    """Return an owned number in the API's format."""
    available = find_available_number(owned.phone_number)
    settings = owned.settings
    purchased_at = settings.get("purchased_at")
    return {
        "record_type": "phone_number",
        "id": owned.id,
        "phone_number": owned.phone_number,
        "phone_number_type": available.kind if available else "local",
        "country_iso_alpha2": available.country if available else "",
        "status": settings.get("status") or "active",
        "source_type": "number_order",
        "tags": tags_of(settings),
        "connection_id": settings.get("connection_id"),
        "connection_name": None,
        "customer_reference": settings.get("customer_reference"),
        "billing_group_id": settings.get("billing_group_id"),
        "external_pin": settings.get("external_pin"),
        "hd_voice_enabled": settings.get("hd_voice_enabled") is True,
        "deletion_lock_enabled": False,
        "emergency_enabled": False,
        "call_forwarding_enabled": True,
        "call_recording_enabled": False,
        "caller_id_name_enabled": False,
        "cnam_listing_enabled": False,
        "messaging_profile_id": settings.get("messaging_profile_id"),
        "purchased_at": purchased_at,
        "created_at": purchased_at,
        "updated_at": purchased_at,
    }


def tags_of(settings: Mapping[str, Setting]) -> list[str]:
    tags = settings.get("tags")
    return tags if isinstance(tags, list) else []
