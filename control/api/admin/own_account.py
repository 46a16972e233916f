"""Routes of what staff do to their own account: password, sessions, and a further proof of who they are."""

from typing import Final

from control.accounts.own_account.service import OwnSession
from control.accounts.users.service import Accounts
from control.api.own_account import OwnPasswordBody, OwnSessionList, Reauthentication, to_session_list
from control.http.access import ANY_ADMIN
from control.http.context import AdminContext
from control.http.fields import SessionId
from control.http.route import RateLimit, Route

PROOFS: Final = RateLimit("admin-proofs", 20, 600, per_user=True)


async def change_password(context: AdminContext, body: OwnPasswordBody) -> None:
    """Sets a new password. The other sessions end, unless they are kept."""
    own = context.services[Accounts].admins.own
    await own.change_password(context.db, own_session(context), body.change(), context.now)


async def reauthenticate(context: AdminContext, body: Reauthentication) -> None:
    """Proves again who is signed in, by the password or a code. For some minutes this session may do what answers 403
    reauthentication_required otherwise."""
    own, session = context.services[Accounts].admins.own, own_session(context)
    if body.password is not None:
        await own.reauthenticate(context.db, session, body.password, context.now)
    else:
        await own.reauthenticate_by_code(context.db, session, body.given(), context.now)


async def list_own_sessions(context: AdminContext) -> OwnSessionList:
    """The admin's sessions that go on, last used first."""
    found = await context.services[Accounts].admins.own.list_sessions(context.db, context.admin_id, context.now)
    return to_session_list(found, context.session_id)


async def end_own_session(context: AdminContext, session_id: SessionId) -> None:
    """Ends one of the admin's sessions. Its tokens are refused from the next request on."""
    own = context.services[Accounts].admins.own
    await own.end_session(context.db, own_session(context), session_id, context.now)


async def end_other_sessions(context: AdminContext) -> None:
    """Ends all of the admin's sessions but this one."""
    await context.services[Accounts].admins.own.end_others(context.db, own_session(context), context.now)


def own_session(context: AdminContext) -> OwnSession:
    """The session that a request came in."""
    return OwnSession(context.session_id, context.admin_id, context.email, context.origin)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/admin/auth/password",
        change_password,
        ANY_ADMIN,
        limit=PROOFS,
        hashes_password=True,
        beyond_spec=True,
    ),
    Route(
        "POST",
        "/admin/auth/reauthenticate",
        reauthenticate,
        ANY_ADMIN,
        limit=PROOFS,
        hashes_password=True,
        beyond_spec=True,
    ),
    Route("GET", "/admin/auth/sessions", list_own_sessions, ANY_ADMIN, beyond_spec=True),
    Route("DELETE", "/admin/auth/sessions", end_other_sessions, ANY_ADMIN, beyond_spec=True),
    Route("DELETE", "/admin/auth/sessions/{sessionId}", end_own_session, ANY_ADMIN, beyond_spec=True),
)
