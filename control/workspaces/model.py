"""Values of the workspaces' tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from control.platform.model import Tier
from control.workspaces.roles import Role

WorkspaceStatus = Literal["trial", "active", "suspended"]
# Why a workspace is suspended, as its members see it.
SuspensionCause = Literal["trial_over", "invoice_overdue", "staff"]
# off: nothing. by_jurisdiction: our text, where a law is known that demands it (config/data/disclosures.json). text:
# the workspace's own text, in each call.
DisclosureMode = Literal["off", "by_jurisdiction", "text"]


@dataclass(frozen=True, slots=True)
class DisclosureChoice:
    """What a workspace has its callers told before anything else, unless their agent has a text of its own."""

    mode: Annotated[
        DisclosureMode,
        Field(
            description="off: nothing. by_jurisdiction: our text, where a law is known that demands it. text: "
            "the workspace's own."
        ),
    ] = "off"
    text: Annotated[
        str, Field(description="The workspace's own text; empty but for the mode `text`.", examples=[""])
    ] = ""


NO_DISCLOSURE: Final = DisclosureChoice()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace. status_before: the status that a suspended one returns to. purge_after: set with deleted_at.
    settings: set for this workspace alone."""

    id: UUID
    name: str
    industry: str | None
    timezone: str
    status: WorkspaceStatus
    status_before: WorkspaceStatus | None
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
    def was_on_trial(self) -> bool:
        """Whether it is on trial, or was until it was suspended."""
        return "trial" in (self.status, self.status_before)

    @property
    def outbound_countries(self) -> Sequence[str]:
        """See `outbound_countries`."""
        return outbound_countries(self.settings)

    @property
    def retention(self) -> Mapping[str, int]:
        """Days by kind that the workspace chose (control/privacy/retention.py)."""
        chosen: Mapping[str, int] = self.settings.get("retention", {})
        return chosen

    @property
    def disclosure(self) -> DisclosureChoice:
        """See `disclosure_choice`."""
        return disclosure_choice(self.settings)

    @property
    def second_factor_required(self) -> bool:
        """Whether members without a second factor may do nothing in it."""
        return self.settings.get("second_factor_required") is True

    @property
    def redaction(self) -> Sequence[str]:
        """See `redaction_kinds`."""
        return redaction_kinds(self.settings)


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """A workspace to create. timezone: a name of the IANA database."""

    name: str
    industry: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A workspace as one of its members lists it."""

    id: Annotated[UUID, Field(description="Unique id (UUIDv7, so that ids sort by the time of creation).")]
    name: Annotated[str, Field(description="Name, as people see it.", examples=["Riverside Dental"])]
    industry: Annotated[str | None, Field(description="Industry, for programs; null for none.", examples=["dental"])]
    role: Annotated[
        Role, Field(description="Role in the workspace; each role may do what those after it in the list may.")
    ]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    subscription_tier: Annotated[str, Field(description="Name of the tier.", examples=["starter"])]
    joined_at: Annotated[datetime, Field(description="When the user became a member (UTC).")]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a workspace."""

    user_id: Annotated[UUID, Field(description="Id of the user.")]
    email: Annotated[str, Field(description="E-mail address, in lower case.", examples=["ada@example.com"])]
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]
    role: Annotated[
        Role, Field(description="Role in the workspace; each role may do what those after it in the list may.")
    ]
    joined_at: Annotated[datetime, Field(description="When the user became a member (UTC).")]


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation: neither accepted nor revoked. After expires_at it can only be renewed or revoked."""

    id: UUID
    workspace_id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PresentedInvitation:
    """The invitation of a presented token, open or not."""

    id: UUID
    workspace_id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkspaceUse:
    """Use of a tier's limits. invitations: open ones, which count as members."""

    agents: int
    members: int
    invitations: int
    phone_numbers: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """Tier of a workspace and its use. minutes: of calls in this calendar month (UTC)."""

    tier: Tier
    use: WorkspaceUse
    minutes: float


@dataclass(frozen=True, slots=True)
class WorkspaceStats:
    """Figures of all time, without test calls. total_revenue: what the customer was charged, in its
    currency."""

    total_calls: int
    total_revenue: Decimal
    currency: str
    active_agents: int


@dataclass(frozen=True, slots=True)
class WorkspaceFilter:
    """Selects workspaces for the staff's list. search: a part of the name or of an owner's address."""

    status: Literal["trial", "active", "suspended", "deleted"] | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceListing:
    """A workspace in the staff's list. owner_email: of the longest-standing owner."""

    id: UUID
    name: str
    industry: str | None
    owner_email: str | None
    status: WorkspaceStatus
    subscription_tier: str
    created_at: datetime
    deleted_at: datetime | None
    total_calls: int
    total_revenue: Decimal
    currency: str


def disclosure_choice(settings: Mapping[str, Any]) -> DisclosureChoice:
    """Returns what callers are told; nothing by a choice that only another version knows."""
    match settings.get("disclosure"):
        case {"mode": "by_jurisdiction"}:
            return DisclosureChoice("by_jurisdiction")
        case {"mode": "text", "text": str(text)} if text:
            return DisclosureChoice("text", text)
    return NO_DISCLOSURE


def outbound_countries(settings: Mapping[str, Any]) -> Sequence[str]:
    """Returns the countries that calls may go to (ISO 3166, two letters); empty when not restricted."""
    chosen = settings.get("outbound_countries")
    return [one for one in chosen if isinstance(one, str)] if isinstance(chosen, list) else []


def redaction_kinds(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what is left out of what is kept of calls: kinds of control/redaction/finder.py; empty: nothing."""
    chosen = settings.get("redaction")
    return tuple(one for one in chosen if isinstance(one, str)) if isinstance(chosen, list) else ()
