"""Records of workspaces, members and invitations, their roles and states, and checks of settings. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import Field

from control.accounts.emails.service import Email
from control.http.names import letter_name
from control.platform.rules import Tier
from shared.errors import Conflict, Invalid

# --- Records ---------------------------------------------------------------------------------------------------------

Role = Literal["owner", "admin", "member", "viewer"]
# From most to least powerful.
ROLES: Final[tuple[Role, ...]] = ("owner", "admin", "member", "viewer")
WorkspaceStatus = Literal["trial", "active", "suspended"]
# Reasons for a suspension that members can see.
SuspensionCause = Literal["trial_over", "invoice_overdue", "staff"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace.

    Attributes:
        status_before: The status that a suspended workspace returns to.
        purge_after: When a deleted workspace may be purged. Set with `deleted_at`.
        settings: The workspace's own settings as stored (control/workspaces/settings.py).
    """

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
        """Whether the workspace is on trial, or was on trial until it was suspended."""
        return "trial" in (self.status, self.status_before)


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """A workspace to create.

    Attributes:
        timezone: Time zone name of the IANA database.
    """

    name: str
    industry: str | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A workspace in the list of one of its members."""

    id: Annotated[UUID, Field(description="Unique id (UUIDv7, so that ids sort by the time of creation).")]
    name: Annotated[str, Field(description="Display name.", examples=["Riverside Dental"])]
    industry: Annotated[
        str | None, Field(description="Identifier of the industry. Null if there is none.", examples=["dental"])
    ]
    role: Annotated[
        Role,
        Field(
            description="Role in the workspace. Each role includes the permissions of the roles after it in the list."
        ),
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
        Role,
        Field(
            description="Role in the workspace. Each role includes the permissions of the roles after it in the list."
        ),
    ]
    joined_at: Annotated[datetime, Field(description="When the user became a member (UTC).")]


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation, neither accepted nor revoked. After expires_at it can only be renewed or revoked."""

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
    """A workspace's use of the limits of its tier.

    Attributes:
        invitations: Number of open invitations, which count as members.
    """

    agents: int
    members: int
    invitations: int
    phone_numbers: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A workspace's tier and its use, with the minutes of calls in this calendar month (UTC)."""

    tier: Tier
    use: WorkspaceUse
    minutes: float


@dataclass(frozen=True, slots=True)
class WorkspaceStats:
    """All-time figures, without test calls.

    Attributes:
        total_revenue: What the customer was charged, in the customer's currency.
    """

    total_calls: int
    total_revenue: Decimal
    currency: str
    active_agents: int


@dataclass(frozen=True, slots=True)
class WorkspaceFilter:
    """Filter for the staff's list of workspaces.

    Attributes:
        search: A part of the name or of an owner's address.
    """

    status: Literal["trial", "active", "suspended", "deleted"] | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceListing:
    """A workspace in the staff's list, with the address of the owner with the oldest membership."""

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


# --- Roles -----------------------------------------------------------------------------------------------------------


def may_change_role(actor: Role, target: Role | None, new: Role | None) -> bool:
    """Return whether `actor` may change a role from `target` to `new`.

    Owners may make all changes. Admins may make all changes that do not involve the role owner. Other members may make
    no changes, so nobody can raise their own role. The caller of this function also lets members leave, and checks that
    an owner remains.

    Args:
        target: The current role. None for an invitation.
        new: The new role. None for a removal.
    """
    return actor in ("owner", needed_role(target, new))


def needed_role(target: Role | None, new: Role | None) -> Role:
    """Return the lowest role that may make this change. See `may_change_role`."""
    return "owner" if "owner" in (target, new) else "admin"


def grantable_roles(actor: Role) -> frozenset[Role]:
    """Return the roles to which a member with the role `actor` may invite people."""
    return frozenset(role for role in ROLES if may_change_role(actor, None, role))


# --- Trials and suspension -------------------------------------------------------------------------------------------

# The reason stored if the platform itself suspends a workspace (suspended_why).
OVERDUE_REASON: Final = "An invoice is overdue."
_MESSAGES: Final[Mapping[SuspensionCause, str]] = {
    "invoice_overdue": "This workspace is suspended, because an invoice is overdue",
    "trial_over": "This workspace is suspended, because its trial is over",
    "staff": "This workspace was suspended by the platform's staff",
}


def suspend(workspace: Workspace, why: str | None, now: datetime) -> Workspace:
    """Suspend a workspace and keep its previous status. If the workspace is already suspended, only the reason
    changes.
    """
    if workspace.status == "suspended":
        return replace(workspace, suspended_why=why)
    return replace(workspace, status="suspended", status_before=workspace.status, suspended_at=now, suspended_why=why)


def resume(workspace: Workspace, now: datetime) -> Workspace:
    """End a suspension. A workspace whose trial has ended becomes active; otherwise it would be suspended again
    immediately.
    """
    if workspace.status != "suspended":
        return workspace
    over = workspace.trial_ends_at is not None and workspace.trial_ends_at <= now
    on_trial = workspace.status_before == "trial" and not over
    return _without_suspension(replace(workspace, status="trial" if on_trial else "active"))


def activate(workspace: Workspace) -> Workspace:
    """Activate a workspace with any status."""
    return _without_suspension(replace(workspace, status="active"))


def start_trial(workspace: Workspace, ends_at: datetime) -> Workspace:
    """Start a trial. A running trial keeps its end."""
    if workspace.status == "trial":
        return workspace
    return _without_suspension(replace(workspace, status="trial", trial_ends_at=ends_at))


def _without_suspension(workspace: Workspace) -> Workspace:
    return replace(workspace, status_before=None, suspended_at=None, suspended_why=None)


def suspension_cause(workspace: Workspace) -> SuspensionCause | None:
    """Return why the workspace is suspended, or None. Members see this cause but not the staff's reason."""
    if workspace.status != "suspended":
        return None
    if workspace.suspended_why == OVERDUE_REASON:
        return "invoice_overdue"
    ends, at = workspace.trial_ends_at, workspace.suspended_at
    trial_over = workspace.status_before == "trial" and ends is not None and at is not None and ends <= at
    return "trial_over" if trial_over else "staff"


def require_not_suspended(workspace: Workspace) -> None:
    """Raise Conflict (code workspace_suspended) if the workspace is suspended. The message has the cause and the
    remedy.
    """
    cause = suspension_cause(workspace)
    if cause is not None:
        advice = "Pay it, or ask" if cause == "invoice_overdue" else "Ask"
        text = (
            f"{_MESSAGES[cause]}: nothing in it can be changed, and no calls are made. {advice} the platform's support."
        )
        raise Conflict(text, code="workspace_suspended")


# --- Time zones and limits --------------------------------------------------------------------------------------------


# Names in the database that are not time zones, and aliases of the machine's own zone.
_EXCLUDED: Final = frozenset(("Factory", "localtime", "posixrules"))


@cache
def timezone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones()) - _EXCLUDED


def require_timezone(name: str) -> None:
    """Raise Invalid (code timezone_unknown) if there is no time zone with this name."""
    if name not in timezone_names():
        raise Invalid(f"There is no time zone named {name!r}.", code="timezone_unknown", param="timezone")


def require_fit(use: WorkspaceUse, tier: Tier) -> None:
    """Raise Conflict (code tier_too_small) if the use exceeds the tier. The message lists all exceeded limits."""
    members = use.members + use.invitations
    counts = (
        ("agents", use.agents, tier.max_agents),
        ("members and open invitations", members, tier.max_members),
        ("phone numbers", use.phone_numbers, tier.max_phone_numbers),
    )
    over = [f"{there} {what} where {most} are allowed" for what, there, most in counts if there > most]
    if over:
        raise Conflict(f"The tier {tier.tier_name!r} is too small: {', '.join(over)}.", code="tier_too_small")


# --- E-mails ---------------------------------------------------------------------------------------------------------


def invitation_email(to: str, inviter: str, workspace: str, role: str, link: str, until: datetime) -> Email:
    """Return the e-mail of an invitation. The text does not depend on whether the address has an account."""
    return Email(
        to,
        "You are invited to a workspace on Vocalized",
        f"""Hello,

{letter_name(inviter)} invites you to the workspace "{letter_name(workspace)}" on Vocalized, as {role}.

Open this link by {until:%d %B %Y, %H:%M} UTC to accept:

{link}

The link works once. If you do not know who this is, you need do nothing.
""",
    )
