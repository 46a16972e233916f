"""Phone numbers, for the members of their workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.carriers.book import Carriers
from control.carriers.model import Available, Carrier, CarrierName, CarrierRefused
from control.http.access import member
from control.http.after import After
from control.http.body import ONE_LINE, Body, Money
from control.http.context import MemberContext
from control.http.page import PageQuery, Query
from control.http.route import Limit, Route
from control.numbers.model import Number, Status, Wanted
from control.numbers.plan import E164, require_area
from shared.errors import Invalid

NUMBERS = "/workspaces/{workspaceId}/phone-numbers"
NUMBER = f"{NUMBERS}/{{numberId}}"

FriendlyName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
_CARRIER: Final = "Whose numbers; the platform's usual carrier unless said."


class NumbersQuery(PageQuery):
    """Which numbers."""

    status: Status | None = Field(None, description="Only those with this status; released ones come only so.")


class AvailableQuery(Query):
    """Which numbers are looked for."""

    area_code: str | None = Field(None, pattern=r"^[0-9]{2,5}$", description="Area code, without a leading 0.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="ISO 3166 code of the country.")
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    limit: int = Field(20, ge=1, le=50, description="How many at most.")


class NewNumber(Body):
    """A number that is to be bought."""

    phone_number: str = Field(pattern=E164, description="As GET …/available told it.")
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    friendly_name: FriendlyName = ""


class NumberChange(Body):
    """What shall change."""

    friendly_name: FriendlyName = Field(description="What the workspace calls it.")


@dataclass(frozen=True, slots=True)
class NumberView:
    """A number. status: buying and releasing are on their way; status_detail tells why a purchase failed.
    monthly_price: in US dollars, 0 where the carrier does not tell."""

    id: UUID
    phone_number: str
    friendly_name: str
    carrier: str
    status: Status
    status_detail: str | None
    agent_id: UUID | None
    agent_name: str | None
    country: str | None
    capabilities: Mapping[str, bool]
    monthly_price: Money
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """A number."""

    phone_number: NumberView


@dataclass(frozen=True, slots=True)
class NumberList:
    """A page of numbers."""

    phone_numbers: list[NumberView]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class AvailableView:
    """A number that can be bought. price: a month, in US dollars; null where the carrier does not tell."""

    phone_number: str
    locality: str
    region: str
    price: Money | None


@dataclass(frozen=True, slots=True)
class AvailableList:
    """Numbers that can be bought at the moment; nobody holds them back."""

    available: list[AvailableView]


async def list_numbers(context: MemberContext, query: NumbersQuery) -> NumberList:
    """The workspace's numbers, newest first, with the agents that answer them."""
    numbers, total = await context.services.numbers.find(
        context.db, context.workspace_id, status=query.status, offset=query.offset, limit=query.limit
    )
    return NumberList([_view(one) for one in numbers], total, query.page, query.limit)


async def available_numbers(context: MemberContext, query: AvailableQuery) -> After[AvailableList]:
    """Numbers that can be bought, as the carrier tells."""
    area_code = query.area_code or ""
    require_area(query.country, area_code)
    carrier, market = _carrier(context.services.carriers, query.carrier), context.services.numbers.market

    async def ask() -> AvailableList:
        found = await market.available(carrier, query.country, area_code, query.limit)
        return AvailableList([_available(one) for one in found])

    return After(ask)


async def buy_number(context: MemberContext, body: NewNumber) -> NumberAnswer:
    """Buys a number. The answer's status is buying; a moment later it is active, or failed with the reason."""
    carrier = _carrier(context.services.carriers, body.carrier).name
    number = await context.services.numbers.buy(
        context.db,
        context.workspace_id,
        context.actor,
        Wanted(body.phone_number, body.friendly_name, carrier),
        context.now,
    )
    return NumberAnswer(_view(number))


async def rename_number(context: MemberContext, number_id: UUID, body: NumberChange) -> NumberAnswer:
    """Changes what the workspace calls a number."""
    number = await context.services.numbers.rename(
        context.db, context.workspace_id, context.actor, number_id, body.friendly_name, context.now
    )
    return NumberAnswer(_view(number))


async def release_number(context: MemberContext, number_id: UUID) -> None:
    """Gives a number back, unless a live agent answers it. Somebody else may get it then."""
    await context.services.numbers.release(context.db, context.workspace_id, context.actor, number_id, context.now)


def _carrier(carriers: Carriers, name: CarrierName | None) -> Carrier:
    """Raises Invalid (code carrier_not_set_up), Conflict (no_carrier)."""
    if name is None:
        return carriers.default
    try:
        return carriers.get(name)
    except CarrierRefused:
        raise Invalid("This carrier is not set up.", code="carrier_not_set_up", param="carrier") from None


def _view(number: Number) -> NumberView:
    return NumberView(
        number.id, number.phone_number, number.friendly_name, number.carrier, number.status, number.status_detail,
        number.agent_id, number.agent_name, number.country, _flags(number.capabilities), number.monthly_price,
        number.created_at, number.updated_at, number.released_at,
    )  # fmt: skip


def _flags(told: Mapping[str, Any]) -> dict[str, bool]:
    return {name: bool(value) for name, value in told.items()}


def _available(one: Available) -> AvailableView:
    return AvailableView(one.phone_number, one.locality, one.region, one.monthly_price)


ROUTES: tuple[Route, ...] = (
    Route("GET", NUMBERS, list_numbers, member("viewer")),
    # Each may be a question to the carrier, who counts them.
    Route("GET", f"{NUMBERS}/available", available_numbers, member("viewer"), limit=Limit("available-numbers", 60, 60)),
    Route("POST", NUMBERS, buy_number, member("admin"), status=201, idempotent=True),
    Route("PUT", NUMBER, rename_number, member("member")),
    Route("DELETE", NUMBER, release_number, member("admin")),
)
