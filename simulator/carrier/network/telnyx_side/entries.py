"""Orders and numbers as the API shows them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simulator.carrier.network.inventory import Owned, Setting
from simulator.carrier.network.telnyx_side.events import iso
from simulator.carrier.network.telnyx_side.market import offer_of

Json = dict[str, object]


@dataclass(slots=True, eq=False, kw_only=True)
class Order:
    """An order. numbers: each with the id of its place in the order and its status."""

    connection_id: str
    customer_reference: str
    numbers: list[tuple[str, str]]
    statuses: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "pending"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def shown_order(order: Order) -> Json:
    """An order as the API and its webhook show it."""
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
        "requirements_met": True,
        "phone_numbers_count": len(order.numbers),
        "sub_number_orders_ids": [],
        "phone_numbers": [
            {
                "record_type": "number_order_phone_number",
                "id": place,
                "phone_number": number,
                "status": order.statuses.get(place, "pending"),
                "requirements_met": True,
                "requirements_status": "approved",
                "regulatory_requirements": [],
            }
            for place, number in order.numbers
        ],
    }


def shown_number(owned: Owned) -> Json:
    """A number of the account as the API shows it."""
    offer = offer_of(owned.phone_number)
    settings = owned.settings
    bought = settings.get("purchased_at")
    return {
        "record_type": "phone_number",
        "id": owned.id,
        "phone_number": owned.phone_number,
        "phone_number_type": offer.kind if offer else "local",
        "country_iso_alpha2": offer.country if offer else "",
        "status": "active",
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
        "messaging_profile_id": None,
        "purchased_at": bought,
        "created_at": bought,
        "updated_at": bought,
    }


def tags_of(settings: Mapping[str, Setting]) -> list[str]:
    """A number's tags."""
    tags = settings.get("tags")
    return tags if isinstance(tags, list) else []
