"""Routes for members to manage their workspace's addresses."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from control.addresses.rules import BusinessAddress, RegistrationStatus
from control.addresses.service import BusinessAddresses
from control.carriers.rules import PostalAddress
from control.carriers.service import Carriers
from control.http.access import member
from control.http.body import ONE_LINE, Body
from control.http.context import MemberContext
from control.http.fields import Carrier, CreatedAt, Id, copy_fields
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.route import RateLimit, Route

ADDRESSES = "/workspaces/{workspaceId}/addresses"
ADDRESS = f"{ADDRESSES}/{{addressId}}"
AddressId = Annotated[UUID, Field(description="Id of the address.")]
# Twilio's limit (docs: usage/api/address, CustomerName).
_MAX_NAME_BYTES: Final = 64


def _is_short(name: str) -> str:
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise ValueError(f"must be at most {_MAX_NAME_BYTES} bytes in UTF-8")
    return name


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE)]
CustomerName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=ONE_LINE),
    AfterValidator(_is_short),
]


class NewAddress(Body):
    """An address to register with the carriers.

    It must be the address of the business or person that uses the numbers.
    """

    customer_name: CustomerName = Field(
        description="Name of the business or person, up to 64 bytes.", examples=["Acme"]
    )
    street: Line = Field(description="Street and number.", examples=["600 Congress Avenue"])
    street_secondary: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=ONE_LINE)] = (
        Field("", description="Floor, unit or similar.", examples=["14th Floor"])
    )
    city: Line = Field(description="Town.", examples=["Austin"])
    region: Line = Field(description="State or region; in the US, its two-letter code.", examples=["TX"])
    postal_code: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20, pattern=ONE_LINE)
    ] = Field(description="Postal code.", examples=["78701"])
    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 code of the country.", examples=["US"])


@dataclass(frozen=True, slots=True)
class AddressRegistrationView:
    """The state of an address at a carrier."""

    carrier: Carrier
    status: Annotated[RegistrationStatus, Field(description="Status of the registration.")]
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
    customer_name: Annotated[str, Field(description="Name of the business or person.", examples=["Acme"])]
    street: Annotated[str, Field(description="Street and number.", examples=["600 Congress Avenue"])]
    street_secondary: Annotated[
        str, Field(description="Floor, unit or similar; empty if there is none.", examples=["14th Floor"])
    ]
    city: Annotated[str, Field(description="Town.", examples=["Austin"])]
    region: Annotated[str, Field(description="State or region.", examples=["TX"])]
    postal_code: Annotated[str, Field(description="Postal code.", examples=["78701"])]
    country: Annotated[str, Field(description="ISO 3166 code.", examples=["US"])]
    registrations: Annotated[
        list[AddressRegistrationView], Field(description="The state of the address at each carrier.")
    ]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """An address of the business or person who uses the workspace's numbers."""

    address: Annotated[AddressView, Field(description="The address.")]


@dataclass(frozen=True, slots=True)
class AddressList(ListAnswer):
    """A page of addresses, newest first."""

    addresses: Annotated[list[AddressView], Field(description="The addresses.")]


async def list_addresses(context: MemberContext, query: ListQuery) -> AddressList:
    """List the workspace's addresses, newest first."""
    found = await context.services[BusinessAddresses].list_page(context.db, context.workspace_id, page=query.request())
    return AddressList([to_address_view(address) for address in found.rows], **page_fields(query, found))


async def create_address(context: MemberContext, body: NewAddress) -> AddressAnswer:
    """Create an address. It is registered with each carrier shortly afterwards; see its `registrations`."""
    services = context.services
    carriers = [carrier.name for carrier in services[Carriers]]
    parts = PostalAddress(**body.model_dump())
    address = await services[BusinessAddresses].create(
        context.db, context.workspace_id, context.actor, parts, carriers, context.now
    )
    return AddressAnswer(to_address_view(address))


async def get_address(context: MemberContext, address_id: AddressId) -> AddressAnswer:
    """Return an address with its registrations."""
    return AddressAnswer(
        to_address_view(await context.services[BusinessAddresses].get(context.db, context.workspace_id, address_id))
    )


async def delete_address(context: MemberContext, address_id: AddressId) -> None:
    """Delete an address, also at the carriers.

    Refused while a number is held under the address or a bundle contains it.
    """
    await context.services[BusinessAddresses].delete(
        context.db, context.workspace_id, context.actor, address_id, context.now
    )


def to_address_view(address: BusinessAddress) -> AddressView:
    registrations = [copy_fields(AddressRegistrationView, registration) for registration in address.registrations]
    return copy_fields(AddressView, address, address.address, registrations=registrations)


ROUTES: tuple[Route, ...] = (
    Route("GET", ADDRESSES, list_addresses, member("viewer", "numbers:read"), beyond_spec=True),
    # Rate-limited, because each address is registered with the carriers, which have their own limits.
    Route(
        "POST",
        ADDRESSES,
        create_address,
        member("admin", "numbers:write"),
        status=201,
        idempotent=True,
        limit=RateLimit("addresses", 20, 60),
        beyond_spec=True,
        errors=("409 address_limit", "409 workspace_suspended", "422 country_unknown"),
    ),
    Route(
        "GET",
        ADDRESS,
        get_address,
        member("viewer", "numbers:read"),
        beyond_spec=True,
        errors=("404 address_not_found",),
    ),
    Route(
        "DELETE",
        ADDRESS,
        delete_address,
        member("admin", "numbers:write"),
        beyond_spec=True,
        errors=("404 address_not_found", "409 address_in_use"),
    ),
)
