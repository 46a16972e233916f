"""The members of a workspace."""

from dataclasses import dataclass
from uuid import UUID

from control.accounts.addresses import Address
from control.api.client.invitations import InvitationAnswer, invitation_answer
from control.http.access import member
from control.http.body import Body
from control.http.context import MemberContext
from control.http.page import PageQuery
from control.http.route import Limit, Route
from control.workspaces.model import Member
from control.workspaces.roles import Role

MEMBERS = "/workspaces/{workspaceId}/members"
MEMBER = f"{MEMBERS}/{{userId}}"


class NewMember(Body):
    """Who is invited, and as what."""

    email: Address
    role: Role


class RoleChange(Body):
    """What a member shall be."""

    role: Role


@dataclass(frozen=True, slots=True)
class MemberList:
    """A page of members, in the order in which they came."""

    members: list[Member]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class MemberAnswer:
    """A member."""

    member: Member


async def list_members(context: MemberContext, query: PageQuery) -> MemberList:
    """Who belongs to the workspace."""
    members, total = await context.services.workspaces.members.page(
        context.db, context.workspace_id, offset=query.offset, limit=query.limit
    )
    return MemberList(members, total, query.page, query.limit)


async def invite_member(context: MemberContext, body: NewMember) -> InvitationAnswer:
    """Sends an invitation by e-mail. Inviting an address again renews its invitation; the older letter is void."""
    invitation = await context.services.workspaces.invitations.invite(
        context.db, context.actor, context.workspace_id, body.email, body.role, context.now
    )
    return invitation_answer(invitation, context.now)


async def change_member(context: MemberContext, user_id: UUID, body: RoleChange) -> MemberAnswer:
    """Gives a member another role. Only owners make or change owners, and one of them has to stay."""
    changed = await context.services.workspaces.members.change_role(
        context.db, context.actor, context.workspace_id, user_id, body.role, context.now
    )
    return MemberAnswer(changed)


async def remove_member(context: MemberContext, user_id: UUID) -> None:
    """Removes a member; anybody may leave by their own id, but for the last owner."""
    members = context.services.workspaces.members
    await members.remove(context.db, context.actor, context.workspace_id, user_id, context.now)


ROUTES: tuple[Route, ...] = (
    Route("GET", MEMBERS, list_members, member("viewer")),
    Route(
        "POST", MEMBERS, invite_member, member("admin"), status=201, idempotent=True, limit=Limit("invite", 100, 3600)
    ),
    Route("PUT", MEMBER, change_member, member("admin")),
    Route("DELETE", MEMBER, remove_member, member("viewer")),
)
