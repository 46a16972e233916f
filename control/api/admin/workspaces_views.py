"""Response models of workspaces (admin API)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.agents.rules import AgentSummary
from control.http.body import Currency
from control.http.fields import (
    CreatedAt,
    Email,
    Id,
    Name,
    OptionalIndustry,
    TierName,
    TotalCalls,
    TotalRevenue,
    UpdatedAt,
)
from control.http.pagination import ListAnswer
from control.workspaces.rules import Member, Workspace, WorkspaceListing, WorkspaceStats, WorkspaceStatus


@dataclass(frozen=True, slots=True)
class WorkspaceLine:
    """A workspace in the list; its figures are of all time."""

    id: Id
    name: Name
    industry: OptionalIndustry
    owner_email: Annotated[
        str | None,
        Field(
            description="Address of the owner with the oldest membership; null for none.", examples=["ada@example.com"]
        ),
    ]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    subscription_tier: TierName
    created_at: CreatedAt
    deleted_at: Annotated[datetime | None, Field(description="When it was deleted (UTC); null while it is not.")]
    total_calls: TotalCalls
    total_revenue: TotalRevenue
    currency: Currency


@dataclass(frozen=True, slots=True)
class AdminWorkspaceList(ListAnswer):
    """A page of workspaces, newest first."""

    workspaces: Annotated[list[WorkspaceLine], Field(description="The workspaces.")]


@dataclass(frozen=True, slots=True)
class AdminWorkspaceView:
    """A workspace."""

    id: Id
    name: Name
    industry: OptionalIndustry
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    status_before: Annotated[WorkspaceStatus | None, Field(description="The status after a suspension.")]
    subscription_tier: TierName
    outbound_countries: Annotated[
        Sequence[str],
        Field(
            description="The only countries that its calls may go to; empty if none were set.", examples=[["DE", "AT"]]
        ),
    ]
    trial_ends_at: Annotated[
        datetime | None, Field(description="End of the current or past trial (UTC); null without one.")
    ]
    suspended_at: Annotated[datetime | None, Field(description="When it was suspended (UTC); null while it is not.")]
    suspended_why: Annotated[
        str | None,
        Field(description="The reason of the suspension, for the staff; null for none.", examples=["Payment overdue"]),
    ]
    deleted_at: Annotated[datetime | None, Field(description="When it was deleted (UTC); null while it is not.")]
    purge_after: Annotated[datetime | None, Field(description="Until then a deleted workspace can be restored.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class OwnerView:
    """The owner with the oldest membership."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]


@dataclass(frozen=True, slots=True)
class StatsView:
    """Figures of all time, without test calls."""

    total_calls: TotalCalls
    total_revenue: TotalRevenue
    currency: Currency
    active_agents: Annotated[int, Field(description="Number of live agents.", examples=[3])]


@dataclass(frozen=True, slots=True)
class AdminWorkspaceDetails:
    """A workspace with its first members and newest agents."""

    workspace: Annotated[AdminWorkspaceView, Field(description="The workspace.")]
    owner: Annotated[OwnerView | None, Field(description="Null if all owners' accounts are deleted.")]
    members: Annotated[list[Member], Field(description="The workspace's members.")]
    agents: Annotated[list[AgentSummary], Field(description="The agents.")]
    stats: Annotated[StatsView, Field(description="The figures.")]


@dataclass(frozen=True, slots=True)
class AdminWorkspaceAnswer:
    """A workspace."""

    workspace: Annotated[AdminWorkspaceView, Field(description="The workspace.")]


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
