"""Response models of numbers (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from control.billing.model import CURRENCY
from control.carriers.model import AddressRequirement, AvailableNumber
from control.http.body import Currency, Money
from control.http.pagination import ListAnswer
from control.numbers.model import PhoneNumber, Status


@dataclass(frozen=True, slots=True)
class NumberView:
    """A number. status: `buying` and `releasing` are in progress. status_detail: why a purchase failed, or
    what it waits for; null otherwise. address_id, bundle_id: the address and the regulatory bundle that it was bought
    under; null for none. monthly_price: price a month, in US dollars; null until the carrier was asked, 0 if it does
    not report the price."""

    id: UUID
    phone_number: str
    friendly_name: str
    carrier: str
    status: Status
    status_detail: str | None
    agent_id: UUID | None
    agent_name: str | None
    address_id: UUID | None
    bundle_id: UUID | None
    country: str | None
    capabilities: Mapping[str, bool]
    monthly_price: Money | None
    currency: Currency
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """A number."""

    phone_number: NumberView


@dataclass(frozen=True, slots=True)
class NumberList(ListAnswer):
    """A page of numbers."""

    phone_numbers: list[NumberView]


@dataclass(frozen=True, slots=True)
class AvailableView:
    """A number that can be bought. price: price a month, in US dollars; null if the carrier does not report it.
    address_requirements: whether the number's holder needs an address that is registered with the carrier: `none`,
    `any`, `local` (in the number's country) or `foreign` (outside of it); null if the carrier does not report it."""

    phone_number: str
    locality: str
    region: str
    price: Money | None
    currency: Currency
    address_requirements: AddressRequirement | None


@dataclass(frozen=True, slots=True)
class AvailableList:
    """Numbers that can be bought at the moment; they are not reserved."""

    available: list[AvailableView]


def to_view(number: PhoneNumber) -> NumberView:
    return NumberView(
        id=number.id,
        phone_number=number.phone_number,
        friendly_name=number.friendly_name,
        carrier=number.carrier,
        status=number.status,
        status_detail=number.status_detail,
        agent_id=number.agent_id,
        agent_name=number.agent_name,
        address_id=number.address_id,
        bundle_id=number.bundle_id,
        country=number.country,
        capabilities=_flags(number.capabilities),
        monthly_price=_known_price(number),
        currency=CURRENCY,
        created_at=number.created_at,
        updated_at=number.updated_at,
        released_at=number.released_at,
    )


def _known_price(number: PhoneNumber) -> Decimal | None:
    is_unbought = number.status in ("buying", "failed")
    return None if is_unbought and not number.monthly_price else number.monthly_price


def _flags(capabilities: Mapping[str, Any]) -> dict[str, bool]:
    return {name: bool(value) for name, value in capabilities.items()}


def to_available(one: AvailableNumber) -> AvailableView:
    return AvailableView(one.phone_number, one.locality, one.region, one.monthly_price, CURRENCY, one.address)
