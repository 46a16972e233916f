"""Routes of phone numbers, for the staff: documents of workspaces, and numbers that the platform's accounts have."""

from decimal import Decimal
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.api.admin.numbers_views import (
    AccountNumberList,
    AdminBundleAnswer,
    AdminBundleList,
    ImportedNumberAnswer,
    to_account_number,
    to_bundle,
    to_imported,
)
from control.carriers.rules import E164, CarrierBundle, CarrierError, CarrierName, CarrierUnavailable
from control.carriers.service import Carriers, choose_carrier
from control.http.access import ANY_ADMIN, admin
from control.http.after_commit import AfterCommit, CheckedChange
from control.http.body import ONE_LINE, Body
from control.http.context import AdminContext, Context
from control.http.fields import BundleId, WorkspaceId
from control.http.pagination import ListQuery, Query, page_fields
from control.http.route import RateLimit, Route
from control.numbers.rules import NumberImport, TakenNumber
from control.numbers.service import MOST_LISTED, Numbers, find_account_numbers, take_number
from control.regulatory_bundles.service import BundleLink, RegulatoryBundles
from shared.errors import Unavailable
from shared.ids import new_id

NUMBERS = "/admin/phone-numbers"
IMPORT = "/admin/phone-numbers/import"
BUNDLES = "/admin/workspaces/{workspaceId}/regulatory-bundles"
_CARRIER: Final = "The carrier; by default the platform's."
_CHECKS: Final = RateLimit("carrier-checks", 60, 60)
ShortName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]


class AccountNumbersQuery(Query):
    """Which numbers of the account."""

    carrier: CarrierName | None = Field(None, description=_CARRIER)
    digits: str = Field("", pattern=r"^([0-9]{3,15})?$", description="Only numbers that contain these digits.")
    limit: int = Field(50, ge=1, le=200, description="The most that are returned.")


class ImportBody(Body):
    """A number of the platform's account that a workspace is to have."""

    workspace_id: UUID = Field(description="The workspace that is to have it.")
    phone_number: str = Field(pattern=E164, description="As the account has it.", examples=["+14155550123"])
    carrier: CarrierName | None = Field(None, description=_CARRIER)
    friendly_name: ShortName = Field("", description="The workspace's name for the number.", examples=["Main line"])
    take_over: bool = Field(False, description="Whether to take it, too, when its calls or messages go elsewhere now.")
    monthly_price: Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=4)] | None = Field(
        None,
        description="What it costs a month, in US dollars; by default what the carrier tells. Telnyx tells none.",
        examples=[1.0],
    )


class BundleLinkBody(Body):
    """A bundle that the carrier has about this workspace's business."""

    carrier: CarrierName | None = Field(None, description=_CARRIER)
    carrier_bundle_id: str = Field(
        pattern=r"^[A-Za-z0-9-]{8,64}$",
        description="The SID of Twilio's regulatory bundle, or the id of Telnyx's requirement group.",
        examples=["BU0123456789abcdef0123456789abcdef"],
    )
    name: ShortName = Field(
        "", description="A name that members of the workspace know it by.", examples=["Riverside Dental"]
    )


async def list_account_numbers(context: AdminContext, query: AccountNumbersQuery) -> AfterCommit[AccountNumberList]:
    """Numbers of the platform's account that no workspace has."""
    carrier, numbers = choose_carrier(context.services[Carriers], query.carrier), context.services[Numbers]

    async def ask() -> AccountNumberList:
        found = await find_account_numbers(carrier, query.digits)
        shown = [to_account_number(carrier.name, one) for one in found]
        return AccountNumberList(shown, has_more=len(found) >= MOST_LISTED)

    async def leave_out_held(later: Context, found: AccountNumberList) -> AccountNumberList:
        held = await numbers.find_held(later.db, [one.phone_number for one in found.numbers])
        free = [one for one in found.numbers if one.phone_number not in held]
        return AccountNumberList(free[: query.limit], has_more=found.has_more or len(free) > query.limit)

    return AfterCommit(ask, leave_out_held)


async def import_number(context: AdminContext, body: ImportBody) -> CheckedChange[ImportedNumberAnswer]:
    """Gives a number of the platform's account to a workspace, and sends its calls to us. Refused when its calls or
    messages go elsewhere now, unless `take_over`."""
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


async def list_bundles(context: AdminContext, workspace_id: WorkspaceId, query: ListQuery) -> AdminBundleList:
    """A workspace's regulatory bundles, newest first."""
    found = await context.services[RegulatoryBundles].list_page(context.db, workspace_id, page=query.request())
    return AdminBundleList([to_bundle(one) for one in found.rows], **page_fields(query, found))


async def link_bundle(
    context: AdminContext, workspace_id: WorkspaceId, body: BundleLinkBody
) -> CheckedChange[AdminBundleAnswer]:
    """Links a bundle that the carrier has to the workspace of its business, which can buy numbers under it then. A
    bundle is of one workspace."""
    carrier = choose_carrier(context.services[Carriers], body.carrier)
    await context.services[RegulatoryBundles].require_workspace(context.db, workspace_id)
    wanted = BundleLink(carrier.name, body.carrier_bundle_id, body.name)
    found: list[CarrierBundle | None] = []

    async def fetch() -> None:
        try:
            found.append(await carrier.documents.fetch_bundle(body.carrier_bundle_id))
        except CarrierUnavailable:
            raise Unavailable("The phone carrier is unavailable. Try again in a moment.", code="carrier_away") from None
        except CarrierError:
            raise Unavailable("The phone carrier refused the request.", code="carrier_refused") from None

    return CheckedChange(fetch, partial(_link, workspace_id=workspace_id, wanted=wanted, found=found))


async def _link(
    context: AdminContext, workspace_id: UUID, wanted: BundleLink, found: list[CarrierBundle | None]
) -> AdminBundleAnswer:
    bundle = await context.services[RegulatoryBundles].link(
        context.db, workspace_id, context.actor, wanted, found[-1], context.now
    )
    return AdminBundleAnswer(to_bundle(bundle))


async def unlink_bundle(context: AdminContext, workspace_id: WorkspaceId, bundle_id: BundleId) -> None:
    """Takes a bundle from a workspace; the carrier keeps it. Refused while a number is held under it."""
    await context.services[RegulatoryBundles].unlink(context.db, workspace_id, context.actor, bundle_id)


ROUTES: tuple[Route, ...] = (
    # Limited, because each request calls the carrier, which has limits, too.
    Route("GET", NUMBERS, list_account_numbers, ANY_ADMIN, limit=_CHECKS, beyond_spec=True),
    Route(
        "POST",
        IMPORT,
        import_number,
        admin("support"),
        status=201,
        idempotent=True,
        check_limit=_CHECKS,
        beyond_spec=True,
    ),
    Route("GET", BUNDLES, list_bundles, ANY_ADMIN, beyond_spec=True),
    Route(
        "POST",
        BUNDLES,
        link_bundle,
        admin("support"),
        status=201,
        idempotent=True,
        check_limit=_CHECKS,
        beyond_spec=True,
    ),
    Route("DELETE", f"{BUNDLES}/{{bundleId}}", unlink_bundle, admin("support"), beyond_spec=True),
)
