"""Routes of regulatory bundles, for the members of their workspace, and for the staff, who link them."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.carriers.rules import BundleStatus, CarrierBundle, CarrierError, CarrierName, CarrierUnavailable
from control.carriers.service import Carriers, choose_carrier
from control.http.access import ANY_ADMIN, admin, member
from control.http.body import ONE_LINE, Body
from control.http.context import AdminContext, MemberContext
from control.http.fields import BundleId, Carrier, CreatedAt, Id, WorkspaceId, copy_fields
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.responses.after_commit import CheckedChange
from control.http.route import RateLimit, Route
from control.regulatory_bundles.rules import RegulatoryBundle, is_usable
from control.regulatory_bundles.service import BundleLink, RegulatoryBundles
from shared.errors import Unavailable

ShortName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
_CARRIER: Final = "The carrier; by default the platform's."
# Of requests of the staff that ask a carrier, which has limits, too.
CARRIER_CHECKS: Final = RateLimit("carrier-checks", 60, 60)


# -- For members --

BUNDLES = "/workspaces/{workspaceId}/regulatory-bundles"


@dataclass(frozen=True, slots=True)
class BundleView:
    """Documents about the business that a carrier has, for numbers of one country and kind."""

    id: Id
    name: Annotated[str, Field(description="Name that the workspace's members know it by.", examples=["Berlin office"])]
    carrier: Carrier
    country: Annotated[str, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    number_kind: Annotated[str, Field(description="`local`, `mobile`, `national`, `toll_free`.", examples=["local"])]
    status: Annotated[BundleStatus, Field(description="Status at the carrier.")]
    is_usable: Annotated[bool, Field(description="Whether numbers can be bought under it.")]
    valid_until: Annotated[datetime | None, Field(description="When the carrier's approval ends; null without an end.")]
    checked_at: Annotated[datetime, Field(description="When its status was read at the carrier (UTC).")]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """A regulatory bundle."""

    bundle: Annotated[BundleView, Field(description="The regulatory bundle.")]


@dataclass(frozen=True, slots=True)
class BundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: Annotated[list[BundleView], Field(description="The regulatory bundles.")]


async def list_bundles(context: MemberContext, query: ListQuery) -> BundleList:
    """The workspace's regulatory bundles, newest first."""
    found = await context.services[RegulatoryBundles].list_page(context.db, context.workspace_id, page=query.request())
    return BundleList([to_bundle_view(bundle, context.now) for bundle in found.rows], **page_fields(query, found))


async def get_bundle(context: MemberContext, bundle_id: BundleId) -> BundleAnswer:
    """One regulatory bundle with its status at the carrier."""
    bundle = await context.services[RegulatoryBundles].get(context.db, context.workspace_id, bundle_id)
    return BundleAnswer(to_bundle_view(bundle, context.now))


def to_bundle_view(bundle: RegulatoryBundle, now: datetime) -> BundleView:
    return copy_fields(BundleView, bundle, is_usable=is_usable(bundle, now))


ROUTES: tuple[Route, ...] = (
    Route("GET", BUNDLES, list_bundles, member("viewer", "numbers:read"), beyond_spec=True),
    Route(
        "GET",
        f"{BUNDLES}/{{bundleId}}",
        get_bundle,
        member("viewer", "numbers:read"),
        beyond_spec=True,
        errors=("404 bundle_not_found",),
    ),
)


# -- For the staff --

ADMIN_BUNDLES = "/admin/workspaces/{workspaceId}/regulatory-bundles"


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


@dataclass(frozen=True, slots=True)
class AdminBundleView:
    """A regulatory bundle of a workspace."""

    id: Id
    name: Annotated[str, Field(description="Name that the workspace's members know it by.", examples=["Berlin office"])]
    carrier: Carrier
    carrier_bundle_id: Annotated[
        str, Field(description="The carrier's id of it.", examples=["BU0123456789abcdef0123456789abcdef"])
    ]
    country: Annotated[str, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    number_kind: Annotated[str, Field(description="Kind of the numbers that it is for.", examples=["local"])]
    status: Annotated[BundleStatus, Field(description="Status at the carrier.")]
    valid_until: Annotated[
        datetime | None, Field(description="When the carrier's approval ends (UTC); null without an end.")
    ]
    carrier_address_ids: Annotated[
        list[str],
        Field(
            description="The addresses in it, by the carrier's ids.", examples=[["AD0123456789abcdef0123456789abcdef"]]
        ),
    ]
    checked_at: Annotated[datetime, Field(description="When its status was read at the carrier (UTC).")]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class AdminBundleAnswer:
    """A regulatory bundle."""

    bundle: Annotated[AdminBundleView, Field(description="The regulatory bundle.")]


@dataclass(frozen=True, slots=True)
class AdminBundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: Annotated[list[AdminBundleView], Field(description="The regulatory bundles.")]


async def admin_list_bundles(context: AdminContext, workspace_id: WorkspaceId, query: ListQuery) -> AdminBundleList:
    """A workspace's regulatory bundles, newest first."""
    found = await context.services[RegulatoryBundles].list_page(context.db, workspace_id, page=query.request())
    return AdminBundleList([to_admin_bundle_view(bundle) for bundle in found.rows], **page_fields(query, found))


async def link_bundle(
    context: AdminContext, workspace_id: WorkspaceId, body: BundleLinkBody
) -> CheckedChange[AdminBundleAnswer]:
    """Link a bundle that the carrier has to the workspace of its business, which can buy numbers under it then. A
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
    return AdminBundleAnswer(to_admin_bundle_view(bundle))


async def unlink_bundle(context: AdminContext, workspace_id: WorkspaceId, bundle_id: BundleId) -> None:
    """Take a bundle from a workspace; the carrier keeps it. Refused while a number is held under it."""
    await context.services[RegulatoryBundles].unlink(context.db, workspace_id, context.actor, bundle_id)


def to_admin_bundle_view(bundle: RegulatoryBundle) -> AdminBundleView:
    return copy_fields(AdminBundleView, bundle, carrier_address_ids=list(bundle.carrier_address_ids))


ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", ADMIN_BUNDLES, admin_list_bundles, ANY_ADMIN, beyond_spec=True),
    Route(
        "POST",
        ADMIN_BUNDLES,
        link_bundle,
        admin("support"),
        status=201,
        idempotent=True,
        check_limit=CARRIER_CHECKS,
        beyond_spec=True,
        errors=(
            "404 workspace_not_found",
            "409 no_carrier",
            "422 carrier_not_set_up",
            "503 carrier_away",
            "503 carrier_refused",
            "409 bundle_limit",
            "409 bundle_linked",
            "422 bundle_unknown",
        ),
    ),
    Route(
        "DELETE",
        f"{ADMIN_BUNDLES}/{{bundleId}}",
        unlink_bundle,
        admin("support"),
        beyond_spec=True,
        errors=("404 bundle_not_found", "409 bundle_in_use"),
    ),
)
