"""Response models of invitations (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import ListAnswer
from control.workspaces.model import Invitation, Membership
from control.workspaces.roles import Role


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An open invitation. is_expired: the link is no longer valid; inviting again renews it."""

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
class InvitationList(ListAnswer):
    """A page of open invitations, by email address."""

    invitations: list[InvitationView]


@dataclass(frozen=True, slots=True)
class Joined:
    """The user's workspaces after accepting an invitation. workspace_id: the new one."""

    workspace_id: UUID
    workspaces: list[Membership]


def to_invitation_answer(invitation: Invitation, now: datetime) -> InvitationAnswer:
    return InvitationAnswer(to_view(invitation, now))


def to_view(invitation: Invitation, now: datetime) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        invited_by=invitation.invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        is_expired=invitation.expires_at <= now,
    )
