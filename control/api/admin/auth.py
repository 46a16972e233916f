"""Sign-in of the platform's staff, with a second factor."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from control.accounts.addresses import Address
from control.accounts.sessions import Tokens
from control.http.access import ANY_ADMIN, OPEN, AdminRole
from control.http.body import Body
from control.http.context import AdminContext, Context
from control.http.route import Limit, Route

Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="Six digits of an authenticator app.")]
PasswordText = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"format": "password"})]


class AdminSignIn(Body):
    """Who signs in. totp_code is needed once a second factor is in force."""

    email: Address
    password: PasswordText
    totp_code: Code | None = None


class AdminPassword(Body):
    """Who sets up a second factor before the first sign-in."""

    email: Address
    password: PasswordText


class AdminRefresh(Body):
    """The last refresh token that was handed out."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=200)]


class TotpCode(Body):
    """A code of the authenticator app; each is taken once."""

    code: Code


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody of the staff."""

    id: UUID
    email: str
    name: str
    role: AdminRole


@dataclass(frozen=True, slots=True)
class AdminSession:
    """Tokens of a sign-in. expires_in: seconds that `token` is good for."""

    token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class AdminSignedIn(AdminSession):
    """A sign-in."""

    admin: Staff


@dataclass(frozen=True, slots=True)
class AdminSelf:
    """Who is signed in."""

    admin: Staff


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """For an authenticator app; in force after its first code. otpauth_uri: what a QR code holds."""

    secret: str
    otpauth_uri: str
    digits: Literal[6] = 6
    period: Literal[30] = 30


async def log_in(context: Context, body: AdminSignIn) -> AdminSignedIn:
    """Signs in. 401 totp_required: all was right but a code is missing. 403 totp_setup_required: the platform demands
    a second factor and this admin has none yet."""
    done = await context.services.accounts.admins.sign_in(
        context.db, body.email, body.password, body.totp_code, context.origin, context.now
    )
    who = done.admin
    return AdminSignedIn(*_told(done.tokens), Staff(who.id, who.email, who.name, who.role))


async def refresh(context: Context, body: AdminRefresh) -> AdminSession:
    """The next tokens. The one given is used up; using it again ends the session."""
    admins = context.services.accounts.admins
    return AdminSession(*_told(await admins.refresh(context.db, body.refresh_token, context.origin, context.now)))


async def log_out(context: AdminContext) -> None:
    """Ends this session: its tokens fail from the next request on."""
    await context.services.accounts.admins.sign_out(context.db, context.session_id, context.now)


async def me(context: AdminContext) -> AdminSelf:
    """Who is signed in."""
    return AdminSelf(Staff(context.admin_id, context.email, context.name, context.role))


async def enrol_totp(context: Context, body: AdminPassword) -> TotpSecret:
    """A secret for those who may not sign in without a second factor; the sign-in with its first code confirms it."""
    offer = await context.services.accounts.admins.enrol_totp(context.db, body.email, body.password, context.now)
    return TotpSecret(offer.secret, offer.uri)


async def begin_totp(context: AdminContext) -> TotpSecret:
    """A new secret, which waits to be confirmed by its first code."""
    admins = context.services.accounts.admins
    offer = await admins.begin_totp(context.db, context.admin_id, context.email, context.now)
    return TotpSecret(offer.secret, offer.uri)


async def confirm_totp(context: AdminContext, body: TotpCode) -> None:
    """Puts the second factor in force."""
    admins = context.services.accounts.admins
    await admins.confirm_totp(context.db, context.admin_id, body.code, context.origin, context.now)


async def remove_totp(context: AdminContext, body: TotpCode) -> None:
    """Signs in by password alone again, unless the platform demands a second factor."""
    admins = context.services.accounts.admins
    await admins.remove_totp(context.db, context.admin_id, body.code, context.origin, context.now)


def _told(tokens: Tokens) -> tuple[str, str, int]:
    return tokens.token, tokens.refresh_token, tokens.expires_in


ROUTES: tuple[Route, ...] = (
    Route("POST", "/admin/auth/login", log_in, OPEN, limit=Limit("admin-login", 20, 60, account="email"), hashes=True),
    Route("POST", "/admin/auth/logout", log_out, ANY_ADMIN),
    Route("GET", "/admin/auth/me", me, ANY_ADMIN),
    Route("POST", "/admin/auth/refresh", refresh, OPEN, limit=Limit("admin-refresh", 120, 60)),
    Route(
        "POST", "/admin/auth/totp/enrol", enrol_totp, OPEN, limit=Limit("admin-enrol", 10, 60, account="email"),
        hashes=True, beyond_spec=True,
    ),
    Route("POST", "/admin/auth/totp", begin_totp, ANY_ADMIN, beyond_spec=True),
    Route("POST", "/admin/auth/totp/confirm", confirm_totp, ANY_ADMIN, beyond_spec=True),
    Route("DELETE", "/admin/auth/totp", remove_totp, ANY_ADMIN, beyond_spec=True),
)  # fmt: skip
