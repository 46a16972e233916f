"""What the workspaces' tables hold, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from control.platform.model import Tier
from control.workspaces.roles import Role

Status = Literal["trial", "active", "suspended"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """One of them. status_before: what a suspended one goes back to. purge_after: set with deleted_at. settings: what
    was set for this one alone."""

    id: UUID
    name: str
    industry: str | None
    timezone: str
    status: Status
    status_before: Status | None
    tier_name: str
    trial_ends_at: datetime | None
    suspended_at: datetime | None
    suspended_why: str | None
    deleted_at: datetime | None
    purge_after: datetime | None
    created_at: datetime
    updated_at: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outbound_countries(self) -> Sequence[str]:
        """See `outbound_countries`."""
        return outbound_countries(self.settings)


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """What one is made of. timezone: a name of the IANA database."""

    name: str
    industry: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A workspace as one of its members lists it."""

    id: UUID
    name: str
    industry: str | None
    role: Role
    status: Status
    subscription_tier: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs to a workspace."""

    user_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that is neither accepted nor revoked; after expires_at it can only be renewed or revoked."""

    id: UUID
    workspace_id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Presented:
    """An invitation whose token somebody came with, in whatever state it is."""

    id: UUID
    workspace_id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Use:
    """How much of its tier a workspace takes up. invitations: open ones, which count as members do."""

    agents: int
    members: int
    invitations: int
    phone_numbers: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a workspace pays for and what it took of it. minutes: of calls in this calendar month (UTC)."""

    tier: Tier
    use: Use
    minutes: float


@dataclass(frozen=True, slots=True)
class Stats:
    """Of all time, without test calls. total_revenue: what the customer was charged."""

    total_calls: int
    total_revenue: Decimal
    active_agents: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which workspaces the staff asks for. search: a part of the name or of an owner's address."""

    status: Literal["trial", "active", "suspended", "deleted"] | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A workspace in the staff's list. owner_email: of the owner who has been there longest."""

    id: UUID
    name: str
    industry: str | None
    owner_email: str | None
    status: Status
    subscription_tier: str
    created_at: datetime
    deleted_at: datetime | None
    total_calls: int
    total_revenue: Decimal


def outbound_countries(settings: Mapping[str, Any]) -> Sequence[str]:
    """The only countries that a workspace's calls may go to (ISO 3166, two letters); empty where none were set."""
    chosen = settings.get("outbound_countries")
    return [one for one in chosen if isinstance(one, str)] if isinstance(chosen, list) else []
