"""Routes of the staff's sign-in, with a second factor."""

from typing import Annotated

from pydantic import Field

from control.accounts.rules import Address, PresentedCredentials
from control.accounts.users.service import Accounts
from control.api.admin.auth_views import (
    AdminSelf,
    AdminSession,
    AdminSignedIn,
    Staff,
    to_session,
    to_signed_in,
)
from control.api.admin.own_account import PROOFS, own_session
from control.api.own_account import (
    Code,
    PasswordAgain,
    RecoveryCode,
    RecoveryCodeList,
    SecondFactor,
    TotpCode,
    TotpSecret,
    to_totp_secret,
)
from control.http.access import ANY_ADMIN, OPEN
from control.http.body import Body, DeviceToken, PasswordText
from control.http.context import AdminContext, Context
from control.http.route import RateLimit, Route


class AdminPassword(Body):
    """The credentials of an admin who sets up a second factor before the first sign-in."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]
    password: Annotated[
        PasswordText,
        Field(
            description="The account's password; a new one has 10 to 128 characters.",
            examples=["correct horse battery"],
        ),
    ]
    device_token: Annotated[
        DeviceToken | None,
        Field(
            description="Of an earlier sign-in, so that nobody else's failures make this client wait.",
            examples=["q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"],
        ),
    ] = None

    def presented(self) -> PresentedCredentials:
        """As the accounts take them."""
        return PresentedCredentials(self.email, self.password, None, self.device_token)


class AdminSignIn(AdminPassword):
    """The credentials. Once a second factor is confirmed, totp_code is required, or in its place recovery_code."""

    totp_code: Annotated[Code | None, Field(examples=["492039"])] = None
    recovery_code: RecoveryCode | None = None
    device_token: Annotated[
        DeviceToken | None,
        Field(
            description="Sent at this client's next sign-in, it spares the client from waits that others' "
            "failures cause.",
            examples=["q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"],
        ),
    ] = None

    def presented(self) -> PresentedCredentials:
        """As the accounts take them."""
        code = self.totp_code or self.recovery_code
        return PresentedCredentials(self.email, self.password, code, self.device_token)


class AdminRefresh(Body):
    """The latest refresh token of the session."""

    refresh_token: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="Exchanged once for the next tokens, by the refresh endpoint.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]


async def log_in(context: Context, body: AdminSignIn) -> AdminSignedIn:
    """Signs in. 401 totp_required: the password is right, and a code is missing. 403 totp_setup_required: the platform
    requires a second factor, and this admin has none yet."""
    admins = context.services[Accounts].admins
    return to_signed_in(await admins.sign_in(context.db, body.presented(), context.origin, context.now))


async def refresh(context: Context, body: AdminRefresh) -> AdminSession:
    """Issues the next tokens. The refresh token is used up; using it again ends the session."""
    admins = context.services[Accounts].admins
    return to_session(await admins.refresh(context.db, body.refresh_token, context.origin, context.now))


async def log_out(context: AdminContext) -> None:
    """Ends this session. Its tokens are refused from the next request on."""
    await context.services[Accounts].admins.sign_out(context.db, context.session_id, context.now)


async def me(context: AdminContext) -> AdminSelf:
    """The signed-in person."""
    return AdminSelf(Staff(context.admin_id, context.email, context.name, context.role))


async def enrol_totp(context: Context, body: AdminPassword) -> TotpSecret:
    """Creates a secret for an admin who needs a second factor to sign in. The first sign-in with a code confirms it."""
    admins = context.services[Accounts].admins
    return to_totp_secret(await admins.enrol_totp(context.db, body.presented(), context.origin, context.now))


async def begin_totp(context: AdminContext, body: PasswordAgain) -> TotpSecret:
    """Creates a new secret, which its first code confirms. The password is asked for again."""
    admins = context.services[Accounts].admins
    await admins.own.require_password(context.db, own_session(context), body.password, context.now)
    offer = await admins.begin_totp(context.db, context.admin_id, context.email, context.now)
    return to_totp_secret(offer)


async def confirm_totp(context: AdminContext, body: TotpCode) -> None:
    """Confirms the second factor with its first code."""
    admins = context.services[Accounts].admins
    await admins.confirm_totp(context.db, context.admin_id, body.code, context.origin, context.now)


async def remove_totp(context: AdminContext, body: SecondFactor) -> None:
    """Removes the second factor, unless the platform requires one."""
    admins = context.services[Accounts].admins
    await admins.remove_totp(context.db, context.admin_id, body.given(), context.origin, context.now)


async def replace_recovery_codes(context: AdminContext, body: SecondFactor) -> RecoveryCodeList:
    """Creates ten new recovery codes. The older ones become invalid."""
    admins = context.services[Accounts].admins
    codes = await admins.replace_recovery_codes(context.db, context.admin_id, body.given(), context.origin, context.now)
    return RecoveryCodeList(list(codes))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/admin/auth/login",
        log_in,
        OPEN,
        limit=RateLimit("admin-login", 20, 60),
        hashes_password=True,
    ),
    Route("POST", "/admin/auth/logout", log_out, ANY_ADMIN),
    Route("GET", "/admin/auth/me", me, ANY_ADMIN),
    Route("POST", "/admin/auth/refresh", refresh, OPEN, limit=RateLimit("admin-refresh", 120, 60)),
    Route(
        "POST",
        "/admin/auth/totp/enrol",
        enrol_totp,
        OPEN,
        limit=RateLimit("admin-enrol", 10, 60),
        hashes_password=True,
        beyond_spec=True,
    ),
    Route("POST", "/admin/auth/totp", begin_totp, ANY_ADMIN, limit=PROOFS, hashes_password=True, beyond_spec=True),
    Route("POST", "/admin/auth/totp/confirm", confirm_totp, ANY_ADMIN, needs_recent_sign_in=True, beyond_spec=True),
    Route("DELETE", "/admin/auth/totp", remove_totp, ANY_ADMIN, needs_recent_sign_in=True, beyond_spec=True),
    Route(
        "POST",
        "/admin/auth/totp/recovery-codes",
        replace_recovery_codes,
        ANY_ADMIN,
        needs_recent_sign_in=True,
        beyond_spec=True,
    ),
)
