"""Response models of addresses (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import ListAnswer
from control.numbers.model import BusinessAddress, RegistrationStatus


@dataclass(frozen=True, slots=True)
class AddressRegistrationView:
    """How an address stands at a carrier. status: `pending` is registered a moment later. status_detail: why the
    carrier rejected it; null otherwise."""

    carrier: str
    status: RegistrationStatus
    status_detail: str | None


@dataclass(frozen=True, slots=True)
class AddressView:
    """An address of the business or person who uses the workspace's numbers. customer_name: of the business or person.
    region: state or region. country: ISO 3166 code. registrations: how it stands at each carrier."""

    id: UUID
    customer_name: str
    street: str
    street_secondary: str
    city: str
    region: str
    postal_code: str
    country: str
    registrations: list[AddressRegistrationView]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """An address."""

    address: AddressView


@dataclass(frozen=True, slots=True)
class AddressList(ListAnswer):
    """A page of addresses, newest first."""

    addresses: list[AddressView]


def to_view(address: BusinessAddress) -> AddressView:
    parts = address.address
    return AddressView(
        id=address.id,
        customer_name=parts.customer_name,
        street=parts.street,
        street_secondary=parts.street_secondary,
        city=parts.city,
        region=parts.region,
        postal_code=parts.postal_code,
        country=parts.country,
        registrations=[
            AddressRegistrationView(one.carrier, one.status, one.status_detail) for one in address.registrations
        ],
        created_at=address.created_at,
    )
