"""Response models of workspaces (client API)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import HasMore
from control.workspaces.model import (
    DisclosureChoice,
    Member,
    Membership,
    Subscription,
    SuspensionCause,
    Workspace,
    WorkspaceStatus,
)
from control.workspaces.roles import Role
from control.workspaces.status import suspension_cause


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A workspace. role: the caller's role in it. trial_ends_at: end of its current or past trial; null without one.
    suspension_cause: why it is suspended; null unless it is. disclosure: what callers are told before anything else.
    redaction: what is left out of what is kept of calls."""

    id: UUID
    name: str
    industry: str | None
    timezone: str
    disclosure: DisclosureChoice
    redaction: Sequence[str]
    role: Role
    status: WorkspaceStatus
    subscription_tier: str
    trial_ends_at: datetime | None
    suspended_at: datetime | None
    suspension_cause: SuspensionCause | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceAnswer:
    """A workspace."""

    workspace: WorkspaceView


@dataclass(frozen=True, slots=True)
class WorkspaceList:
    """All of the user's workspaces, the oldest membership first. has_more: always false."""

    workspaces: list[Membership]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class UsageView:
    """What is used of the tier's limits. invitations: number of open invitations, which count as members. minutes:
    minutes of calls in this calendar month (UTC)."""

    agents: int
    members: int
    invitations: int
    phone_numbers: int
    minutes: float


@dataclass(frozen=True, slots=True)
class LimitsView:
    """The tier's limits. included_minutes: minutes a month that the fee includes, further ones are charged; null on
    trial, whose minutes are all free."""

    agents: int
    members: int
    phone_numbers: int
    concurrent_calls: int
    included_minutes: int | None


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """The workspace's tier, usage and limits."""

    tier: str
    usage: UsageView
    limits: LimitsView


@dataclass(frozen=True, slots=True)
class WorkspaceDetails:
    """A workspace, its first members (GET …/members lists all) and its subscription."""

    workspace: WorkspaceView
    members: list[Member]
    subscription: SubscriptionView


def to_view(workspace: Workspace, role: Role) -> WorkspaceView:
    return WorkspaceView(
        id=workspace.id,
        name=workspace.name,
        industry=workspace.industry,
        timezone=workspace.timezone,
        disclosure=workspace.disclosure,
        redaction=workspace.redaction,
        role=role,
        status=workspace.status,
        subscription_tier=workspace.tier_name,
        trial_ends_at=workspace.trial_ends_at,
        suspended_at=workspace.suspended_at,
        suspension_cause=suspension_cause(workspace),
        created_at=workspace.created_at,
        updated_at=workspace.updated_at,
    )


def to_subscription(found: Subscription, *, is_trial: bool) -> SubscriptionView:
    tier, use = found.tier, found.use
    usage = UsageView(use.agents, use.members, use.invitations, use.phone_numbers, found.minutes)
    limits = LimitsView(
        tier.max_agents,
        tier.max_members,
        tier.max_phone_numbers,
        tier.max_concurrent_calls,
        None if is_trial else tier.included_minutes,
    )
    return SubscriptionView(tier.tier_name, usage, limits)
