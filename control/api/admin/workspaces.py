"""Workspaces, as the staff sees and changes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from control.agents.model import Listed
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, Money
from control.http.context import AdminContext
from control.http.page import MOST, PageQuery
from control.http.route import Route
from control.workspaces.model import Line, Member, Stats, Status, Wanted, Workspace
from control.workspaces.staff import Edit

WORKSPACES = "/admin/workspaces"
WORKSPACE = f"{WORKSPACES}/{{workspaceId}}"

_ONE_LINE = r"^[^\u0000-\u001f\u007f]*$"
WorkspaceName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_ONE_LINE)
]
TierName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class WorkspacesQuery(PageQuery):
    """Which workspaces."""

    status: Literal["trial", "active", "suspended", "deleted"] | None = Field(
        None, description="Only those with this status; deleted ones are listed only when they are asked for."
    )
    search: str | None = Field(
        None, min_length=1, max_length=200, description="A part of the name or of an owner's e-mail address."
    )


class WorkspaceEdit(Body):
    """What shall change; what is left out stays."""

    name: WorkspaceName = Field("", description="Its new name.")
    # A factory, for the schema would show a plain default as what happens when nothing is said.
    status: Status = Field(
        default_factory=lambda: "active", description="Another status; one that is set on trial gets a new trial."
    )
    subscription_tier: TierName = Field("", description="A tier on offer into which the workspace fits.")
    outbound_countries: list[Country] = Field(
        default_factory=list, max_length=300,
        description="The only countries that its calls may go to (ISO 3166); an empty list: those of its own numbers, "
        "the United States and Canada.",
    )  # fmt: skip


class Suspension(Body):
    """Why a workspace is suspended; for the staff and the audit log, not shown to its members."""

    reason: Reason


class TierChoice(Body):
    """The tier to be."""

    tier_name: TierName


@dataclass(frozen=True, slots=True)
class WorkspaceLine:
    """A workspace in the list. owner_email: of the owner who has been there longest. Figures are of all time."""

    id: UUID
    name: str
    industry: str | None
    owner_email: str | None
    status: Status
    subscription_tier: str
    created_at: datetime
    deleted_at: datetime | None
    total_calls: int
    total_revenue: Money


@dataclass(frozen=True, slots=True)
class WorkspaceList:
    """A page of workspaces, newest first."""

    workspaces: list[WorkspaceLine]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A workspace. status_before: what a suspended one goes back to. purge_after: until then a deleted one can be
    restored. outbound_countries: the only ones that its calls may go to; empty where none were set."""

    id: UUID
    name: str
    industry: str | None
    timezone: str
    status: Status
    status_before: Status | None
    subscription_tier: str
    outbound_countries: Sequence[str]
    trial_ends_at: datetime | None
    suspended_at: datetime | None
    suspended_why: str | None
    deleted_at: datetime | None
    purge_after: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OwnerView:
    """The owner who has been there longest."""

    id: UUID
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class StatsView:
    """Of all time, without test calls."""

    total_calls: int
    total_revenue: Money
    active_agents: int


@dataclass(frozen=True, slots=True)
class WorkspaceDetails:
    """A workspace with its first members and newest agents. owner: none when every owner's account is gone."""

    workspace: WorkspaceView
    owner: OwnerView | None
    members: list[Member]
    agents: list[Listed]
    stats: StatsView


@dataclass(frozen=True, slots=True)
class WorkspaceAnswer:
    """A workspace."""

    workspace: WorkspaceView


async def list_workspaces(context: AdminContext, query: WorkspacesQuery) -> WorkspaceList:
    """All workspaces, newest first."""
    lines, total = await context.services.workspaces.staff.find(
        context.db, Wanted(query.status, query.search), offset=query.offset, limit=query.limit
    )
    return WorkspaceList([_line(line) for line in lines], total, query.page, query.limit)


async def get_workspace(context: AdminContext, workspace_id: UUID) -> WorkspaceDetails:
    """A workspace with its owner, members, agents and figures; a deleted one too, until it is purged."""
    db, workspaces = context.db, context.services.workspaces
    workspace = await workspaces.staff.get(db, workspace_id)
    owner = await workspaces.staff.owner(db, workspace_id)
    members, _ = await workspaces.members.page(db, workspace_id, offset=0, limit=MOST)
    agents, _ = await context.services.agents.find(db, workspace_id, status=None, search=None, offset=0, limit=MOST)
    stats = await workspaces.staff.stats(db, workspace_id)
    return WorkspaceDetails(_view(workspace), _owner(owner), members, agents, _stats(stats))


async def update_workspace(context: AdminContext, workspace_id: UUID, body: WorkspaceEdit) -> WorkspaceAnswer:
    """Changes name, status, tier or the countries that calls may go to; all of it or nothing."""
    given = body.model_dump(exclude_unset=True)
    edit = Edit(given.get("name"), given.get("status"), given.get("subscription_tier"), given.get("outbound_countries"))
    staff = context.services.workspaces.staff
    return _answer(await staff.update(context.db, context.actor, workspace_id, edit, context.now))


async def delete_workspace(context: AdminContext, workspace_id: UUID) -> None:
    """Deletes a workspace: gone for its members at once, for good after the grace period."""
    await context.services.workspaces.staff.delete(context.db, context.actor, workspace_id, context.now)


async def suspend_workspace(context: AdminContext, workspace_id: UUID, body: Suspension) -> WorkspaceAnswer:
    """Suspends a workspace: its agents answer no calls; its members can read, pause, delete and leave, but make and
    change neither agents nor the workspace, and invite nobody."""
    staff = context.services.workspaces.staff
    return _answer(await staff.suspend(context.db, context.actor, workspace_id, body.reason, context.now))


async def activate_workspace(context: AdminContext, workspace_id: UUID) -> WorkspaceAnswer:
    """Ends a suspension: the workspace is what it was before; a trial that is over by now becomes active."""
    staff = context.services.workspaces.staff
    return _answer(await staff.activate(context.db, context.actor, workspace_id, context.now))


async def change_tier(context: AdminContext, workspace_id: UUID, body: TierChoice) -> WorkspaceAnswer:
    """Gives a workspace another tier, if it fits into it; else tells what is too much."""
    staff = context.services.workspaces.staff
    return _answer(await staff.change_tier(context.db, context.actor, workspace_id, body.tier_name, context.now))


async def restore_workspace(context: AdminContext, workspace_id: UUID) -> WorkspaceAnswer:
    """Brings a deleted workspace back, as it was."""
    staff = context.services.workspaces.staff
    return _answer(await staff.restore(context.db, context.actor, workspace_id, context.now))


def _line(line: Line) -> WorkspaceLine:
    return WorkspaceLine(
        line.id, line.name, line.industry, line.owner_email, line.status, line.subscription_tier, line.created_at,
        line.deleted_at, line.total_calls, line.total_revenue,
    )  # fmt: skip


def _view(found: Workspace) -> WorkspaceView:
    return WorkspaceView(
        found.id, found.name, found.industry, found.timezone, found.status, found.status_before, found.tier_name,
        found.outbound_countries, found.trial_ends_at, found.suspended_at, found.suspended_why, found.deleted_at,
        found.purge_after, found.created_at, found.updated_at,
    )  # fmt: skip


def _owner(owner: Member | None) -> OwnerView | None:
    return OwnerView(owner.user_id, owner.email, owner.name) if owner else None


def _stats(stats: Stats) -> StatsView:
    return StatsView(stats.total_calls, stats.total_revenue, stats.active_agents)


def _answer(workspace: Workspace) -> WorkspaceAnswer:
    return WorkspaceAnswer(_view(workspace))


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
