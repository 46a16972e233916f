"""Response models of workspaces (admin API)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.agents.model import AgentSummary
from control.http.body import Currency, Money
from control.http.pagination import ListAnswer
from control.workspaces.model import (
    Member,
    Workspace,
    WorkspaceListing,
    WorkspaceStats,
    WorkspaceStatus,
)


@dataclass(frozen=True, slots=True)
class WorkspaceLine:
    """A workspace in the list; its figures are of all time. owner_email: address of the owner with the oldest
    membership; null for none."""

    id: UUID
    name: str
    industry: str | None
    owner_email: str | None
    status: WorkspaceStatus
    subscription_tier: str
    created_at: datetime
    deleted_at: datetime | None
    total_calls: int
    total_revenue: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class AdminWorkspaceList(ListAnswer):
    """A page of workspaces, newest first."""

    workspaces: list[WorkspaceLine]


@dataclass(frozen=True, slots=True)
class AdminWorkspaceView:
    """A workspace. status_before: the status after a suspension. purge_after: until then a deleted workspace can be
    restored. outbound_countries: the only countries that its calls may go to; empty if none were set."""

    id: UUID
    name: str
    industry: str | None
    timezone: str
    status: WorkspaceStatus
    status_before: WorkspaceStatus | None
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
    """The owner with the oldest membership."""

    id: UUID
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class StatsView:
    """Figures of all time, without test calls."""

    total_calls: int
    total_revenue: Money
    currency: Currency
    active_agents: int


@dataclass(frozen=True, slots=True)
class AdminWorkspaceDetails:
    """A workspace with its first members and newest agents. owner: null if all owners' accounts are deleted."""

    workspace: AdminWorkspaceView
    owner: OwnerView | None
    members: list[Member]
    agents: list[AgentSummary]
    stats: StatsView


@dataclass(frozen=True, slots=True)
class AdminWorkspaceAnswer:
    """A workspace."""

    workspace: AdminWorkspaceView


def to_line(line: WorkspaceListing) -> WorkspaceLine:
    return WorkspaceLine(
        id=line.id,
        name=line.name,
        industry=line.industry,
        owner_email=line.owner_email,
        status=line.status,
        subscription_tier=line.subscription_tier,
        created_at=line.created_at,
        deleted_at=line.deleted_at,
        total_calls=line.total_calls,
        total_revenue=line.total_revenue,
        currency=line.currency,
    )


def to_view(found: Workspace) -> AdminWorkspaceView:
    return AdminWorkspaceView(
        id=found.id,
        name=found.name,
        industry=found.industry,
        timezone=found.timezone,
        status=found.status,
        status_before=found.status_before,
        subscription_tier=found.tier_name,
        outbound_countries=found.outbound_countries,
        trial_ends_at=found.trial_ends_at,
        suspended_at=found.suspended_at,
        suspended_why=found.suspended_why,
        deleted_at=found.deleted_at,
        purge_after=found.purge_after,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def to_owner(owner: Member | None) -> OwnerView | None:
    return OwnerView(owner.user_id, owner.email, owner.name) if owner else None


def to_stats(stats: WorkspaceStats) -> StatsView:
    return StatsView(stats.total_calls, stats.total_revenue, stats.currency, stats.active_agents)


def to_answer(workspace: Workspace) -> AdminWorkspaceAnswer:
    return AdminWorkspaceAnswer(to_view(workspace))
