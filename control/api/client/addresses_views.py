"""Response models of addresses (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.addresses.rules import BusinessAddress, RegistrationStatus
from control.http.fields import Carrier, CreatedAt, Id
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class AddressRegistrationView:
    """How an address stands at a carrier."""

    carrier: Carrier
    status: Annotated[RegistrationStatus, Field(description="How the address stands at the carrier.")]
    status_detail: Annotated[
        str | None,
        Field(
            description="Why the carrier rejected it; null otherwise.",
            examples=["The carrier refused: the address could not be validated: check its spelling."],
        ),
    ]


@dataclass(frozen=True, slots=True)
class AddressView:
    """An address of the business or person who uses the workspace's numbers."""

    id: Id
    customer_name: Annotated[str, Field(description="Of the business or person.", examples=["Acme"])]
    street: Annotated[str, Field(description="Street and number.", examples=["600 Congress Avenue"])]
    street_secondary: Annotated[
        str, Field(description="Floor, unit and the like; empty for none.", examples=["14th Floor"])
    ]
    city: Annotated[str, Field(description="Town.", examples=["Austin"])]
    region: Annotated[str, Field(description="State or region.", examples=["TX"])]
    postal_code: Annotated[str, Field(description="Postal code.", examples=["78701"])]
    country: Annotated[str, Field(description="ISO 3166 code.", examples=["US"])]
    registrations: Annotated[
        list[AddressRegistrationView], Field(description="How the address stands at each carrier.")
    ]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """An address."""

    address: Annotated[AddressView, Field(description="The address.")]


@dataclass(frozen=True, slots=True)
class AddressList(ListAnswer):
    """A page of addresses, newest first."""

    addresses: Annotated[list[AddressView], Field(description="The addresses.")]


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
