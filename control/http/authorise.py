"""Who asks: the token's session, looked up in the request's own transaction, so that a sign-out holds at once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aiohttp import web

from control.accounts.access_tokens import AccessTokens
from control.http.access import Access, Kind
from control.http.context import AdminContext, Context, MemberContext, UserContext
from control.http.route import Route
from shared.errors import Forbidden, Missing, Unauthorised


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says that was really issued by us; whether its session still lives is another question."""

    session_id: UUID


class Authoriser:
    """Turns a request's token and path into the context that its route demands."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def claim(self, access: Access, request: web.Request, now: datetime) -> Claim | None:
        """Reads the token, without a database. Raises Unauthorised."""
        if access.kind is Kind.OPEN:
            return None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorised("This needs a bearer token.", code="no_token")
        audience = "admin" if access.kind is Kind.ADMIN else "user"
        return Claim(self._tokens.read(token.strip(), audience, now))

    async def admit(self, access: Access, claim: Claim, request: web.Request, context: Context) -> Context:
        """Looks the session up and sets the transaction's scope. Raises Unauthorised, Forbidden, Missing."""
        if access.kind is Kind.ADMIN:
            return await _admin(access, claim, context)
        if access.kind is Kind.USER:
            return await _user(claim, context)
        return await _member(access, claim, request, context)

    def scope_of(self, context: Context, route: Route) -> str:
        """Whose Idempotency-Keys these are."""
        match context:
            case UserContext(user_id=user_id):
                who = f"user:{user_id}"
            case AdminContext(admin_id=admin_id):
                who = f"admin:{admin_id}"
            case _:
                raise TypeError("nobody is signed in, so no key is anybody's")
        return f"{who} {route.method} {route.path}"


async def _admin(access: Access, claim: Claim, context: Context) -> AdminContext:
    row = await context.db.fetchrow("SELECT * FROM authorise_admin($1)", claim.session_id)
    if row is None:
        raise _over()
    if not access.allows(row["role"]):
        raise Forbidden("Your role may not do this.", code="role")
    return AdminContext(
        context.db, context.services, context.origin, context.now,
        row["admin_id"], claim.session_id, row["email"], row["name"], row["role"],
    )  # fmt: skip


async def _user(claim: Claim, context: Context) -> UserContext:
    row = await context.db.fetchrow("SELECT * FROM authorise_user($1, NULL)", claim.session_id)
    if row is None:
        raise _over()
    return UserContext(
        context.db, context.services, context.origin, context.now,
        row["user_id"], claim.session_id, row["email"], row["name"], row["is_verified"],
    )  # fmt: skip


async def _member(access: Access, claim: Claim, request: web.Request, context: Context) -> MemberContext:
    workspace_id = _workspace(request)
    row = await context.db.fetchrow("SELECT * FROM authorise_user($1, $2)", claim.session_id, workspace_id)
    if row is None:
        raise _over()
    if workspace_id is None or row["role"] is None:
        raise Missing("There is no such workspace.", code="workspace_not_found")
    if not access.allows(row["role"]):
        raise Forbidden("Your role in this workspace may not do this.", code="role")
    return MemberContext(
        context.db, context.services, context.origin, context.now,
        row["user_id"], claim.session_id, row["email"], row["name"], row["is_verified"],
        workspace_id, row["role"], row["workspace_status"],
    )  # fmt: skip


def _workspace(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info["workspaceId"])
    except ValueError:
        return None


def _over() -> Unauthorised:
    return Unauthorised("This sign-in is over.", code="session_over")
