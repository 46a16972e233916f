"""Routes of workspaces, their members, sign-in rules and invitations, for members and staff."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from control.accounts.routes import LetterToken, SignedIn, TokenText, to_signed_in
from control.accounts.rules import Address
from control.accounts.users.service import Accounts
from control.agents.rules import AgentSummary
from control.agents.service import Agents
from control.billing.accounts.service import open_account
from control.calls.live.service import end_calls_later
from control.db.keyset import PageRequest
from control.http.access import ANY_ADMIN, OPEN, USER, admin, member, user
from control.http.body import Body, Currency, LetterName, PasswordText, Slug
from control.http.context import AdminContext, Context, MemberContext, UserContext
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
    UserId,
    WorkspaceId,
)
from control.http.pagination import MAX_LIMIT, HasMore, ListAnswer, ListQuery, page_fields
from control.http.route import RateLimit, Route
from control.numbers.service import Numbers
from control.platform.service import Platform
from control.workspaces.administration import WorkspaceUpdate
from control.workspaces.rules import (
    Invitation,
    Member,
    Membership,
    NewWorkspace,
    Role,
    Subscription,
    SuspensionCause,
    Workspace,
    WorkspaceFilter,
    WorkspaceListing,
    WorkspaceStats,
    WorkspaceStatus,
    suspension_cause,
)
from control.workspaces.service import Workspaces
from control.workspaces.settings import (
    SECOND_FACTOR_REQUIRED,
    AdminSettings,
    AdminSettingsView,
    StaffSettings,
    StaffSettingsView,
    pick_settings,
    read_settings,
)
from shared.errors import Conflict

# --- Workspaces ------------------------------------------------------------------------------------------------------

WORKSPACES = "/workspaces"
WORKSPACE = f"{WORKSPACES}/{{workspaceId}}"
Timezone = Annotated[
    str, Field(max_length=64, description="Time zone name of the IANA database, such as Europe/Berlin.")
]


class NewWorkspaceBody(Body):
    """A new workspace."""

    name: Annotated[LetterName, Field(description="Display name.", examples=["Riverside Dental"])]
    industry: Slug | None = Field(None, description="Industry, such as dental or real_estate.", examples=["dental"])
    timezone: Annotated[Timezone, Field(examples=["Europe/Berlin"])] = "UTC"
    currency: Currency | None = Field(None, description="Billing currency: ISO 4217 in lower case.")


class WorkspaceChange(AdminSettings):
    """Changes to a workspace. Omitted fields stay unchanged."""

    name: LetterName = Field("", description="The new name.", examples=["Riverside Dental"])
    industry: Slug | None = Field(None, description="The new industry. Null removes the industry.", examples=["dental"])
    timezone: Annotated[Timezone, Field(examples=["Europe/Berlin"])] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceView(AdminSettingsView):
    """A workspace."""

    id: Id
    name: Name
    industry: OptionalIndustry
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    role: Annotated[Role, Field(description="The caller's role in the workspace.")]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    subscription_tier: TierName
    trial_ends_at: Annotated[
        datetime | None, Field(description="End of the current or past trial. Null if there was no trial.")
    ]
    suspended_at: Annotated[
        datetime | None, Field(description="When the workspace was suspended (UTC). Null unless it is suspended.")
    ]
    suspension_cause: Annotated[
        SuspensionCause | None, Field(description="Why the workspace is suspended. Null unless it is suspended.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class WorkspaceAnswer:
    """A workspace."""

    workspace: Annotated[WorkspaceView, Field(description="The workspace.")]


@dataclass(frozen=True, slots=True)
class WorkspaceList:
    """The workspaces of the user, oldest membership first."""

    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class UsageView:
    """The workspace's use of the tier's limits."""

    agents: Annotated[int, Field(description="Number of agents.", examples=[2])]
    members: Annotated[int, Field(description="Number of members.", examples=[3])]
    invitations: Annotated[int, Field(description="Number of open invitations, which count as members.", examples=[1])]
    phone_numbers: Annotated[int, Field(description="Number of phone numbers.", examples=[1])]
    minutes: Annotated[float, Field(description="Minutes of calls in this calendar month (UTC).", examples=[312.5])]


@dataclass(frozen=True, slots=True)
class LimitsView:
    """The limits of a tier."""

    agents: Annotated[int, Field(description="Maximum number of agents.", examples=[5])]
    members: Annotated[int, Field(description="Maximum number of members, including open invitations.", examples=[10])]
    phone_numbers: Annotated[int, Field(description="Maximum number of phone numbers.", examples=[5])]
    concurrent_calls: Annotated[int, Field(description="Maximum number of concurrent calls.", examples=[10])]
    included_minutes: Annotated[
        int | None,
        Field(
            description="Minutes per month that the fee includes. Null on trial, when all minutes are free.",
            examples=[500],
        ),
    ]


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """The workspace's tier, its use and its limits."""

    tier: TierName
    usage: Annotated[UsageView, Field(description="The use of the tier's limits.")]
    limits: Annotated[LimitsView, Field(description="The tier's limits.")]


@dataclass(frozen=True, slots=True)
class WorkspaceDetails:
    """A workspace with its first members and its subscription. `GET …/members` lists all members."""

    workspace: Annotated[WorkspaceView, Field(description="The workspace.")]
    members: Annotated[list[Member], Field(description="The workspace's members.")]
    subscription: Annotated[SubscriptionView, Field(description="The workspace's tier, usage and limits.")]


async def create_workspace(context: UserContext, body: NewWorkspaceBody) -> WorkspaceAnswer:
    """Create a workspace on trial, with the caller as its owner.

    Its agents can answer calls once an owner's email address is confirmed.
    """
    services, new = context.services, NewWorkspace(body.name, body.industry, body.timezone)
    currency = body.currency or await services[Platform].setting(context.db, "default_currency")
    workspace = await services[Workspaces].create(context.db, context.actor, context.user_id, new, context.now)
    await open_account(context.db, workspace.id, workspace.tier_name, currency, context.now)
    return WorkspaceAnswer(to_view(workspace, "owner"))


async def list_workspaces(context: UserContext) -> WorkspaceList:
    """List the workspaces that the user is a member of.

    With an API key, the list has only the key's own workspace, with the role that the key acts with.
    """
    memberships = await context.services[Workspaces].memberships(context.db, context.user_id)
    if context.key is not None:
        key = context.key
        memberships = [
            replace(membership, role=key.role) for membership in memberships if membership.id == key.workspace_id
        ]
    return WorkspaceList(memberships, has_more=False)


async def get_workspace(context: MemberContext) -> WorkspaceDetails:
    """Return a workspace with its members, its tier and its usage."""
    workspaces, db, workspace_id = context.services[Workspaces], context.db, context.workspace_id
    workspace = await workspaces.get(db, workspace_id)
    members = await workspaces.members.list_page(db, workspace_id, page=PageRequest(MAX_LIMIT))
    subscription = await workspaces.subscription(db, workspace_id, context.now)
    return WorkspaceDetails(
        to_view(workspace, context.role), members.rows, to_subscription(subscription, is_trial=workspace.was_on_trial)
    )


async def update_workspace(context: MemberContext, body: WorkspaceChange) -> WorkspaceAnswer:
    """Change the name, industry, time zone, disclosure or redaction of a workspace.

    A change of redaction applies to all turns of running calls. Ended calls stay as they are.
    """
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    workspace = await context.services[Workspaces].update(
        context.db, context.actor, context.workspace_id, changes, context.now
    )
    return WorkspaceAnswer(to_view(workspace, context.role))


async def delete_workspace(context: MemberContext) -> None:
    """Delete a workspace. Its agents answer no calls, and nobody can see it.

    Support can restore the workspace for some time. The phone numbers of a workspace on trial are released immediately
    and cannot be restored.
    """
    await context.services[Numbers].release_trial(context.db, context.workspace_id, context.now)
    await context.services[Workspaces].delete(context.db, context.actor, context.workspace_id, context.now)


def to_view(workspace: Workspace, role: Role) -> WorkspaceView:
    return WorkspaceView(
        id=workspace.id,
        name=workspace.name,
        industry=workspace.industry,
        timezone=workspace.timezone,
        role=role,
        status=workspace.status,
        subscription_tier=workspace.tier_name,
        trial_ends_at=workspace.trial_ends_at,
        suspended_at=workspace.suspended_at,
        suspension_cause=suspension_cause(workspace),
        created_at=workspace.created_at,
        updated_at=workspace.updated_at,
        **read_settings(workspace.settings, AdminSettings.model_fields),
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


# --- Members and invitations -----------------------------------------------------------------------------------------

MEMBERS = "/workspaces/{workspaceId}/members"
MEMBER = f"{MEMBERS}/{{userId}}"
INVITATIONS = "/workspaces/{workspaceId}/invitations"
SIGN_UP_LIMIT: Final = RateLimit("invited-signup", 20, 3600)


class NewMember(Body):
    """The email address and role of an invitation."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]
    role: Annotated[
        Role,
        Field(
            description="Role in the workspace. Each role includes the permissions of the roles after it in the list."
        ),
    ]


class RoleChange(Body):
    """The new role of a member."""

    role: Annotated[
        Role,
        Field(
            description="Role in the workspace. Each role includes the permissions of the roles after it in the list."
        ),
    ]


class InvitedAccount(LetterToken):
    """A new account for an invitation. Its email address is the invited address."""

    name: Annotated[LetterName, Field(description="The person's name.", examples=["Ada Lovelace"])]
    password: Annotated[
        PasswordText,
        Field(
            description="The account's password, 10 to 128 characters.",
            examples=["correct horse battery"],
        ),
    ]
    token: Annotated[
        TokenText,
        Field(
            description="The token of the invitation's link, after `token=`.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class MemberList(ListAnswer):
    """A page of members, oldest membership first."""

    members: Annotated[list[Member], Field(description="The workspace's members.")]


@dataclass(frozen=True, slots=True)
class MemberAnswer:
    """A member."""

    member: Annotated[Member, Field(description="The member.")]


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An open invitation."""

    id: Id
    email: Email
    role: Annotated[
        Role,
        Field(
            description="Role in the workspace. Each role includes the permissions of the roles after it in the list."
        ),
    ]
    invited_by: Annotated[
        UUID | None, Field(description="Id of the user who sent the invitation. Null if the account was deleted.")
    ]
    created_at: CreatedAt
    expires_at: Annotated[datetime, Field(description="When the link becomes invalid (UTC).")]
    is_expired: Annotated[
        bool, Field(description="Whether the link has expired. Inviting the address again renews it.")
    ]


@dataclass(frozen=True, slots=True)
class InvitationAnswer:
    """An invitation."""

    invitation: Annotated[InvitationView, Field(description="The invitation.")]


@dataclass(frozen=True, slots=True)
class InvitationList(ListAnswer):
    """A page of open invitations, ordered by email address."""

    invitations: Annotated[list[InvitationView], Field(description="Open invitations, including expired ones.")]


@dataclass(frozen=True, slots=True)
class Joined:
    """The joined workspace and all workspaces of the user."""

    workspace_id: Annotated[UUID, Field(description="Id of the workspace that was joined.")]
    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]


async def list_members(context: MemberContext, query: ListQuery) -> MemberList:
    """List the workspace's members, oldest membership first."""
    members = context.services[Workspaces].members
    found = await members.list_page(context.db, context.workspace_id, page=query.request())
    return MemberList(found.rows, **page_fields(query, found))


async def invite_member(context: MemberContext, body: NewMember) -> InvitationAnswer:
    """Send an invitation by email.

    Inviting an address again renews the invitation, and the older link becomes invalid.
    """
    invitation = await context.services[Workspaces].invitations.invite(
        context.db, context.actor, context.workspace_id, body.email, body.role, context.now
    )
    return to_invitation_answer(invitation, context.now)


async def change_member(context: MemberContext, user_id: UserId, body: RoleChange) -> MemberAnswer:
    """Change a member's role.

    Only owners can appoint or change owners. The last owner cannot be changed.
    """
    changed = await context.services[Workspaces].members.change_role(
        context.db, context.actor, context.workspace_id, user_id, body.role, context.now
    )
    return MemberAnswer(changed)


async def remove_member(context: MemberContext, user_id: UserId) -> None:
    """Remove a member.

    Each member except the last owner can remove themselves.
    """
    members = context.services[Workspaces].members
    await members.remove(context.db, context.actor, context.workspace_id, user_id, context.now)


async def list_invitations(context: MemberContext, query: ListQuery) -> InvitationList:
    """List open invitations, including expired ones."""
    invitations = context.services[Workspaces].invitations
    found = await invitations.list_page(context.db, context.workspace_id, page=query.request())
    return InvitationList(
        [to_invitation_view(invitation, context.now) for invitation in found.rows], **page_fields(query, found)
    )


async def revoke_invitation(
    context: MemberContext, invitation_id: Annotated[UUID, Field(description="Id of the invitation.")]
) -> None:
    """Revoke an open invitation. Its link becomes invalid."""
    invitations = context.services[Workspaces].invitations
    await invitations.revoke(context.db, context.actor, context.workspace_id, invitation_id, context.now)


async def accept_invitation(context: UserContext, body: LetterToken) -> Joined:
    """Accept an invitation.

    The signed-in user must have the invited email address.
    """
    workspaces = context.services[Workspaces]
    workspace_id = await workspaces.invitations.accept(context.db, context.actor, body.token, context.now)
    return Joined(workspace_id, await workspaces.memberships(context.db, context.user_id))


async def sign_up_invited(context: Context, body: InvitedAccount) -> SignedIn:
    """Create an account for the invited email address, join the workspace and sign in.

    409 `email_taken`: the address already has an account. Sign in with this account and accept the invitation.
    """
    workspaces = context.services[Workspaces]
    done = await workspaces.invitations.sign_up(
        context.db, body.token, body.name, body.password, context.origin, context.now
    )
    return to_signed_in(done, await workspaces.memberships(context.db, done.user.id))


def to_invitation_answer(invitation: Invitation, now: datetime) -> InvitationAnswer:
    return InvitationAnswer(to_invitation_view(invitation, now))


def to_invitation_view(invitation: Invitation, now: datetime) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        invited_by=invitation.invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        is_expired=invitation.expires_at <= now,
    )


# --- Sign-in rules ---------------------------------------------------------------------------------------------------

SIGN_IN_RULES = "/workspaces/{workspaceId}/sign-in-rules"


class SignInRules(Body):
    """Rules for the sign-in of members."""

    second_factor_required: Annotated[bool, Field(description=SECOND_FACTOR_REQUIRED.text)]


@dataclass(frozen=True, slots=True)
class SignInRulesAnswer:
    """The sign-in rules of a workspace."""

    second_factor_required: Annotated[bool, Field(description=SECOND_FACTOR_REQUIRED.text)]


async def get_sign_in_rules(context: MemberContext) -> SignInRulesAnswer:
    """Return the workspace's rules for its members' sign-in."""
    workspace = await context.services[Workspaces].get(context.db, context.workspace_id)
    return SignInRulesAnswer(SECOND_FACTOR_REQUIRED.read(workspace.settings))


async def change_sign_in_rules(context: MemberContext, body: SignInRules) -> SignInRulesAnswer:
    """Set whether members need a second factor.

    From the next request on, members without a second factor get 403 `second_factor_required` in the workspace. They
    can set up a second factor at `POST /auth/totp`. The caller must have a second factor.
    """
    services, needed = context.services, body.second_factor_required
    if needed and not (await services[Accounts].second_factors.state(context.db, context.user_id)).is_enabled:
        raise Conflict("Set up a second factor for your own account first.", code="second_factor_missing")
    workspace = await services[Workspaces].change_setting(
        context.db, context.actor, context.workspace_id, SECOND_FACTOR_REQUIRED, needed, context.now
    )
    return SignInRulesAnswer(SECOND_FACTOR_REQUIRED.read(workspace.settings))


# --- Workspaces, for staff -------------------------------------------------------------------------------------------

ADMIN_WORKSPACES = "/admin/workspaces"
ADMIN_WORKSPACE = f"{ADMIN_WORKSPACES}/{{workspaceId}}"
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class WorkspacesQuery(ListQuery):
    """Filters for the list of workspaces."""

    status: Literal["trial", "active", "suspended", "deleted"] | None = Field(
        None, description="Only workspaces with this status. Deleted workspaces are listed only with this filter."
    )
    search: str | None = Field(
        None, min_length=1, max_length=200, description="Part of the name or of an owner's email address."
    )


class WorkspaceEdit(StaffSettings):
    """Changes to a workspace by staff. Omitted fields stay unchanged."""

    name: LetterName = Field("", description="The new name.", examples=["Riverside Dental"])
    status: WorkspaceStatus = Field("active", description="The new status. `trial` starts a new trial.")
    subscription_tier: Slug = Field(
        "", description="An available tier whose limits the workspace does not exceed.", examples=["starter"]
    )


class Suspension(Body):
    """The reason for a suspension, for staff and the audit log. Members cannot see it."""

    reason: Annotated[
        Reason, Field(description="The reason, for staff and the audit log.", examples=["Payment overdue"])
    ]
    end_calls: bool = Field(
        True, description="Whether running calls end with a goodbye. False: running calls continue."
    )


class TierChoice(Body):
    """The new tier."""

    tier_name: Annotated[Slug, Field(description="Identifier of the tier.", examples=["starter"])]


@dataclass(frozen=True, slots=True)
class WorkspaceLine:
    """A workspace in the list, with all-time figures."""

    id: Id
    name: Name
    industry: OptionalIndustry
    owner_email: Annotated[
        str | None,
        Field(
            description="Address of the owner with the oldest membership. Null if there is no owner.",
            examples=["ada@example.com"],
        ),
    ]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    subscription_tier: TierName
    created_at: CreatedAt
    deleted_at: Annotated[
        datetime | None, Field(description="When the workspace was deleted (UTC). Null unless it is deleted.")
    ]
    total_calls: TotalCalls
    total_revenue: TotalRevenue
    currency: Currency


@dataclass(frozen=True, slots=True)
class AdminWorkspaceList(ListAnswer):
    """A page of workspaces, newest first."""

    workspaces: Annotated[list[WorkspaceLine], Field(description="The workspaces.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminWorkspaceView(StaffSettingsView):
    """A workspace, as staff see it."""

    id: Id
    name: Name
    industry: OptionalIndustry
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    status: Annotated[WorkspaceStatus, Field(description="Present status.")]
    status_before: Annotated[WorkspaceStatus | None, Field(description="The status after a suspension.")]
    subscription_tier: TierName
    trial_ends_at: Annotated[
        datetime | None, Field(description="End of the current or past trial (UTC). Null if there was no trial.")
    ]
    suspended_at: Annotated[
        datetime | None, Field(description="When the workspace was suspended (UTC). Null unless it is suspended.")
    ]
    suspended_why: Annotated[
        str | None,
        Field(
            description="The reason for the suspension, for staff. Null if there is none.", examples=["Payment overdue"]
        ),
    ]
    deleted_at: Annotated[
        datetime | None, Field(description="When the workspace was deleted (UTC). Null unless it is deleted.")
    ]
    purge_after: Annotated[
        datetime | None, Field(description="When the workspace will be purged. Until then it can be restored.")
    ]
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
    """All-time figures, without test calls."""

    total_calls: TotalCalls
    total_revenue: TotalRevenue
    currency: Currency
    active_agents: Annotated[int, Field(description="Number of live agents.", examples=[3])]


@dataclass(frozen=True, slots=True)
class AdminWorkspaceDetails:
    """A workspace with its first members and its newest agents."""

    workspace: Annotated[AdminWorkspaceView, Field(description="The workspace.")]
    owner: Annotated[OwnerView | None, Field(description="Null if all owners' accounts are deleted.")]
    members: Annotated[list[Member], Field(description="The workspace's members.")]
    agents: Annotated[list[AgentSummary], Field(description="The agents.")]
    stats: Annotated[StatsView, Field(description="The figures.")]


@dataclass(frozen=True, slots=True)
class AdminWorkspaceAnswer:
    """A workspace."""

    workspace: Annotated[AdminWorkspaceView, Field(description="The workspace.")]


async def admin_list_workspaces(context: AdminContext, query: WorkspacesQuery) -> AdminWorkspaceList:
    """List all workspaces, newest first."""
    wanted = WorkspaceFilter(query.status, query.search)
    found = await context.services[Workspaces].administration.find(context.db, wanted, page=query.request())
    return AdminWorkspaceList([to_line(line) for line in found.rows], **page_fields(query, found))


async def admin_get_workspace(context: AdminContext, workspace_id: WorkspaceId) -> AdminWorkspaceDetails:
    """Return a workspace with its owner, members, agents and figures.

    Deleted workspaces are included until they are purged.
    """
    db, workspaces = context.db, context.services[Workspaces]
    workspace = await workspaces.administration.get(db, workspace_id)
    owner = await workspaces.administration.owner(db, workspace_id)
    first = PageRequest(MAX_LIMIT)
    members = await workspaces.members.list_page(db, workspace_id, page=first)
    agents = await context.services[Agents].list_page(db, workspace_id, status=None, search=None, page=first)
    stats = await workspaces.administration.stats(db, workspace_id)
    return AdminWorkspaceDetails(to_admin_view(workspace), to_owner(owner), members.rows, agents.rows, to_stats(stats))


async def admin_update_workspace(
    context: AdminContext, workspace_id: WorkspaceId, body: WorkspaceEdit
) -> AdminWorkspaceAnswer:
    """Change the name, status, tier or allowed countries of a workspace.

    All changes or none take effect. The status `suspended` ends running calls, like `/suspend`.
    """
    changes = body.model_dump(exclude_unset=True)
    edit = WorkspaceUpdate(
        name=changes.get("name"),
        status=changes.get("status"),
        tier_name=changes.get("subscription_tier"),
        settings=pick_settings(changes),
    )
    staff = context.services[Workspaces].administration
    workspace = await staff.update(context.db, context.actor, workspace_id, edit, context.now)
    if edit.status == "suspended":
        await end_calls_later(context.db, workspace_id)
    return to_answer(workspace)


async def admin_delete_workspace(context: AdminContext, workspace_id: WorkspaceId) -> None:
    """Delete a workspace.

    Its members lose access immediately, and its data is purged after the grace period. The phone numbers of a workspace
    on trial are released immediately.
    """
    await context.services[Numbers].release_trial(context.db, workspace_id, context.now)
    await context.services[Workspaces].administration.delete(context.db, context.actor, workspace_id, context.now)


async def suspend_workspace(context: AdminContext, workspace_id: WorkspaceId, body: Suspension) -> AdminWorkspaceAnswer:
    """Suspend a workspace.

    Its agents answer no calls, and running calls end with a goodbye unless `end_calls` is false. Members can read,
    pause, delete and leave, but cannot create or change agents, change the workspace or invite anybody.
    """
    staff = context.services[Workspaces].administration
    workspace = await staff.suspend(context.db, context.actor, workspace_id, body.reason, context.now)
    if body.end_calls:
        await end_calls_later(context.db, workspace_id)
    return to_answer(workspace)


async def activate_workspace(context: AdminContext, workspace_id: WorkspaceId) -> AdminWorkspaceAnswer:
    """End a suspension.

    The workspace returns to its previous status. A workspace whose trial has expired becomes active.
    """
    staff = context.services[Workspaces].administration
    return to_answer(await staff.activate(context.db, context.actor, workspace_id, context.now))


async def change_tier(context: AdminContext, workspace_id: WorkspaceId, body: TierChoice) -> AdminWorkspaceAnswer:
    """Change a workspace's tier.

    The error for a tier that is too small lists the limits that the workspace exceeds.
    """
    staff = context.services[Workspaces].administration
    return to_answer(await staff.change_tier(context.db, context.actor, workspace_id, body.tier_name, context.now))


async def restore_workspace(context: AdminContext, workspace_id: WorkspaceId) -> AdminWorkspaceAnswer:
    """Restore a deleted workspace that has not been purged."""
    staff = context.services[Workspaces].administration
    return to_answer(await staff.restore(context.db, context.actor, workspace_id, context.now))


def to_answer(workspace: Workspace) -> AdminWorkspaceAnswer:
    return AdminWorkspaceAnswer(to_admin_view(workspace))


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


def to_admin_view(found: Workspace) -> AdminWorkspaceView:
    return AdminWorkspaceView(
        id=found.id,
        name=found.name,
        industry=found.industry,
        timezone=found.timezone,
        status=found.status,
        status_before=found.status_before,
        subscription_tier=found.tier_name,
        trial_ends_at=found.trial_ends_at,
        suspended_at=found.suspended_at,
        suspended_why=found.suspended_why,
        deleted_at=found.deleted_at,
        purge_after=found.purge_after,
        created_at=found.created_at,
        updated_at=found.updated_at,
        **read_settings(found.settings, StaffSettings.model_fields),
    )


def to_owner(owner: Member | None) -> OwnerView | None:
    return OwnerView(owner.user_id, owner.email, owner.name) if owner else None


def to_stats(stats: WorkspaceStats) -> StatsView:
    return StatsView(stats.total_calls, stats.total_revenue, stats.currency, stats.active_agents)


# --- Routes ----------------------------------------------------------------------------------------------------------

# Errors that several operations can return.
_INVITATION_ERRORS: Final = (
    "409 already_member",
    "409 invitation_accepted",
    "409 invitation_expired",
    "409 invitation_revoked",
    "409 member_limit",
    "422 token_invalid",
    "404 workspace_not_found",
    "404 tier_not_found",
)
_TIER_CHOICE_ERRORS: Final = ("409 tier_not_priced", "409 tier_unavailable", "409 tier_too_small", "422 tier_unknown")

ROUTES: tuple[Route, ...] = (
    # Rate limited, because the row of a deleted workspace stays until the end of the grace period.
    Route(
        "POST",
        WORKSPACES,
        create_workspace,
        USER,
        status=201,
        idempotent=True,
        limit=RateLimit("create-workspace", 30, 3600),
        errors=("409 tier_not_priced", "409 workspace_limit", "422 timezone_unknown"),
    ),
    Route("GET", WORKSPACES, list_workspaces, user("workspace:read")),
    Route("GET", WORKSPACE, get_workspace, member("viewer", "workspace:read"), errors=("404 tier_not_found",)),
    Route(
        "PUT",
        WORKSPACE,
        update_workspace,
        member("admin", "workspace:write"),
        errors=("409 workspace_suspended", "422 timezone_unknown", "422 disclosure_text_missing"),
    ),
    Route("DELETE", WORKSPACE, delete_workspace, member("owner"), needs_recent_sign_in=True),
    Route("GET", MEMBERS, list_members, member("viewer", "workspace:read")),
    Route(
        "POST",
        MEMBERS,
        invite_member,
        member("admin"),
        status=201,
        idempotent=True,
        limit=RateLimit("invite", 100, 3600),
        errors=(
            "403 email_unverified",
            "409 already_member",
            "409 member_limit",
            "409 workspace_suspended",
            "429 letter_limit",
        ),
    ),
    Route(
        "PUT",
        MEMBER,
        change_member,
        member("admin"),
        needs_recent_sign_in=True,
        errors=("404 member_not_found", "409 last_owner"),
    ),
    Route("DELETE", MEMBER, remove_member, member("viewer"), errors=("404 member_not_found", "409 last_owner")),
    Route("GET", SIGN_IN_RULES, get_sign_in_rules, member("viewer"), beyond_spec=True),
    Route(
        "PUT",
        SIGN_IN_RULES,
        change_sign_in_rules,
        member("owner"),
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("409 second_factor_missing", "409 workspace_suspended"),
    ),
)
INVITATIONS_ROUTES: tuple[Route, ...] = (
    Route("GET", INVITATIONS, list_invitations, member("admin"), beyond_spec=True),
    Route(
        "DELETE",
        f"{INVITATIONS}/{{invitationId}}",
        revoke_invitation,
        member("admin"),
        beyond_spec=True,
        errors=("404 invitation_not_found",),
    ),
    Route(
        "POST",
        "/invitations/accept",
        accept_invitation,
        USER,
        limit=RateLimit("accept-invitation", 20, 60),
        beyond_spec=True,
        errors=(*_INVITATION_ERRORS, "403 invitation_address"),
    ),
    Route(
        "POST",
        "/invitations/signup",
        sign_up_invited,
        OPEN,
        status=201,
        limit=SIGN_UP_LIMIT,
        hashes_password=True,
        session="begins",
        beyond_spec=True,
        errors=(*_INVITATION_ERRORS, "409 email_taken", "422 weak_password", "401 session_over"),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", ADMIN_WORKSPACES, admin_list_workspaces, ANY_ADMIN),
    Route("GET", ADMIN_WORKSPACE, admin_get_workspace, ANY_ADMIN, errors=("404 workspace_not_found",)),
    Route(
        "PUT",
        ADMIN_WORKSPACE,
        admin_update_workspace,
        admin("support"),
        errors=("404 workspace_not_found", *_TIER_CHOICE_ERRORS, "409 trials_off", "422 country_unknown"),
    ),
    Route("DELETE", ADMIN_WORKSPACE, admin_delete_workspace, admin(), errors=("404 workspace_not_found",)),
    Route(
        "POST", f"{ADMIN_WORKSPACE}/suspend", suspend_workspace, admin("support"), errors=("404 workspace_not_found",)
    ),
    Route(
        "POST", f"{ADMIN_WORKSPACE}/activate", activate_workspace, admin("support"), errors=("404 workspace_not_found",)
    ),
    Route(
        "POST",
        f"{ADMIN_WORKSPACE}/change-tier",
        change_tier,
        admin("support", "finance"),
        errors=("404 workspace_not_found", *_TIER_CHOICE_ERRORS),
    ),
    Route(
        "POST",
        f"{ADMIN_WORKSPACE}/restore",
        restore_workspace,
        admin("support"),
        beyond_spec=True,
        errors=("404 workspace_not_found", "409 not_deleted"),
    ),
)
