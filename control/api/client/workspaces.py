"""Workspaces, for those who make them and belong to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.http.access import USER, member
from control.http.body import Body
from control.http.context import MemberContext, UserContext
from control.http.page import MOST
from control.http.route import Limit, Route
from control.workspaces.model import Member, Membership, NewWorkspace, Status, Subscription, Workspace
from control.workspaces.roles import Role

WORKSPACES = "/workspaces"
WORKSPACE = f"{WORKSPACES}/{{workspaceId}}"

# It stands in letters and lists: one line.
WorkspaceName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\u0000-\u001f\u007f]*$")
]
Industry = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Timezone = Annotated[str, Field(max_length=64, description="A name of the IANA database, such as Europe/Berlin.")]


class NewWorkspaceBody(Body):
    """What a workspace is made of."""

    name: WorkspaceName
    industry: Industry | None = Field(None, description="Such as dental or real_estate.")
    timezone: Timezone = "UTC"


class WorkspaceChange(Body):
    """What shall change; what is left out stays."""

    name: WorkspaceName = Field("", description="Its new name.")
    industry: Industry | None = Field(None, description="null takes it away.")
    timezone: Timezone = ""


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A workspace. role: of who asks. trial_ends_at: of the trial that it is or was on."""

    id: UUID
    name: str
    industry: str | None
    timezone: str
    role: Role
    status: Status
    subscription_tier: str
    trial_ends_at: datetime | None
    suspended_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceAnswer:
    """A workspace."""

    workspace: WorkspaceView


@dataclass(frozen=True, slots=True)
class WorkspaceList:
    """Where somebody belongs, longest first."""

    workspaces: list[Membership]


@dataclass(frozen=True, slots=True)
class UsageView:
    """invitations: open ones, which count as members. minutes: of calls in this calendar month (UTC)."""

    agents: int
    members: int
    invitations: int
    phone_numbers: int
    minutes: float


@dataclass(frozen=True, slots=True)
class LimitsView:
    """What the tier allows. included_minutes: a month's; more are charged by the minute."""

    agents: int
    members: int
    phone_numbers: int
    concurrent_calls: int
    included_minutes: int


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """The workspace's tier, what it uses and what it may."""

    tier: str
    usage: UsageView
    limits: LimitsView


@dataclass(frozen=True, slots=True)
class WorkspaceDetails:
    """A workspace, its first members (GET …/members pages through all) and its subscription."""

    workspace: WorkspaceView
    members: list[Member]
    subscription: SubscriptionView


async def create_workspace(context: UserContext, body: NewWorkspaceBody) -> WorkspaceAnswer:
    """Makes a workspace, on trial, and its maker the owner. Its agents can answer calls once an owner's e-mail address
    is confirmed."""
    workspaces, new = context.services.workspaces, NewWorkspace(**dict(body))
    workspace = await workspaces.create(context.db, context.actor, context.user_id, new, context.now)
    return WorkspaceAnswer(_view(workspace, "owner"))


async def list_workspaces(context: UserContext) -> WorkspaceList:
    """The workspaces that the user belongs to."""
    return WorkspaceList(await context.services.workspaces.of_user(context.db, context.user_id))


async def get_workspace(context: MemberContext) -> WorkspaceDetails:
    """A workspace with its members, its tier, and how much of that is used."""
    workspaces, db, workspace_id = context.services.workspaces, context.db, context.workspace_id
    workspace = await workspaces.get(db, workspace_id)
    members, _ = await workspaces.members.page(db, workspace_id, offset=0, limit=MOST)
    subscription = await workspaces.subscription(db, workspace_id, context.now)
    return WorkspaceDetails(_view(workspace, context.role), members, _subscription(subscription))


async def update_workspace(context: MemberContext, body: WorkspaceChange) -> WorkspaceAnswer:
    """Changes name, industry or time zone."""
    changes = body.model_dump(exclude_unset=True)
    workspace = await context.services.workspaces.update(
        context.db, context.actor, context.workspace_id, changes, context.now
    )
    return WorkspaceAnswer(_view(workspace, context.role))


async def delete_workspace(context: MemberContext) -> None:
    """Deletes a workspace: its agents answer no more, and nobody sees it. Support can bring it back for a while."""
    await context.services.workspaces.delete(context.db, context.actor, context.workspace_id, context.now)


def _view(workspace: Workspace, role: Role) -> WorkspaceView:
    return WorkspaceView(
        workspace.id, workspace.name, workspace.industry, workspace.timezone, role, workspace.status,
        workspace.tier_name, workspace.trial_ends_at, workspace.suspended_at, workspace.created_at,
        workspace.updated_at,
    )  # fmt: skip


def _subscription(found: Subscription) -> SubscriptionView:
    tier, use = found.tier, found.use
    usage = UsageView(use.agents, use.members, use.invitations, use.phone_numbers, found.minutes)
    limits = LimitsView(
        tier.max_agents, tier.max_members, tier.max_phone_numbers, tier.max_concurrent_calls, tier.included_minutes
    )
    return SubscriptionView(tier.tier_name, usage, limits)


ROUTES: tuple[Route, ...] = (
    # One that is deleted leaves a place, but its row stays until the grace period is over.
    Route(
        "POST", WORKSPACES, create_workspace, USER, status=201, idempotent=True,
        limit=Limit("create-workspace", 30, 3600),
    ),
    Route("GET", WORKSPACES, list_workspaces, USER),
    Route("GET", WORKSPACE, get_workspace, member("viewer")),
    Route("PUT", WORKSPACE, update_workspace, member("admin")),
    Route("DELETE", WORKSPACE, delete_workspace, member("owner")),
)  # fmt: skip
