"""Response models of numbers (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.billing.model import CURRENCY
from control.carriers.rules import AddressRequirement, AvailableNumber
from control.http.body import Currency, Money
from control.http.fields import Carrier, CreatedAt, Id, UpdatedAt
from control.http.pagination import ListAnswer
from control.numbers.rules import PhoneNumber, Status


@dataclass(frozen=True, slots=True)
class NumberView:
    """A number."""

    id: Id
    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    friendly_name: Annotated[str, Field(description="The workspace's own name for the number.", examples=["Main line"])]
    carrier: Carrier
    status: Annotated[Status, Field(description="`buying` and `releasing` are in progress.")]
    status_detail: Annotated[
        str | None,
        Field(
            description="Why a purchase failed, or what it waits for; null otherwise.",
            examples=["The number is no longer available."],
        ),
    ]
    agent_id: Annotated[UUID | None, Field(description="Id of the agent that answers the number; null for none.")]
    agent_name: Annotated[
        str | None,
        Field(description="Name of the agent that answers the number; null for none.", examples=["Front desk"]),
    ]
    address_id: Annotated[
        UUID | None, Field(description="The address and the regulatory bundle that it was bought under; null for none.")
    ]
    bundle_id: Annotated[
        UUID | None, Field(description="The address and the regulatory bundle that it was bought under; null for none.")
    ]
    country: Annotated[str | None, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    capabilities: Annotated[
        Mapping[str, bool],
        Field(
            description="What the number can do, as the carrier reports it.", examples=[{"voice": True, "sms": False}]
        ),
    ]
    monthly_price: Annotated[
        Money | None,
        Field(
            description="Price a month, in US dollars; null until the carrier was asked, 0 if it does not "
            "report the price.",
            examples=[1.15],
        ),
    ]
    currency: Currency
    created_at: CreatedAt
    updated_at: UpdatedAt
    released_at: Annotated[datetime | None, Field(description="When it was released (UTC); null while it is held.")]


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """A number."""

    phone_number: Annotated[NumberView, Field(description="The phone number.")]


@dataclass(frozen=True, slots=True)
class NumberList(ListAnswer):
    """A page of numbers."""

    phone_numbers: Annotated[list[NumberView], Field(description="The phone numbers.")]


@dataclass(frozen=True, slots=True)
class AvailableView:
    """A number that can be bought."""

    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    locality: Annotated[str, Field(description="Town, where the carrier tells it.", examples=["Washington"])]
    region: Annotated[str, Field(description="State or region, where the carrier tells it.", examples=["DC"])]
    price: Annotated[
        Money | None,
        Field(description="Price a month, in US dollars; null if the carrier does not report it.", examples=[1.15]),
    ]
    currency: Currency
    address_requirements: Annotated[
        AddressRequirement | None,
        Field(
            description="Whether the number's holder needs an address that is registered with the carrier: "
            "`none`, `any`, `local` (in the number's country) or `foreign` (outside of it); null "
            "if the carrier does not report it."
        ),
    ]


@dataclass(frozen=True, slots=True)
class AvailableList:
    """Numbers that can be bought at the moment; they are not reserved."""

    available: Annotated[list[AvailableView], Field(description="Numbers that can be bought.")]


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
