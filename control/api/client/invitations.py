"""Routes of invitations: listed and revoked by the workspace's admins, accepted by those invited."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from control.api.client.auth import LetterToken, TokenText
from control.api.client.auth_views import SignedIn, to_signed_in
from control.api.client.invitations_views import InvitationList, Joined, to_view
from control.http.access import OPEN, USER, member
from control.http.body import LetterName, PasswordText
from control.http.context import Context, MemberContext, UserContext
from control.http.pagination import ListQuery, page_fields
from control.http.route import RateLimit, Route
from control.workspaces.service import Workspaces

INVITATIONS = "/workspaces/{workspaceId}/invitations"
SIGN_UP_LIMIT: Final = RateLimit("invited-signup", 20, 3600)


class InvitedAccount(LetterToken):
    """A new account for an invitation; its email address is the invited one."""

    name: Annotated[LetterName, Field(description="The person's name.", examples=["Ada Lovelace"])]
    password: Annotated[
        PasswordText,
        Field(
            description="The account's password; a new one has 10 to 128 characters.",
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


async def list_invitations(context: MemberContext, query: ListQuery) -> InvitationList:
    """Invitations that are neither accepted nor revoked, including expired ones."""
    invitations = context.services[Workspaces].invitations
    found = await invitations.list_page(context.db, context.workspace_id, page=query.request())
    return InvitationList([to_view(one, context.now) for one in found.rows], **page_fields(query, found))


async def revoke_invitation(
    context: MemberContext, invitation_id: Annotated[UUID, Field(description="Id of the invitation.")]
) -> None:
    """Revokes an open invitation. Its link becomes invalid."""
    invitations = context.services[Workspaces].invitations
    await invitations.revoke(context.db, context.actor, context.workspace_id, invitation_id, context.now)


async def accept_invitation(context: UserContext, body: LetterToken) -> Joined:
    """Accepts an invitation. The signed-in user must have the invited email address."""
    workspaces = context.services[Workspaces]
    workspace_id = await workspaces.invitations.accept(context.db, context.actor, body.token, context.now)
    return Joined(workspace_id, await workspaces.memberships(context.db, context.user_id))


async def sign_up_invited(context: Context, body: InvitedAccount) -> SignedIn:
    """Creates an account for the invited email address, joins the workspace and signs in. 409 email_taken: the address
    has an account, with which the user signs in and accepts."""
    workspaces = context.services[Workspaces]
    done = await workspaces.invitations.sign_up(
        context.db, body.token, body.name, body.password, context.origin, context.now
    )
    return to_signed_in(done, await workspaces.memberships(context.db, done.user.id))


ROUTES: tuple[Route, ...] = (
    Route("GET", INVITATIONS, list_invitations, member("admin"), beyond_spec=True),
    Route("DELETE", f"{INVITATIONS}/{{invitationId}}", revoke_invitation, member("admin"), beyond_spec=True),
    Route(
        "POST",
        "/invitations/accept",
        accept_invitation,
        USER,
        limit=RateLimit("accept-invitation", 20, 60),
        beyond_spec=True,
    ),
    Route(
        "POST",
        "/invitations/signup",
        sign_up_invited,
        OPEN,
        status=201,
        limit=SIGN_UP_LIMIT,
        hashes_password=True,
        beyond_spec=True,
    ),
)
