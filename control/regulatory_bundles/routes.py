"""Routes of regulatory bundles: members list them, and staff link them to workspaces."""

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
_CARRIER: Final = "Name of the carrier; default: the platform's carrier."
# Limits the staff's requests that call a carrier, which has its own limits.
CARRIER_CHECKS: Final = RateLimit("carrier-checks", 60, 60)


# -- For members --

BUNDLES = "/workspaces/{workspaceId}/regulatory-bundles"


@dataclass(frozen=True, slots=True)
class BundleView:
    """Documents about the business that a carrier holds, for numbers of one country and kind."""

    id: Id
    name: Annotated[
        str, Field(description="Name of the bundle, for the workspace's members.", examples=["Berlin office"])
    ]
    carrier: Carrier
    country: Annotated[str, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    number_kind: Annotated[
        str, Field(description="Kind of number: `local`, `mobile`, `national` or `toll_free`.", examples=["local"])
    ]
    status: Annotated[BundleStatus, Field(description="Status at the carrier.")]
    is_usable: Annotated[bool, Field(description="Whether numbers can be bought under the bundle.")]
    valid_until: Annotated[
        datetime | None, Field(description="When the carrier's approval ends (UTC); null if it does not end.")
    ]
    checked_at: Annotated[datetime, Field(description="When the status was last read from the carrier (UTC).")]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """A regulatory bundle of the workspace."""

    bundle: Annotated[BundleView, Field(description="The regulatory bundle.")]


@dataclass(frozen=True, slots=True)
class BundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: Annotated[list[BundleView], Field(description="The regulatory bundles.")]


async def list_bundles(context: MemberContext, query: ListQuery) -> BundleList:
    """List the workspace's regulatory bundles, newest first."""
    found = await context.services[RegulatoryBundles].list_page(context.db, context.workspace_id, page=query.request())
    return BundleList([to_bundle_view(bundle, context.now) for bundle in found.rows], **page_fields(query, found))


async def get_bundle(context: MemberContext, bundle_id: BundleId) -> BundleAnswer:
    """Return a regulatory bundle with its status at the carrier."""
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
    """A bundle to link, which the carrier holds about this workspace's business."""

    carrier: CarrierName | None = Field(None, description=_CARRIER)
    carrier_bundle_id: str = Field(
        pattern=r"^[A-Za-z0-9-]{8,64}$",
        description="The SID of Twilio's regulatory bundle, or the id of Telnyx's requirement group.",
        examples=["BU0123456789abcdef0123456789abcdef"],
    )
    name: ShortName = Field(
        "", description="Name of the bundle, for the workspace's members.", examples=["Riverside Dental"]
    )


@dataclass(frozen=True, slots=True)
class AdminBundleView:
    """A regulatory bundle of a workspace."""

    id: Id
    name: Annotated[
        str, Field(description="Name of the bundle, for the workspace's members.", examples=["Berlin office"])
    ]
    carrier: Carrier
    carrier_bundle_id: Annotated[
        str, Field(description="The carrier's id of the bundle.", examples=["BU0123456789abcdef0123456789abcdef"])
    ]
    country: Annotated[str, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    number_kind: Annotated[str, Field(description="Kind of number that the bundle covers.", examples=["local"])]
    status: Annotated[BundleStatus, Field(description="Status at the carrier.")]
    valid_until: Annotated[
        datetime | None, Field(description="When the carrier's approval ends (UTC); null if it does not end.")
    ]
    carrier_address_ids: Annotated[
        list[str],
        Field(
            description="The carrier's ids of the addresses in the bundle.",
            examples=[["AD0123456789abcdef0123456789abcdef"]],
        ),
    ]
    checked_at: Annotated[datetime, Field(description="When the status was last read from the carrier (UTC).")]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class AdminBundleAnswer:
    """A regulatory bundle of a workspace."""

    bundle: Annotated[AdminBundleView, Field(description="The regulatory bundle.")]


@dataclass(frozen=True, slots=True)
class AdminBundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: Annotated[list[AdminBundleView], Field(description="The regulatory bundles.")]


async def admin_list_bundles(context: AdminContext, workspace_id: WorkspaceId, query: ListQuery) -> AdminBundleList:
    """List a workspace's regulatory bundles, newest first."""
    found = await context.services[RegulatoryBundles].list_page(context.db, workspace_id, page=query.request())
    return AdminBundleList([to_admin_bundle_view(bundle) for bundle in found.rows], **page_fields(query, found))


async def link_bundle(
    context: AdminContext, workspace_id: WorkspaceId, body: BundleLinkBody
) -> CheckedChange[AdminBundleAnswer]:
    """Link a bundle at the carrier to the workspace of its business, which can then buy numbers under it.

    A bundle can belong to only one workspace.
    """
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
    """Unlink a bundle from a workspace. The carrier keeps it. Refused while a number is held under the bundle."""
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
