"""Response models of workspaces (client API)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.http.fields import CreatedAt, Id, Name, OptionalIndustry, TierName, UpdatedAt
from control.http.pagination import HasMore
from control.workspaces.rules import (
    DisclosureChoice,
    Member,
    Membership,
    Role,
    Subscription,
    SuspensionCause,
    Workspace,
    WorkspaceStatus,
    suspension_cause,
)


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A workspace."""

    id: Id
    name: Name
    industry: OptionalIndustry
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    disclosure: Annotated[
        DisclosureChoice,
        Field(description="What callers are told before anything else, where their agent has no text."),
    ]
    redaction: Annotated[
        Sequence[str],
        Field(description="What is left out of what is kept of calls.", examples=[["card_number", "security_code"]]),
    ]
    role: Annotated[Role, Field(description="The caller's role in it.")]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    subscription_tier: TierName
    trial_ends_at: Annotated[datetime | None, Field(description="End of its current or past trial; null without one.")]
    suspended_at: Annotated[datetime | None, Field(description="When it was suspended (UTC); null while it is not.")]
    suspension_cause: Annotated[SuspensionCause | None, Field(description="Why it is suspended; null unless it is.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class WorkspaceAnswer:
    """A workspace."""

    workspace: Annotated[WorkspaceView, Field(description="The workspace.")]


@dataclass(frozen=True, slots=True)
class WorkspaceList:
    """All of the user's workspaces, the oldest membership first."""

    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class UsageView:
    """What is used of the tier's limits."""

    agents: Annotated[int, Field(description="Number of agents.", examples=[2])]
    members: Annotated[int, Field(description="Number of members.", examples=[3])]
    invitations: Annotated[int, Field(description="Number of open invitations, which count as members.", examples=[1])]
    phone_numbers: Annotated[int, Field(description="Number of phone numbers.", examples=[1])]
    minutes: Annotated[float, Field(description="Minutes of calls in this calendar month (UTC).", examples=[312.5])]


@dataclass(frozen=True, slots=True)
class LimitsView:
    """The tier's limits."""

    agents: Annotated[int, Field(description="The most agents.", examples=[5])]
    members: Annotated[int, Field(description="The most members, open invitations included.", examples=[10])]
    phone_numbers: Annotated[int, Field(description="The most phone numbers.", examples=[5])]
    concurrent_calls: Annotated[int, Field(description="The most calls at the same time.", examples=[10])]
    included_minutes: Annotated[
        int | None,
        Field(
            description="Minutes a month that the monthly fee includes; null on trial, whose minutes are all free.",
            examples=[500],
        ),
    ]


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """The workspace's tier, usage and limits."""

    tier: TierName
    usage: Annotated[UsageView, Field(description="What is used of the tier's limits.")]
    limits: Annotated[LimitsView, Field(description="The tier's limits.")]


@dataclass(frozen=True, slots=True)
class WorkspaceDetails:
    """A workspace, its first members (GET …/members lists all) and its subscription."""

    workspace: Annotated[WorkspaceView, Field(description="The workspace.")]
    members: Annotated[list[Member], Field(description="The workspace's members.")]
    subscription: Annotated[SubscriptionView, Field(description="The workspace's tier, usage and limits.")]


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
