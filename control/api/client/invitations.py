"""Invitations into a workspace: seen and taken back by its admins, accepted by those who are invited."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.api.client.auth import LetterToken, PasswordText, SignedIn, signed_in
from control.http.access import OPEN, USER, member
from control.http.body import Name
from control.http.context import Context, MemberContext, UserContext
from control.http.page import PageQuery
from control.http.route import Limit, Route
from control.workspaces.model import Invitation, Membership
from control.workspaces.roles import Role

INVITATIONS = "/workspaces/{workspaceId}/invitations"


class InvitedAccount(LetterToken):
    """Who accepts an invitation without having an account; the address is the one that the letter went to."""

    name: Name
    password: PasswordText


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An open invitation. is_expired: it can be renewed by inviting again, or revoked."""

    id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    is_expired: bool


@dataclass(frozen=True, slots=True)
class InvitationAnswer:
    """An invitation."""

    invitation: InvitationView


@dataclass(frozen=True, slots=True)
class InvitationList:
    """A page of open invitations, by address."""

    invitations: list[InvitationView]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Where somebody belongs, now that they accepted; workspace_id is the new one."""

    workspace_id: UUID
    workspaces: list[Membership]


async def list_invitations(context: MemberContext, query: PageQuery) -> InvitationList:
    """Invitations that are neither accepted nor revoked, expired ones too."""
    found, total = await context.services.workspaces.invitations.page(
        context.db, context.workspace_id, offset=query.offset, limit=query.limit
    )
    return InvitationList([_view(one, context.now) for one in found], total, query.page, query.limit)


async def revoke_invitation(context: MemberContext, invitation_id: UUID) -> None:
    """Takes an open invitation back: its letter is void."""
    invitations = context.services.workspaces.invitations
    await invitations.revoke(context.db, context.actor, context.workspace_id, invitation_id, context.now)


async def accept_invitation(context: UserContext, body: LetterToken) -> Joined:
    """For who is signed in with the address that was invited: joins the workspace."""
    workspaces = context.services.workspaces
    workspace_id = await workspaces.invitations.accept(context.db, context.actor, body.token, context.now)
    return Joined(workspace_id, await workspaces.of_user(context.db, context.user_id))


async def sign_up_invited(context: Context, body: InvitedAccount) -> SignedIn:
    """For who has no account: makes one for the address that was invited, joins the workspace and signs in. Who has one
    signs in and accepts instead (409, email_taken)."""
    workspaces = context.services.workspaces
    done = await workspaces.invitations.sign_up(
        context.db, body.token, body.name, body.password, context.origin, context.now
    )
    return signed_in(done.user, done.tokens, await workspaces.of_user(context.db, done.user.id))


def invitation_answer(invitation: Invitation, now: datetime) -> InvitationAnswer:
    """As the API tells it."""
    return InvitationAnswer(_view(invitation, now))


def _view(invitation: Invitation, now: datetime) -> InvitationView:
    return InvitationView(
        invitation.id, invitation.email, invitation.role, invitation.invited_by, invitation.created_at,
        invitation.expires_at, invitation.expires_at <= now,
    )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", INVITATIONS, list_invitations, member("admin"), beyond_spec=True),
    Route("DELETE", f"{INVITATIONS}/{{invitationId}}", revoke_invitation, member("admin"), beyond_spec=True),
    Route(
        "POST", "/invitations/accept", accept_invitation, USER, limit=Limit("accept-invitation", 20, 60),
        beyond_spec=True,
    ),
    Route(
        "POST", "/invitations/signup", sign_up_invited, OPEN, status=201, limit=Limit("invited-signup", 20, 3600),
        hashes=True, beyond_spec=True,
    ),
)  # fmt: skip
