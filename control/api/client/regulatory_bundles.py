"""Routes of regulatory bundles, for the members of their workspace. The staff links them (control/api/admin/
numbers.py)."""

from control.api.client.regulatory_bundles_views import BundleAnswer, BundleList, to_view
from control.http.access import member
from control.http.context import MemberContext
from control.http.fields import BundleId
from control.http.pagination import ListQuery, page_fields
from control.http.route import Route
from control.regulatory_bundles.service import RegulatoryBundles

BUNDLES = "/workspaces/{workspaceId}/regulatory-bundles"


async def list_bundles(context: MemberContext, query: ListQuery) -> BundleList:
    """The workspace's regulatory bundles, newest first."""
    found = await context.services[RegulatoryBundles].list_page(context.db, context.workspace_id, page=query.request())
    return BundleList([to_view(one, context.now) for one in found.rows], **page_fields(query, found))


async def get_bundle(context: MemberContext, bundle_id: BundleId) -> BundleAnswer:
    """One regulatory bundle with its status at the carrier."""
    bundle = await context.services[RegulatoryBundles].get(context.db, context.workspace_id, bundle_id)
    return BundleAnswer(to_view(bundle, context.now))


ROUTES: tuple[Route, ...] = (
    Route("GET", BUNDLES, list_bundles, member("viewer", "numbers:read"), beyond_spec=True),
    Route("GET", f"{BUNDLES}/{{bundleId}}", get_bundle, member("viewer", "numbers:read"), beyond_spec=True),
)
