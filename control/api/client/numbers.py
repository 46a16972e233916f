"""Routes of phone numbers, for the members of their workspace."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.api.client.numbers_views import AvailableList, NumberAnswer, NumberList, to_available, to_view
from control.carriers.rules import (
    E164,
    NOT_KNOWN,
    Carrier,
    CarrierError,
    CarrierName,
    NumberRequirements,
    country_of,
    require_area,
)
from control.carriers.service import Carriers, choose_carrier
from control.http.access import member
from control.http.after_commit import AfterCommit, CheckedChange
from control.http.body import ONE_LINE, Body
from control.http.context import Context, MemberContext
from control.http.pagination import ListQuery, Query, page_fields
from control.http.route import RateLimit, Route
from control.numbers.rules import NumberOrder, Status
from control.numbers.service import Numbers

NumberId = Annotated[UUID, Field(description="Id of the phone number.")]

NUMBERS = "/workspaces/{workspaceId}/phone-numbers"
NUMBER = f"{NUMBERS}/{{numberId}}"

FriendlyName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
_CARRIER: Final = "The carrier; by default the platform's."


class NumbersQuery(ListQuery):
    """Filters of the list."""

    status: Status | None = Field(
        None, description="Only those with this status; released numbers are listed only by this filter."
    )


class AvailableQuery(Query):
    """Filters of the search."""

    area_code: str | None = Field(None, pattern=r"^[0-9]{2,5}$", description="Area code, without a leading 0.")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="ISO 3166 code of the country.")
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    limit: int = Field(20, ge=1, le=50, description="The most that are returned.")


class NewNumber(Body):
    """A number to buy."""

    phone_number: str = Field(
        pattern=E164, description="A number as returned by `GET …/phone-numbers/available`.", examples=["+12025550123"]
    )
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    friendly_name: Annotated[
        FriendlyName, Field(description="The workspace's own name for the number.", examples=["Main line"])
    ] = ""
    address_id: UUID | None = Field(
        None, description="The address that it is bought under, if it needs one; by default the only one that fits."
    )
    bundle_id: UUID | None = Field(
        None, description="The regulatory bundle that it is bought under, if it needs one; by default the only one."
    )


class NumberChange(Body):
    """Changes of a number."""

    friendly_name: FriendlyName = Field(description="The workspace's name for the number.", examples=["Main line"])


async def list_numbers(context: MemberContext, query: NumbersQuery) -> NumberList:
    """The workspace's numbers with the agents that answer them, newest first."""
    found = await context.services[Numbers].list_page(
        context.db, context.workspace_id, status=query.status, page=query.request()
    )
    return NumberList([to_view(one) for one in found.rows], **page_fields(query, found))


async def available_numbers(context: MemberContext, query: AvailableQuery) -> AfterCommit[AvailableList]:
    """Numbers that can be bought: those that the carrier offers, without any that a workspace has already."""
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
    """Buys a number. Its status is buying, and a moment later active, or failed with the reason. Some numbers are sold
    only with an address of their holder, or with documents: those that the body names, else the workspace's only
    fitting ones. Where cards are taken, a workspace that is not on trial needs a payment method first."""
    carrier = choose_carrier(context.services[Carriers], body.carrier)
    country_of(body.phone_number)
    requirements: list[NumberRequirements] = []

    async def ask() -> None:
        requirements.append(await _fetch_requirements(carrier, body.phone_number))

    return CheckedChange(ask, partial(_buy, body=body, carrier=carrier.name, requirements=requirements))


async def get_number(context: MemberContext, number_id: NumberId) -> NumberAnswer:
    """One number with the agent that answers it; a released one, too."""
    return NumberAnswer(to_view(await context.services[Numbers].get(context.db, context.workspace_id, number_id)))


async def rename_number(context: MemberContext, number_id: NumberId, body: NumberChange) -> NumberAnswer:
    """Changes the workspace's name for a number."""
    number = await context.services[Numbers].rename(
        context.db, context.workspace_id, context.actor, number_id, body.friendly_name, context.now
    )
    return NumberAnswer(to_view(number))


async def release_number(context: MemberContext, number_id: NumberId) -> None:
    """Releases a number to the carrier, which may sell it to others. Refused while a live agent answers it."""
    await context.services[Numbers].release(context.db, context.workspace_id, context.actor, number_id, context.now)


async def _fetch_requirements(carrier: Carrier, phone_number: str) -> NumberRequirements:
    """What the carrier requires; unknown where it does not answer, for then the purchase tells."""
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
    return NumberAnswer(to_view(number))


ROUTES: tuple[Route, ...] = (
    Route("GET", NUMBERS, list_numbers, member("viewer", "numbers:read")),
    # Limited, because each request calls the carrier, which has limits, too.
    Route(
        "GET",
        f"{NUMBERS}/available",
        available_numbers,
        member("viewer", "numbers:read"),
        limit=RateLimit("available-numbers", 60, 60),
    ),
    Route(
        "POST",
        NUMBERS,
        buy_number,
        member("admin", "numbers:write"),
        status=201,
        idempotent=True,
        check_limit=RateLimit("number-purchases", 60, 60),
    ),
    Route("GET", NUMBER, get_number, member("viewer", "numbers:read"), beyond_spec=True),
    Route("PUT", NUMBER, rename_number, member("member", "numbers:write")),
    Route("DELETE", NUMBER, release_number, member("admin", "numbers:write")),
)
