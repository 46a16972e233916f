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
# Why a workspace is suspended, as its members see it.
SuspensionCause = Literal["trial_over", "invoice_overdue", "staff"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace.

    Attributes:
        status_before: The status that a suspended workspace returns to.
        purge_after: When a deleted workspace may be purged; set with `deleted_at`.
        settings: Settings of this workspace alone, as stored (control/workspaces/settings.py).
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
    """A workspace to create. `timezone` is a name of the IANA database."""

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
    """Use of a tier's limits. `invitations` are open invitations, which count as members."""

    agents: int
    members: int
    invitations: int
    phone_numbers: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """Tier of a workspace and its use, with the minutes of calls in this calendar month (UTC)."""

    tier: Tier
    use: WorkspaceUse
    minutes: float


@dataclass(frozen=True, slots=True)
class WorkspaceStats:
    """Figures of all time, without test calls. `total_revenue` is what the customer was charged, in their currency."""

    total_calls: int
    total_revenue: Decimal
    currency: str
    active_agents: int


@dataclass(frozen=True, slots=True)
class WorkspaceFilter:
    """Selects workspaces for the staff's list. `search` is a part of the name or of an owner's address."""

    status: Literal["trial", "active", "suspended", "deleted"] | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceListing:
    """A workspace in the staff's list, with the address of its longest-standing owner."""

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

    Owners may make every change. Admins may make every change that neither changes nor makes an owner. Other members
    may make none. So no one can raise their own role. The caller allows everybody to leave, and checks that an owner
    remains.

    Args:
        target: The present role; None for an invitation.
        new: The new role; None for a removal.
    """
    return actor in ("owner", needed_role(target, new))


def needed_role(target: Role | None, new: Role | None) -> Role:
    """Return the least role that may make this change; see `may_change_role`."""
    return "owner" if "owner" in (target, new) else "admin"


def grantable_roles(actor: Role) -> frozenset[Role]:
    """Return the roles that a member with the role `actor` may invite people to."""
    return frozenset(role for role in ROLES if may_change_role(actor, None, role))


# --- Trials and suspension -------------------------------------------------------------------------------------------

# Why the platform itself suspended a workspace (suspended_why).
OVERDUE_REASON: Final = "An invoice is overdue."
_MESSAGES: Final[Mapping[SuspensionCause, str]] = {
    "invoice_overdue": "This workspace is suspended, because an invoice is overdue",
    "trial_over": "This workspace is suspended, because its trial is over",
    "staff": "This workspace was suspended by the platform's staff",
}


def suspend(workspace: Workspace, why: str | None, now: datetime) -> Workspace:
    """Suspend a workspace, and store its status. A suspended workspace only gets the new reason."""
    if workspace.status == "suspended":
        return replace(workspace, suspended_why=why)
    return replace(workspace, status="suspended", status_before=workspace.status, suspended_at=now, suspended_why=why)


def resume(workspace: Workspace, now: datetime) -> Workspace:
    """End a suspension. A workspace whose trial has ended becomes active, or it would be suspended again at once."""
    if workspace.status != "suspended":
        return workspace
    over = workspace.trial_ends_at is not None and workspace.trial_ends_at <= now
    on_trial = workspace.status_before == "trial" and not over
    return _without_suspension(replace(workspace, status="trial" if on_trial else "active"))


def activate(workspace: Workspace) -> Workspace:
    """Activate a workspace of any status."""
    return _without_suspension(replace(workspace, status="active"))


def start_trial(workspace: Workspace, ends_at: datetime) -> Workspace:
    """Start a trial; a running trial keeps its end."""
    if workspace.status == "trial":
        return workspace
    return _without_suspension(replace(workspace, status="trial", trial_ends_at=ends_at))


def _without_suspension(workspace: Workspace) -> Workspace:
    return replace(workspace, status_before=None, suspended_at=None, suspended_why=None)


def suspension_cause(workspace: Workspace) -> SuspensionCause | None:
    """Return why the workspace is suspended, or None. Members see this cause; they do not see the staff's reason."""
    if workspace.status != "suspended":
        return None
    if workspace.suspended_why == OVERDUE_REASON:
        return "invoice_overdue"
    ends, at = workspace.trial_ends_at, workspace.suspended_at
    trial_over = workspace.status_before == "trial" and ends is not None and at is not None and ends <= at
    return "trial_over" if trial_over else "staff"


def require_not_suspended(workspace: Workspace) -> None:
    """Raise Conflict (code workspace_suspended), which says who suspended it and what to do."""
    cause = suspension_cause(workspace)
    if cause is not None:
        advice = "Pay it, or ask" if cause == "invoice_overdue" else "Ask"
        text = (
            f"{_MESSAGES[cause]}: nothing in it can be changed, and no calls are made. {advice} the platform's support."
        )
        raise Conflict(text, code="workspace_suspended")


# --- Time zones and limits --------------------------------------------------------------------------------------------


# Names in the database that are no zones, and aliases of the machine's own zone.
_EXCLUDED: Final = frozenset(("Factory", "localtime", "posixrules"))


@cache
def timezone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones()) - _EXCLUDED


def require_timezone(name: str) -> None:
    """Raise Invalid (code timezone_unknown)."""
    if name not in timezone_names():
        raise Invalid(f"There is no time zone named {name!r}.", code="timezone_unknown", param="timezone")


def require_fit(use: WorkspaceUse, tier: Tier) -> None:
    """Raise Conflict (code tier_too_small), which lists all exceeded limits."""
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
    """Write an invitation. Its text is the same whether the address has an account or not: the linked page asks."""
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
