"""Routes of phone numbers for members, and of the numbers in the platform's carrier accounts for staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.carriers.rules import (
    E164,
    NOT_KNOWN,
    AddressRequirement,
    AvailableNumber,
    CallTarget,
    Carrier,
    CarrierError,
    CarrierName,
    NumberRequirements,
    OwnedNumber,
    country_of,
    require_area,
)
from control.carriers.service import Carriers, choose_carrier
from control.http.access import ANY_ADMIN, admin, member
from control.http.body import ONE_LINE, Body, Currency, Money
from control.http.context import AdminContext, Context, MemberContext
from control.http.fields import Carrier as CarrierField
from control.http.fields import CreatedAt, Id, UpdatedAt, WorkspaceId, copy_fields
from control.http.pagination import ListAnswer, ListQuery, Query, page_fields
from control.http.responses.after_commit import AfterCommit, CheckedChange
from control.http.route import RateLimit, Route
from control.numbers.rules import NumberImport, NumberOrder, PhoneNumber, Status, TakenNumber
from control.numbers.service import MOST_LISTED, Numbers, find_account_numbers, take_number
from control.platform.rules import CURRENCY
from control.regulatory_bundles.routes import CARRIER_CHECKS
from shared.ids import new_id

# -- For members --

NUMBERS = "/workspaces/{workspaceId}/phone-numbers"
NUMBER = f"{NUMBERS}/{{numberId}}"
NumberId = Annotated[UUID, Field(description="Id of the phone number.")]
FriendlyName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
_CARRIER: Final = "Name of the carrier; default: the platform's carrier."


class NumbersQuery(ListQuery):
    """Filters for the list of numbers."""

    status: Status | None = Field(
        None, description="Return only numbers with this status. Released numbers are listed only with this filter."
    )


class AvailableQuery(Query):
    """Filters for the search for available numbers."""

    area_code: str | None = Field(None, pattern=r"^[0-9]{2,5}$", description="Area code, without a leading 0.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="ISO 3166 code of the country.")
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    limit: int = Field(20, ge=1, le=50, description="Maximum number of results.")


class NewNumber(Body):
    """A phone number to buy."""

    phone_number: str = Field(
        pattern=E164, description="A number as returned by `GET …/phone-numbers/available`.", examples=["+12025550123"]
    )
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    friendly_name: Annotated[
        FriendlyName, Field(description="The workspace's name for the number.", examples=["Main line"])
    ] = ""
    address_id: UUID | None = Field(
        None,
        description="The address to buy the number under, if the number requires an address; default: "
        "the only address that fits.",
    )
    bundle_id: UUID | None = Field(
        None,
        description="The regulatory bundle to buy the number under, if the number requires a bundle; "
        "default: the only bundle that fits.",
    )


class NumberChange(Body):
    """Changes to a phone number."""

    friendly_name: FriendlyName = Field(description="The workspace's name for the number.", examples=["Main line"])


@dataclass(frozen=True, slots=True)
class NumberView:
    """A phone number of the workspace."""

    id: Id
    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    friendly_name: Annotated[str, Field(description="The workspace's own name for the number.", examples=["Main line"])]
    carrier: CarrierField
    status: Annotated[Status, Field(description="`buying` and `releasing` are in progress.")]
    status_detail: Annotated[
        str | None,
        Field(
            description="Why the purchase failed or what it waits for; null otherwise.",
            examples=["The number is no longer available."],
        ),
    ]
    agent_id: Annotated[UUID | None, Field(description="Id of the agent that answers the number; null if none.")]
    agent_name: Annotated[
        str | None,
        Field(description="Name of the agent that answers the number; null if none.", examples=["Front desk"]),
    ]
    address_id: Annotated[UUID | None, Field(description="The address that the number was bought under; null if none.")]
    bundle_id: Annotated[
        UUID | None, Field(description="The regulatory bundle that the number was bought under; null if none.")
    ]
    country: Annotated[str | None, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    capabilities: Annotated[
        Mapping[str, bool],
        Field(
            description="The number's capabilities, as the carrier reports them.",
            examples=[{"voice": True, "sms": False}],
        ),
    ]
    monthly_price: Annotated[
        Money | None,
        Field(
            description="Monthly price in US dollars; null until the carrier reports it, 0 if the carrier "
            "reports no price.",
            examples=[1.15],
        ),
    ]
    currency: Currency
    created_at: CreatedAt
    updated_at: UpdatedAt
    released_at: Annotated[
        datetime | None, Field(description="When the number was released (UTC); null while the workspace holds it.")
    ]


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """A phone number of the workspace."""

    phone_number: Annotated[NumberView, Field(description="The phone number.")]


@dataclass(frozen=True, slots=True)
class NumberList(ListAnswer):
    """A page of phone numbers."""

    phone_numbers: Annotated[list[NumberView], Field(description="The phone numbers.")]


@dataclass(frozen=True, slots=True)
class AvailableView:
    """A phone number that can be bought."""

    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    locality: Annotated[str, Field(description="Town, if the carrier reports it.", examples=["Washington"])]
    region: Annotated[str, Field(description="State or region, if the carrier reports it.", examples=["DC"])]
    price: Annotated[
        Money | None,
        Field(description="Monthly price in US dollars; null if the carrier does not report it.", examples=[1.15]),
    ]
    currency: Currency
    address_requirements: Annotated[
        AddressRequirement | None,
        Field(
            description="Which address, registered with the carrier, the number's holder needs: `none`, `any`, "
            "`local` (in the number's country) or `foreign` (outside of it); null if the carrier "
            "does not report it."
        ),
    ]


@dataclass(frozen=True, slots=True)
class AvailableList:
    """Numbers that can be bought at the moment. They are not reserved."""

    available: Annotated[list[AvailableView], Field(description="Numbers that can be bought.")]


async def list_numbers(context: MemberContext, query: NumbersQuery) -> NumberList:
    """List the workspace's numbers with the agents that answer them, newest first."""
    found = await context.services[Numbers].list_page(
        context.db, context.workspace_id, status=query.status, page=query.request()
    )
    return NumberList([to_number_view(number) for number in found.rows], **page_fields(query, found))


async def available_numbers(context: MemberContext, query: AvailableQuery) -> AfterCommit[AvailableList]:
    """Search for numbers that the carrier offers. Numbers that a workspace already has are left out."""
    area_code = query.area_code or ""
    require_area(query.country, area_code)
    carrier, numbers = choose_carrier(context.services[Carriers], query.carrier), context.services[Numbers]

    async def ask() -> AvailableList:
        offers = await numbers.search.find_available(carrier, query.country, area_code)
        return AvailableList([to_available(offer) for offer in offers])

    async def leave_out_held(later: Context, found: AvailableList) -> AvailableList:
        held = await numbers.find_held(later.db, [offer.phone_number for offer in found.available])
        free = [offer for offer in found.available if offer.phone_number not in held]
        return AvailableList(free[: query.limit])

    return AfterCommit(ask, leave_out_held)


async def buy_number(context: MemberContext, body: NewNumber) -> CheckedChange[NumberAnswer]:
    """Buy a number. Its status is `buying`, and shortly afterwards `active`, or `failed` with the reason.

    Some numbers are sold only with an address of their holder or with documents. The order uses those in the body, or
    else the workspace's only fitting ones. If the platform takes cards, a workspace that is not on trial needs a
    payment method first.
    """
    carrier = choose_carrier(context.services[Carriers], body.carrier)
    country_of(body.phone_number)
    requirements: list[NumberRequirements] = []

    async def ask() -> None:
        requirements.append(await _fetch_requirements(carrier, body.phone_number))

    return CheckedChange(ask, partial(_buy, body=body, carrier=carrier.name, requirements=requirements))


async def get_number(context: MemberContext, number_id: NumberId) -> NumberAnswer:
    """Return a number with the agent that answers it. Released numbers are returned, too."""
    return NumberAnswer(
        to_number_view(await context.services[Numbers].get(context.db, context.workspace_id, number_id))
    )


async def rename_number(context: MemberContext, number_id: NumberId, body: NumberChange) -> NumberAnswer:
    """Change the workspace's name for a number."""
    number = await context.services[Numbers].rename(
        context.db, context.workspace_id, context.actor, number_id, body.friendly_name, context.now
    )
    return NumberAnswer(to_number_view(number))


async def release_number(context: MemberContext, number_id: NumberId) -> None:
    """Release a number to the carrier, which may sell it to others. Refused while a live agent answers the number."""
    await context.services[Numbers].release(context.db, context.workspace_id, context.actor, number_id, context.now)


async def _fetch_requirements(carrier: Carrier, phone_number: str) -> NumberRequirements:
    """Return the carrier's requirements, or NOT_KNOWN if the carrier does not answer: the purchase checks them
    again.
    """
    country = country_of(phone_number)
    if country is None:
        return NOT_KNOWN
    try:
        return await carrier.documents.fetch_requirements(phone_number, country)
    except CarrierError:
        return NOT_KNOWN


async def _buy(
    context: MemberContext, body: NewNumber, carrier: CarrierName, requirements: list[NumberRequirements]
) -> NumberAnswer:
    order = NumberOrder(
        body.phone_number, body.friendly_name, carrier, body.address_id, body.bundle_id, requirements[-1]
    )
    number = await context.services[Numbers].buy(context.db, context.workspace_id, context.actor, order, context.now)
    return NumberAnswer(to_number_view(number))


def to_number_view(number: PhoneNumber) -> NumberView:
    return copy_fields(
        NumberView,
        number,
        capabilities={name: bool(value) for name, value in number.capabilities.items()},
        monthly_price=_known_price(number),
        currency=CURRENCY,
    )


def _known_price(number: PhoneNumber) -> Decimal | None:
    is_unbought = number.status in ("buying", "failed")
    return None if is_unbought and not number.monthly_price else number.monthly_price


def to_available(number: AvailableNumber) -> AvailableView:
    return copy_fields(
        AvailableView,
        number,
        price=number.monthly_price,
        currency=CURRENCY,
        address_requirements=number.address,
    )


# Errors that several operations return.
_CARRIER_ERRORS: Final = ("409 no_carrier", "422 carrier_not_set_up", "503 carrier_away", "503 carrier_refused")

ROUTES: tuple[Route, ...] = (
    Route("GET", NUMBERS, list_numbers, member("viewer", "numbers:read")),
    # Rate-limited, because each request calls the carrier, which has its own limits.
    Route(
        "GET",
        f"{NUMBERS}/available",
        available_numbers,
        member("viewer", "numbers:read"),
        limit=RateLimit("available-numbers", 60, 60),
        errors=(
            "409 no_carrier",
            "422 area_code_invalid",
            "422 carrier_not_set_up",
            "422 country_unknown",
            "503 carrier_away",
            "503 carrier_refused",
            "503 market_busy",
        ),
    ),
    Route(
        "POST",
        NUMBERS,
        buy_number,
        member("admin", "numbers:write"),
        status=201,
        idempotent=True,
        check_limit=RateLimit("number-purchases", 60, 60),
        errors=(
            "409 no_carrier",
            "409 number_limit",
            "409 number_taken",
            "409 owner_unverified",
            "409 payment_method_required",
            "409 trial_number_limit",
            "409 workspace_suspended",
            "409 address_pending",
            "422 address_ambiguous",
            "422 address_not_in_bundle",
            "422 address_rejected",
            "422 address_required",
            "422 address_unfit",
            "422 address_unknown",
            "422 bundle_ambiguous",
            "422 bundle_not_usable",
            "422 bundle_required",
            "422 bundle_unfit",
            "422 bundle_unknown",
            "422 carrier_not_set_up",
            "422 phone_number_invalid",
            "429 number_daily_limit",
        ),
    ),
    Route(
        "GET", NUMBER, get_number, member("viewer", "numbers:read"), beyond_spec=True, errors=("404 number_not_found",)
    ),
    Route("PUT", NUMBER, rename_number, member("member", "numbers:write"), errors=("404 number_not_found",)),
    Route(
        "DELETE",
        NUMBER,
        release_number,
        member("admin", "numbers:write"),
        errors=("404 number_not_found", "409 number_buying", "409 number_in_use"),
    ),
)


# -- For the staff --

ACCOUNT_NUMBERS = "/admin/phone-numbers"
IMPORT = "/admin/phone-numbers/import"


class AccountNumbersQuery(Query):
    """Filters for the numbers of a carrier account."""

    carrier: CarrierName | None = Field(None, description=_CARRIER)
    digits: str = Field("", pattern=r"^([0-9]{3,15})?$", description="Return only numbers that contain these digits.")
    limit: int = Field(50, ge=1, le=200, description="Maximum number of results.")


class ImportBody(Body):
    """Imports a number of the platform's carrier account into a workspace."""

    workspace_id: UUID = Field(description="The workspace that receives the number.")
    phone_number: str = Field(
        pattern=E164, description="The number as the account lists it.", examples=["+14155550123"]
    )
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    friendly_name: FriendlyName = Field("", description="The workspace's name for the number.", examples=["Main line"])
    take_over: bool = Field(
        False, description="Whether to import the number even if its calls or messages currently go elsewhere."
    )
    monthly_price: Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=4)] | None = Field(
        None,
        description="Monthly price in US dollars; default: the price that the carrier reports. Telnyx reports none.",
        examples=[1.0],
    )


@dataclass(frozen=True, slots=True)
class AccountNumberView:
    """A number in the platform's account at a carrier."""

    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    carrier: CarrierField
    carrier_number_id: Annotated[
        str, Field(description="The carrier's id of the number.", examples=["PN0123456789abcdef0123456789abcdef"])
    ]
    target: Annotated[CallTarget, Field(description="Where calls to the number go: `us`, `nowhere` or `elsewhere`.")]
    pending: Annotated[
        str,
        Field(description="What the number waits for before it takes calls; empty if it takes calls.", examples=[""]),
    ]


@dataclass(frozen=True, slots=True)
class AccountNumberList:
    """Numbers of a carrier account that no workspace has."""

    numbers: Annotated[list[AccountNumberView], Field(description="The numbers.")]
    has_more: Annotated[
        bool, Field(description="Whether there may be more numbers. Filter by digits to find them.", examples=[False])
    ]


@dataclass(frozen=True, slots=True)
class ImportedNumberView:
    """A number that was imported into a workspace."""

    id: Id
    workspace_id: WorkspaceId
    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    friendly_name: Annotated[str, Field(description="The workspace's name for the number.", examples=["Main line"])]
    carrier: CarrierField
    status: Annotated[Status, Field(description="Status of the number.")]
    country: Annotated[str | None, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    monthly_price: Annotated[
        Money, Field(description="Monthly price in US dollars; 0 if the carrier does not report it.", examples=[1.15])
    ]
    currency: Currency
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class ImportedNumberAnswer:
    """The imported number."""

    phone_number: Annotated[ImportedNumberView, Field(description="The phone number.")]


async def list_account_numbers(context: AdminContext, query: AccountNumbersQuery) -> AfterCommit[AccountNumberList]:
    """List the numbers of the platform's account that no workspace has."""
    carrier, numbers = choose_carrier(context.services[Carriers], query.carrier), context.services[Numbers]

    async def ask() -> AccountNumberList:
        found = await find_account_numbers(carrier, query.digits)
        shown = [to_account_number(carrier.name, owned) for owned in found]
        return AccountNumberList(shown, has_more=len(found) >= MOST_LISTED)

    async def leave_out_held(later: Context, found: AccountNumberList) -> AccountNumberList:
        held = await numbers.find_held(later.db, [number.phone_number for number in found.numbers])
        free = [number for number in found.numbers if number.phone_number not in held]
        return AccountNumberList(free[: query.limit], has_more=found.has_more or len(free) > query.limit)

    return AfterCommit(ask, leave_out_held)


async def import_number(context: AdminContext, body: ImportBody) -> CheckedChange[ImportedNumberAnswer]:
    """Import a number of the platform's account into a workspace and route its calls to this platform.

    Refused if the number's calls or messages currently go elsewhere, unless `take_over` is true.
    """
    carrier = choose_carrier(context.services[Carriers], body.carrier)
    await context.services[Numbers].check_import(context.db, body.workspace_id, body.phone_number)
    wanted = NumberImport(body.phone_number, body.friendly_name, carrier.name, body.take_over, body.monthly_price)
    taken: list[TakenNumber] = []

    async def take() -> None:
        taken.append(await take_number(carrier, wanted, UUID(new_id())))

    return CheckedChange(take, partial(_import, body=body, wanted=wanted, taken=taken))


async def _import(
    context: AdminContext, body: ImportBody, wanted: NumberImport, taken: list[TakenNumber]
) -> ImportedNumberAnswer:
    number = await context.services[Numbers].import_number(
        context.db, body.workspace_id, context.actor, wanted, taken[-1], context.now
    )
    return ImportedNumberAnswer(to_imported(number))


def to_account_number(carrier: str, owned: OwnedNumber) -> AccountNumberView:
    return copy_fields(AccountNumberView, owned, carrier=carrier)


def to_imported(number: PhoneNumber) -> ImportedNumberView:
    return copy_fields(ImportedNumberView, number, currency=CURRENCY)


ADMIN_ROUTES: tuple[Route, ...] = (
    # Rate-limited, because each request calls the carrier, which has its own limits.
    Route(
        "GET",
        ACCOUNT_NUMBERS,
        list_account_numbers,
        ANY_ADMIN,
        limit=CARRIER_CHECKS,
        beyond_spec=True,
        errors=_CARRIER_ERRORS,
    ),
    Route(
        "POST",
        IMPORT,
        import_number,
        admin("support"),
        status=201,
        idempotent=True,
        check_limit=CARRIER_CHECKS,
        beyond_spec=True,
        errors=(
            "404 workspace_not_found",
            *_CARRIER_ERRORS,
            "409 number_elsewhere",
            "409 number_limit",
            "409 number_pending",
            "409 number_taken",
            "422 number_not_owned",
            "422 phone_number_invalid",
            "422 price_required",
        ),
    ),
)
