"""Routes of workspaces, for the staff."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from control.agents.service import Agents
from control.api.admin.workspaces_views import (
    AdminWorkspaceAnswer,
    AdminWorkspaceDetails,
    AdminWorkspaceList,
    to_answer,
    to_line,
    to_owner,
    to_stats,
    to_view,
)
from control.calls.live.service import end_calls_later
from control.db.keyset import PageRequest
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, ChangeBody, LetterName, Slug
from control.http.context import AdminContext
from control.http.fields import WorkspaceId
from control.http.pagination import MAX_LIMIT, ListQuery, page_fields
from control.http.route import Route
from control.numbers.service import Numbers
from control.workspaces.administration import WorkspaceUpdate
from control.workspaces.rules import WorkspaceFilter, WorkspaceStatus
from control.workspaces.service import Workspaces

WORKSPACES = "/admin/workspaces"
WORKSPACE = f"{WORKSPACES}/{{workspaceId}}"

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class WorkspacesQuery(ListQuery):
    """Filters of the list."""

    status: Literal["trial", "active", "suspended", "deleted"] | None = Field(
        None, description="Only workspaces with this status; deleted ones are listed only by this filter."
    )
    search: str | None = Field(
        None, min_length=1, max_length=200, description="Part of the name or of an owner's email address."
    )


class WorkspaceEdit(ChangeBody):
    """Changes; fields that are left out stay unchanged."""

    name: LetterName = Field("", description="The new name.", examples=["Riverside Dental"])
    status: WorkspaceStatus = Field("active", description="The new status; the status trial begins a new trial.")
    subscription_tier: Slug = Field(
        "", description="An available tier whose limits the workspace does not exceed.", examples=["starter"]
    )
    outbound_countries: list[Country] = Field(
        default_factory=list,
        max_length=300,
        description="The only countries that its calls may go to (ISO 3166); an empty list: those of its own numbers, "
        "the United States and Canada.",
        examples=[["DE", "AT"]],
    )


class Suspension(Body):
    """The reason of a suspension, for the staff and the audit log; not shown to the members."""

    reason: Annotated[Reason, Field(description="Why, for the staff and the audit log.", examples=["Payment overdue"])]
    end_calls: bool = Field(True, description="Running calls end with a goodbye; false: they continue.")


class TierChoice(Body):
    """The new tier."""

    tier_name: Annotated[Slug, Field(description="Name of the tier, for programs.", examples=["starter"])]


async def list_workspaces(context: AdminContext, query: WorkspacesQuery) -> AdminWorkspaceList:
    """All workspaces, newest first."""
    wanted = WorkspaceFilter(query.status, query.search)
    found = await context.services[Workspaces].administration.find(context.db, wanted, page=query.request())
    return AdminWorkspaceList([to_line(line) for line in found.rows], **page_fields(query, found))


async def get_workspace(context: AdminContext, workspace_id: WorkspaceId) -> AdminWorkspaceDetails:
    """A workspace with its owner, members, agents and figures; also a deleted one until it is purged."""
    db, workspaces = context.db, context.services[Workspaces]
    workspace = await workspaces.administration.get(db, workspace_id)
    owner = await workspaces.administration.owner(db, workspace_id)
    first = PageRequest(MAX_LIMIT)
    members = await workspaces.members.list_page(db, workspace_id, page=first)
    agents = await context.services[Agents].list_page(db, workspace_id, status=None, search=None, page=first)
    stats = await workspaces.administration.stats(db, workspace_id)
    return AdminWorkspaceDetails(to_view(workspace), to_owner(owner), members.rows, agents.rows, to_stats(stats))


async def update_workspace(
    context: AdminContext, workspace_id: WorkspaceId, body: WorkspaceEdit
) -> AdminWorkspaceAnswer:
    """Changes name, status, tier or the countries that calls may go to; all changes or none take effect. The status
    `suspended` ends running calls, as `/suspend` does."""
    changes = body.model_dump(exclude_unset=True)
    edit = WorkspaceUpdate(
        name=changes.get("name"),
        status=changes.get("status"),
        tier_name=changes.get("subscription_tier"),
        outbound_countries=changes.get("outbound_countries"),
    )
    staff = context.services[Workspaces].administration
    workspace = await staff.update(context.db, context.actor, workspace_id, edit, context.now)
    if edit.status == "suspended":
        await end_calls_later(context.db, workspace_id)
    return to_answer(workspace)


async def delete_workspace(context: AdminContext, workspace_id: WorkspaceId) -> None:
    """Deletes a workspace. Its members lose access at once; its data is purged after the grace period. The phone
    numbers of one on trial are given back at once."""
    await context.services[Numbers].release_trial(context.db, workspace_id, context.now)
    await context.services[Workspaces].administration.delete(context.db, context.actor, workspace_id, context.now)


async def suspend_workspace(context: AdminContext, workspace_id: WorkspaceId, body: Suspension) -> AdminWorkspaceAnswer:
    """Suspends a workspace. Its agents answer no calls, and running calls end with a goodbye, unless `end_calls` is
    false. Its members can read, pause, delete and leave, but cannot create or change agents, change the workspace or
    invite anybody."""
    staff = context.services[Workspaces].administration
    workspace = await staff.suspend(context.db, context.actor, workspace_id, body.reason, context.now)
    if body.end_calls:
        await end_calls_later(context.db, workspace_id)
    return to_answer(workspace)


async def activate_workspace(context: AdminContext, workspace_id: WorkspaceId) -> AdminWorkspaceAnswer:
    """Ends a suspension. The workspace gets its status from before; a trial that has expired becomes active."""
    staff = context.services[Workspaces].administration
    return to_answer(await staff.activate(context.db, context.actor, workspace_id, context.now))


async def change_tier(context: AdminContext, workspace_id: WorkspaceId, body: TierChoice) -> AdminWorkspaceAnswer:
    """Changes a workspace's tier. Refused with the limits that the workspace exceeds."""
    staff = context.services[Workspaces].administration
    return to_answer(await staff.change_tier(context.db, context.actor, workspace_id, body.tier_name, context.now))


async def restore_workspace(context: AdminContext, workspace_id: WorkspaceId) -> AdminWorkspaceAnswer:
    """Restores a deleted workspace."""
    staff = context.services[Workspaces].administration
    return to_answer(await staff.restore(context.db, context.actor, workspace_id, context.now))


ROUTES: tuple[Route, ...] = (
    Route("GET", WORKSPACES, list_workspaces, ANY_ADMIN),
    Route("GET", WORKSPACE, get_workspace, ANY_ADMIN),
    Route("PUT", WORKSPACE, update_workspace, admin("support")),
    Route("DELETE", WORKSPACE, delete_workspace, admin()),
    Route("POST", f"{WORKSPACE}/suspend", suspend_workspace, admin("support")),
    Route("POST", f"{WORKSPACE}/activate", activate_workspace, admin("support")),
    Route("POST", f"{WORKSPACE}/change-tier", change_tier, admin("support", "finance")),
    Route("POST", f"{WORKSPACE}/restore", restore_workspace, admin("support"), beyond_spec=True),
)
