"""Routes of a workspace's members."""

from typing import Annotated

from pydantic import Field

from control.accounts.rules import Address
from control.api.client.invitations_views import InvitationAnswer, to_invitation_answer
from control.api.client.members_views import MemberAnswer, MemberList
from control.http.access import member
from control.http.body import Body
from control.http.context import MemberContext
from control.http.fields import UserId
from control.http.pagination import ListQuery, page_fields
from control.http.route import RateLimit, Route
from control.workspaces.rules import Role
from control.workspaces.service import Workspaces

MEMBERS = "/workspaces/{workspaceId}/members"
MEMBER = f"{MEMBERS}/{{userId}}"


class NewMember(Body):
    """The email address and role of an invitation."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]
    role: Annotated[
        Role, Field(description="Role in the workspace; each role may do what those after it in the list may.")
    ]


class RoleChange(Body):
    """The member's new role."""

    role: Annotated[
        Role, Field(description="Role in the workspace; each role may do what those after it in the list may.")
    ]


async def list_members(context: MemberContext, query: ListQuery) -> MemberList:
    """The workspace's members."""
    members = context.services[Workspaces].members
    found = await members.list_page(context.db, context.workspace_id, page=query.request())
    return MemberList(found.rows, **page_fields(query, found))


async def invite_member(context: MemberContext, body: NewMember) -> InvitationAnswer:
    """Sends an invitation by email. Inviting an address again renews it; the older link becomes invalid."""
    invitation = await context.services[Workspaces].invitations.invite(
        context.db, context.actor, context.workspace_id, body.email, body.role, context.now
    )
    return to_invitation_answer(invitation, context.now)


async def change_member(context: MemberContext, user_id: UserId, body: RoleChange) -> MemberAnswer:
    """Changes a member's role. Only owners can appoint or change owners. The last owner stays an owner."""
    changed = await context.services[Workspaces].members.change_role(
        context.db, context.actor, context.workspace_id, user_id, body.role, context.now
    )
    return MemberAnswer(changed)


async def remove_member(context: MemberContext, user_id: UserId) -> None:
    """Removes a member. Everybody can remove themselves, except the last owner."""
    members = context.services[Workspaces].members
    await members.remove(context.db, context.actor, context.workspace_id, user_id, context.now)


ROUTES: tuple[Route, ...] = (
    Route("GET", MEMBERS, list_members, member("viewer", "workspace:read")),
    Route(
        "POST",
        MEMBERS,
        invite_member,
        member("admin"),
        status=201,
        idempotent=True,
        limit=RateLimit("invite", 100, 3600),
    ),
    Route("PUT", MEMBER, change_member, member("admin"), needs_recent_sign_in=True),
    Route("DELETE", MEMBER, remove_member, member("viewer")),
)
