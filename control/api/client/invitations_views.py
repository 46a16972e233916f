"""Response models of invitations (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.http.fields import CreatedAt, Email, Id
from control.http.pagination import ListAnswer
from control.workspaces.rules import Invitation, Membership, Role


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An open invitation."""

    id: Id
    email: Email
    role: Annotated[
        Role, Field(description="Role in the workspace; each role may do what those after it in the list may.")
    ]
    invited_by: Annotated[
        UUID | None, Field(description="Id of the user who sent the invitation; null if that account is deleted.")
    ]
    created_at: CreatedAt
    expires_at: Annotated[datetime, Field(description="When the link becomes invalid (UTC).")]
    is_expired: Annotated[bool, Field(description="The link is no longer valid; inviting again renews it.")]


@dataclass(frozen=True, slots=True)
class InvitationAnswer:
    """An invitation."""

    invitation: Annotated[InvitationView, Field(description="The invitation.")]


@dataclass(frozen=True, slots=True)
class InvitationList(ListAnswer):
    """A page of open invitations, by email address."""

    invitations: Annotated[list[InvitationView], Field(description="Open invitations, expired ones included.")]


@dataclass(frozen=True, slots=True)
class Joined:
    """The user's workspaces after accepting an invitation."""

    workspace_id: Annotated[UUID, Field(description="Id of the workspace that was joined.")]
    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]


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
