"""Routes of accounts: sign-up, sign-in, own accounts, and the administration of users by staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from control.accounts.own_account.service import OwnSession, PasswordChange
from control.accounts.rules import Address, ListedSession, PresentedCredentials, User, network_of
from control.accounts.second_factors.service import PATTERN as RECOVERY_CODE
from control.accounts.second_factors.service import TotpOffer
from control.accounts.sessions.service import SessionTokens
from control.accounts.staff.service import AdminSignInResult
from control.accounts.users.service import Accounts, SignInResult
from control.http.access import ANY_ADMIN, OPEN, USER, AdminRole, admin
from control.http.body import Body, DeviceToken, LetterName, PasswordText
from control.http.context import AdminContext, Context, SessionContext, UserContext
from control.http.fields import CreatedAt, Email, Id, SessionId, UserId, WorkspaceId
from control.http.pagination import HasMore, ListAnswer, ListQuery, page_fields
from control.http.route import RateLimit, Route
from control.workspaces.rules import Membership
from control.workspaces.service import Workspaces
from shared.errors import Invalid

Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="Six digits of an authenticator app.")]
RecoveryCode = Annotated[
    str,
    Field(
        pattern=RECOVERY_CODE,
        description="A one-time recovery code, which replaces a code of the authenticator app.",
        examples=["k3vq-7ayo-m2fd"],
    ),
]
# Longer than any token that the platform issues, and short enough to hash quickly.
TokenText = Annotated[str, Field(min_length=1, max_length=200)]
# Fields that several requests and answers share.
EmailAddress = Annotated[Address, Field(description="E-mail address, in lower case.")]
Password = Annotated[
    PasswordText,
    Field(
        description="The account's password. A new password has 10 to 128 characters.",
        examples=["correct horse battery"],
    ),
]
NewPasswordText = Annotated[
    PasswordText, Field(description="The new password, 10 to 128 characters.", examples=["correct horse battery"])
]
OptionalTotpCode = Annotated[Code | None, Field(description="Six digits of an authenticator app.", examples=["492039"])]
_TOKEN_EXAMPLE: Final = "kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"
LinkToken = Annotated[
    TokenText, Field(description="The token of an e-mail's link, after `token=`.", examples=[_TOKEN_EXAMPLE])
]
_REFRESH_TEXT: Final = "Refresh token, valid once at the refresh endpoint."
PresentedRefreshToken = Annotated[TokenText, Field(description=_REFRESH_TEXT, examples=[_TOKEN_EXAMPLE])]
NextRefreshToken = Annotated[str, Field(description=_REFRESH_TEXT, examples=[_TOKEN_EXAMPLE])]
_DEVICE_EXAMPLE: Final = "q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"
OldDeviceToken = Annotated[
    DeviceToken | None,
    Field(
        description="Device token of an earlier sign-in. Failures of other clients then do not delay this client.",
        examples=[_DEVICE_EXAMPLE],
    ),
]
NextDeviceToken = Annotated[
    str,
    Field(
        description="Send this token at the client's next sign-in, so that failures of other clients do not delay it.",
        examples=[_DEVICE_EXAMPLE],
    ),
]


# --- Sign-up and sign-in of users ------------------------------------------------------------------------------------

LOGIN_LIMIT: Final = RateLimit("login", 20, 60)
VERIFY_LIMIT: Final = RateLimit("verify-email", 20, 60)
RESET_LIMIT: Final = RateLimit("reset-password", 20, 60)


class NewAccount(Body):
    """A new user account."""

    email: EmailAddress
    password: Password
    name: Annotated[LetterName, Field(description="The person's name.", examples=["Ada Lovelace"])]


class SignIn(Body):
    """Credentials of a user.

    Once a second factor is confirmed, `totp_code` or `recovery_code` is required.
    """

    email: EmailAddress
    password: Password
    totp_code: OptionalTotpCode = None
    recovery_code: RecoveryCode | None = None
    device_token: OldDeviceToken = None

    def presented(self) -> PresentedCredentials:
        """Return the credentials in the form that the service takes."""
        code = self.totp_code or self.recovery_code
        return PresentedCredentials(self.email, self.password, code, self.device_token)


class RefreshToken(Body):
    """The session's latest refresh token."""

    refresh_token: PresentedRefreshToken


class LetterToken(Body):
    """The token in an email's link, after `token=`."""

    token: LinkToken


class Forgotten(Body):
    """The email address of the account whose password is forgotten."""

    email: EmailAddress


class NewPassword(Body):
    """The token in an email's link, and the new password."""

    token: LinkToken
    new_password: NewPasswordText


@dataclass(frozen=True, slots=True)
class Me:
    """The signed-in user."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]
    is_verified: Annotated[bool, Field(description="Whether the e-mail address is confirmed.")]


@dataclass(frozen=True, slots=True)
class Session:
    """The tokens of a session."""

    token: Annotated[
        str,
        Field(
            description="Access token: send it as `Authorization: Bearer …`.",
            examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln"],
        ),
    ]
    refresh_token: NextRefreshToken
    expires_in: Annotated[int, Field(description="Lifetime of `token` in seconds.", examples=[600])]


@dataclass(frozen=True, slots=True)
class SignedUp(Session):
    """A new account with its session."""

    user: Annotated[Me, Field(description="The user.")]
    device_token: NextDeviceToken


@dataclass(frozen=True, slots=True)
class SignedIn(SignedUp):
    """A session with the user's workspaces."""

    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]


@dataclass(frozen=True, slots=True)
class Self:
    """The signed-in user and their workspaces."""

    user: Annotated[Me, Field(description="The user.")]
    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]


async def sign_up(context: Context, body: NewAccount) -> SignedUp:
    """Create an account and sign in.

    An email asks the user to confirm the address.
    """
    accounts = context.services[Accounts]
    done = await accounts.sign_up(context.db, body.email, body.name, body.password, context.origin, context.now)
    return to_signed_up(done)


async def log_in(context: Context, body: SignIn) -> SignedIn:
    """Sign in.

    401 `totp_required`: the password is correct, but a code is missing. After several wrong passwords from a network,
    sign-ins to the account from this network must wait, longer each time (429).
    """
    done = await context.services[Accounts].sign_in(context.db, body.presented(), context.origin, context.now)
    workspaces = await context.services[Workspaces].memberships(context.db, done.user.id)
    return to_signed_in(done, workspaces)


async def refresh(context: Context, body: RefreshToken) -> Session:
    """Issue the next tokens.

    A refresh token is valid once. Using it again ends the session.
    """
    tokens = await context.services[Accounts].refresh(context.db, body.refresh_token, context.origin, context.now)
    return to_session(tokens)


async def log_out(context: SessionContext) -> None:
    """End the current session. Its tokens are refused from the next request on."""
    await context.services[Accounts].sign_out(context.db, context.session_id, context.now)


async def me(context: UserContext) -> Self:
    """Return the signed-in user and their workspaces."""
    workspaces = await context.services[Workspaces].memberships(context.db, context.user_id)
    return Self(Me(context.user_id, context.email, context.name, context.is_verified), workspaces)


async def verify_email(context: Context, body: LetterToken) -> None:
    """Confirm an email address with the token from the email."""
    await context.services[Accounts].email_links.verify_email(context.db, body.token, context.now)


async def resend_verification(context: UserContext) -> None:
    """Send the confirmation email again, unless the address is confirmed.

    Earlier links become invalid.
    """
    await context.services[Accounts].email_links.send_verification(context.db, context.user_id, context.now)


async def forgot_password(context: Context, body: Forgotten) -> None:
    """Send a link for setting a new password, if the account exists.

    The response does not reveal whether the account exists.
    """
    await context.services[Accounts].email_links.request_password_reset(context.db, body.email)


async def reset_password(context: Context, body: NewPassword) -> None:
    """Set a new password with the token from an email, and end all of the user's sessions."""
    await context.services[Accounts].email_links.reset_password(context.db, body.token, body.new_password, context.now)


def to_session(tokens: SessionTokens) -> Session:
    return Session(tokens.token, tokens.refresh_token, tokens.expires_in)


def to_signed_up(done: SignInResult) -> SignedUp:
    tokens = done.tokens
    return SignedUp(tokens.token, tokens.refresh_token, tokens.expires_in, to_me(done.user), done.device_token)


def to_signed_in(done: SignInResult, workspaces: list[Membership]) -> SignedIn:
    tokens, user = done.tokens, to_me(done.user)
    return SignedIn(tokens.token, tokens.refresh_token, tokens.expires_in, user, done.device_token, workspaces)


def to_me(user: User) -> Me:
    return Me(user.id, user.email, user.name, user.is_verified)


# --- A user's own account --------------------------------------------------------------------------------------------

_PROOFS: Final = RateLimit("proofs", 20, 600, per_user=True)


class OwnPasswordBody(Body):
    """The current password and a new password."""

    current_password: Annotated[
        PasswordText, Field(description="The current password.", examples=["correct horse battery"])
    ]
    new_password: NewPasswordText
    keep_other_sessions: Annotated[
        bool, Field(description="Whether the other sessions stay open. False: they end.")
    ] = False

    def change(self) -> PasswordChange:
        """Return the change in the form that the service takes."""
        return PasswordChange(self.current_password, self.new_password, self.keep_other_sessions)


class PasswordAgain(Body):
    """The account's password."""

    password: Password


class TotpCode(Body):
    """A code of the authenticator app. Each code is accepted once."""

    code: Annotated[Code, Field(description="Six digits of an authenticator app.", examples=["492039"])]


class SecondFactor(Body):
    """A code of the authenticator app, or a recovery code."""

    code: Annotated[Code | None, Field(description="Six digits of an authenticator app.", examples=["492039"])] = None
    recovery_code: RecoveryCode | None = None

    def given(self) -> str:
        """Return the code that was sent. Raises Invalid if there is none."""
        given = self.code or self.recovery_code
        if given is None:
            raise Invalid("A code of the authenticator app or a recovery code is required.", param="code")
        return given


class Reauthentication(SecondFactor):
    """The password, or a code of the second factor."""

    password: Annotated[
        PasswordText | None,
        Field(
            description="The account's password.",
            examples=["correct horse battery"],
        ),
    ] = None
    code: Annotated[
        Code | None, Field(description="A code of the authenticator app, or a recovery code.", examples=["492039"])
    ] = None


@dataclass(frozen=True, slots=True)
class OwnSessionView:
    """An open session."""

    id: Id
    created_at: Annotated[datetime, Field(description="Time of the sign-in (UTC).")]
    last_used_at: Annotated[datetime, Field(description="When tokens were last issued to the session (UTC).")]
    expires_at: Annotated[datetime, Field(description="When the session ends if it is not used (UTC).")]
    network: Annotated[str, Field(description="The client's address at the sign-in.", examples=["192.0.2.0/24"])]
    user_agent: Annotated[
        str, Field(description="The client's user agent.", examples=["Mozilla/5.0 (X11; Linux x86_64)"])
    ]
    is_current: Annotated[bool, Field(description="Whether this is the session of the request.")]


@dataclass(frozen=True, slots=True)
class OwnSessionList:
    """The open sessions, last used first."""

    sessions: Annotated[list[OwnSessionView], Field(description="The sessions.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """The user's second factor."""

    is_enabled: Annotated[bool, Field(description="Whether each sign-in needs a code.")]
    recovery_codes_left: Annotated[
        int, Field(description="Number of unused recovery codes. 0 without a second factor.", examples=[10])
    ]


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """A new secret for an authenticator app. It takes effect once it is confirmed."""

    secret: Annotated[
        str,
        Field(
            description="The secret, for an authenticator app that cannot read the QR code.",
            examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
        ),
    ]
    otpauth_uri: Annotated[
        str,
        Field(
            description="The content of a QR code.",
            examples=["otpauth://totp/Vocalized:grace@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Vocalized"],
        ),
    ]
    recovery_codes: Annotated[
        list[str],
        Field(
            description="Ten one-time codes for a sign-in without the app, shown once. Valid after confirmation.",
            examples=[["k3vq-7ayo-m2fd", "p6tr-2bxe-w9cs"]],
        ),
    ]
    digits: Annotated[int, Field(description="Number of digits of a code.")] = 6
    period: Annotated[int, Field(description="Seconds for which the app shows a code.")] = 30


@dataclass(frozen=True, slots=True)
class RecoveryCodeList:
    """Ten one-time codes for a sign-in without the authenticator app, shown only once."""

    recovery_codes: Annotated[
        list[str],
        Field(
            description="Ten one-time codes for a sign-in without the app, shown only once.",
            examples=[["k3vq-7ayo-m2fd", "p6tr-2bxe-w9cs"]],
        ),
    ]


async def change_password(context: SessionContext, body: OwnPasswordBody) -> None:
    """Set a new password.

    The other sessions end unless they are kept.
    """
    accounts = context.services[Accounts]
    own = await accounts.own.change_password(context.db, _user_session(context), body.change(), context.now)
    await accounts.email_links.report_own_password(context.db, own, not body.keep_other_sessions)


async def reauthenticate(context: SessionContext, body: Reauthentication) -> None:
    """Prove the identity of the signed-in user again, with the password or a code.

    For some minutes, the session may call endpoints that otherwise return 403 `reauthentication_required`.
    """
    own, session = context.services[Accounts].own, _user_session(context)
    if body.password is not None:
        await own.reauthenticate(context.db, session, body.password, context.now)
    else:
        await own.reauthenticate_by_code(context.db, session, body.given(), context.now)


async def list_own_sessions(context: SessionContext) -> OwnSessionList:
    """List the user's open sessions, last used first."""
    found = await context.services[Accounts].own.list_sessions(context.db, context.user_id, context.now)
    return to_session_list(found, context.session_id)


async def end_own_session(context: SessionContext, session_id: SessionId) -> None:
    """End one of the user's sessions. Its tokens are refused from the next request on."""
    await context.services[Accounts].own.end_session(context.db, _user_session(context), session_id, context.now)


async def end_other_sessions(context: SessionContext) -> None:
    """End all of the user's sessions except the current session."""
    await context.services[Accounts].own.end_others(context.db, _user_session(context), context.now)


async def get_second_factor(context: SessionContext) -> SecondFactorState:
    """Return whether the user has a second factor."""
    state = await context.services[Accounts].second_factors.state(context.db, context.user_id)
    return SecondFactorState(state.is_enabled, state.recovery_codes_left)


async def begin_totp(context: SessionContext, body: PasswordAgain) -> TotpSecret:
    """Create a secret for an authenticator app.

    The password is required again. The first code confirms the secret.
    """
    accounts = context.services[Accounts]
    await accounts.own.require_password(context.db, _user_session(context), body.password, context.now)
    offer = await accounts.second_factors.offer(context.db, context.user_id, context.email, context.now)
    return to_totp_secret(offer)


async def confirm_totp(context: SessionContext, body: TotpCode) -> None:
    """Confirm the second factor with its first code.

    From now on, each sign-in needs a code.
    """
    accounts = context.services[Accounts]
    await accounts.second_factors.confirm(context.db, context.user_id, body.code, context.origin, context.now)
    await accounts.email_links.report_second_factor(context.db, context.email, context.name, True)


async def remove_totp(context: SessionContext, body: SecondFactor) -> None:
    """Remove the second factor.

    The user then has no access to workspaces that require a second factor.
    """
    accounts = context.services[Accounts]
    await accounts.second_factors.remove(context.db, context.user_id, body.given(), context.origin, context.now)
    await accounts.email_links.report_second_factor(context.db, context.email, context.name, False)


async def replace_recovery_codes(context: SessionContext, body: SecondFactor) -> RecoveryCodeList:
    """Create ten new recovery codes. The older codes become invalid."""
    factors = context.services[Accounts].second_factors
    codes = await factors.replace_codes(context.db, context.user_id, body.given(), context.origin, context.now)
    return RecoveryCodeList(list(codes))


def _user_session(context: SessionContext) -> OwnSession:
    return OwnSession(context.session_id, context.user_id, context.email, context.origin)


def to_session_list(found: Sequence[ListedSession], current: UUID) -> OwnSessionList:
    return OwnSessionList([_to_session_view(session, current) for session in found], False)


def _to_session_view(session: ListedSession, current: UUID) -> OwnSessionView:
    return OwnSessionView(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        network=network_of(session.address) if session.address else "",
        user_agent=session.user_agent or "",
        is_current=session.id == current,
    )


def to_totp_secret(offer: TotpOffer) -> TotpSecret:
    return TotpSecret(offer.secret, offer.uri, list(offer.recovery_codes))


# --- Sign-in of staff ------------------------------------------------------------------------------------------------


class AdminPassword(Body):
    """Credentials of an admin who sets up a second factor before the first sign-in."""

    email: EmailAddress
    password: Password
    device_token: OldDeviceToken = None

    def presented(self) -> PresentedCredentials:
        """Return the credentials in the form that the service takes."""
        return PresentedCredentials(self.email, self.password, None, self.device_token)


class AdminSignIn(AdminPassword):
    """Credentials of an admin.

    Once a second factor is confirmed, `totp_code` or `recovery_code` is required.
    """

    totp_code: OptionalTotpCode = None
    recovery_code: RecoveryCode | None = None

    def presented(self) -> PresentedCredentials:
        """Return the credentials in the form that the service takes."""
        code = self.totp_code or self.recovery_code
        return PresentedCredentials(self.email, self.password, code, self.device_token)


class AdminRefresh(Body):
    """The session's latest refresh token."""

    refresh_token: PresentedRefreshToken


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Grace Hopper"])]
    role: Annotated[AdminRole, Field(description="Role on the platform.")]


@dataclass(frozen=True, slots=True)
class AdminSession(Session):
    """The tokens of a staff session."""


@dataclass(frozen=True, slots=True)
class AdminSignedIn(AdminSession):
    """A staff session and its admin."""

    admin: Annotated[Staff, Field(description="The staff member.")]
    device_token: NextDeviceToken


@dataclass(frozen=True, slots=True)
class AdminSelf:
    """The signed-in staff member."""

    admin: Annotated[Staff, Field(description="The staff member.")]


async def admin_log_in(context: Context, body: AdminSignIn) -> AdminSignedIn:
    """Sign in as staff.

    401 `totp_required`: the password is correct, but a code is missing. 403 `totp_setup_required`: the platform
    requires a second factor, and this admin has none.
    """
    admins = context.services[Accounts].admins
    return to_admin_signed_in(await admins.sign_in(context.db, body.presented(), context.origin, context.now))


async def admin_refresh(context: Context, body: AdminRefresh) -> AdminSession:
    """Issue the next tokens.

    A refresh token is valid once. Using it again ends the session.
    """
    admins = context.services[Accounts].admins
    return to_admin_session(await admins.refresh(context.db, body.refresh_token, context.origin, context.now))


async def admin_log_out(context: AdminContext) -> None:
    """End the current session. Its tokens are refused from the next request on."""
    await context.services[Accounts].admins.sign_out(context.db, context.session_id, context.now)


async def admin_me(context: AdminContext) -> AdminSelf:
    """Return the signed-in staff member."""
    return AdminSelf(Staff(context.admin_id, context.email, context.name, context.role))


async def enrol_totp(context: Context, body: AdminPassword) -> TotpSecret:
    """Create a secret for an admin who needs a second factor to sign in.

    The first sign-in with a code confirms the secret.
    """
    admins = context.services[Accounts].admins
    return to_totp_secret(await admins.enrol_totp(context.db, body.presented(), context.origin, context.now))


def to_admin_session(tokens: SessionTokens) -> AdminSession:
    return AdminSession(tokens.token, tokens.refresh_token, tokens.expires_in)


def to_admin_signed_in(done: AdminSignInResult) -> AdminSignedIn:
    admin, tokens = done.admin, done.tokens
    staff = Staff(admin.id, admin.email, admin.name, admin.role)
    return AdminSignedIn(tokens.token, tokens.refresh_token, tokens.expires_in, staff, done.device_token)


# --- A staff member's own account ------------------------------------------------------------------------------------

ADMIN_PROOFS: Final = RateLimit("admin-proofs", 20, 600, per_user=True)


async def admin_change_password(context: AdminContext, body: OwnPasswordBody) -> None:
    """Set a new password.

    The other sessions end unless they are kept.
    """
    own = context.services[Accounts].admins.own
    await own.change_password(context.db, _admin_session(context), body.change(), context.now)


async def admin_reauthenticate(context: AdminContext, body: Reauthentication) -> None:
    """Prove the identity of the signed-in admin again, with the password or a code.

    For some minutes, the session may call endpoints that otherwise return 403 `reauthentication_required`.
    """
    own, session = context.services[Accounts].admins.own, _admin_session(context)
    if body.password is not None:
        await own.reauthenticate(context.db, session, body.password, context.now)
    else:
        await own.reauthenticate_by_code(context.db, session, body.given(), context.now)


async def admin_list_own_sessions(context: AdminContext) -> OwnSessionList:
    """List the admin's open sessions, last used first."""
    found = await context.services[Accounts].admins.own.list_sessions(context.db, context.admin_id, context.now)
    return to_session_list(found, context.session_id)


async def admin_end_own_session(context: AdminContext, session_id: SessionId) -> None:
    """End one of the admin's sessions. Its tokens are refused from the next request on."""
    own = context.services[Accounts].admins.own
    await own.end_session(context.db, _admin_session(context), session_id, context.now)


async def admin_end_other_sessions(context: AdminContext) -> None:
    """End all of the admin's sessions except the current session."""
    await context.services[Accounts].admins.own.end_others(context.db, _admin_session(context), context.now)


async def admin_begin_totp(context: AdminContext, body: PasswordAgain) -> TotpSecret:
    """Create a new secret for an authenticator app.

    The password is required again. The first code confirms the secret.
    """
    admins = context.services[Accounts].admins
    await admins.own.require_password(context.db, _admin_session(context), body.password, context.now)
    offer = await admins.second_factors.offer(context.db, context.admin_id, context.email, context.now)
    return to_totp_secret(offer)


async def admin_confirm_totp(context: AdminContext, body: TotpCode) -> None:
    """Confirm the second factor with its first code."""
    factors = context.services[Accounts].admins.second_factors
    await factors.confirm(context.db, context.admin_id, body.code, context.origin, context.now)


async def admin_remove_totp(context: AdminContext, body: SecondFactor) -> None:
    """Remove the second factor, unless the platform requires one."""
    admins = context.services[Accounts].admins
    await admins.remove_totp(context.db, context.admin_id, body.given(), context.origin, context.now)


async def admin_replace_recovery_codes(context: AdminContext, body: SecondFactor) -> RecoveryCodeList:
    """Create ten new recovery codes. The older codes become invalid."""
    factors = context.services[Accounts].admins.second_factors
    codes = await factors.replace_codes(context.db, context.admin_id, body.given(), context.origin, context.now)
    return RecoveryCodeList(list(codes))


def _admin_session(context: AdminContext) -> OwnSession:
    """Return the session of a request."""
    return OwnSession(context.session_id, context.admin_id, context.email, context.origin)


# --- Administration of users by staff -------------------------------------------------------------------------------


class UsersQuery(ListQuery):
    """Filters for the list of users."""

    search: str | None = Field(None, max_length=200, description="Part of an email address or a name.")


class UserChange(Body):
    """Changes to a user. Fields that are omitted or null stay unchanged."""

    name: Annotated[LetterName | None, Field(description="The user's new name.", examples=["Ada Lovelace"])] = None
    is_active: Annotated[
        bool | None, Field(description="Whether the user may sign in. False: the account is deactivated.")
    ] = None


@dataclass(frozen=True, slots=True)
class UserSummary:
    """A user in the list."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]
    workspaces_count: Annotated[int, Field(description="Number of the user's workspaces.", examples=[2])]
    created_at: CreatedAt
    is_active: Annotated[bool, Field(description="Whether the user may sign in. False: the account is deactivated.")]
    is_verified: Annotated[bool, Field(description="Whether the e-mail address is confirmed.")]


@dataclass(frozen=True, slots=True)
class UserList(ListAnswer):
    """A page of users, newest first."""

    users: Annotated[list[UserSummary], Field(description="The users.")]


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user with all details."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]
    created_at: CreatedAt
    last_login: Annotated[datetime | None, Field(description="When the user last signed in (UTC). Null if never.")]
    is_active: Annotated[bool, Field(description="Whether the user may sign in. False: the account is deactivated.")]
    is_verified: Annotated[bool, Field(description="Whether the e-mail address is confirmed.")]


@dataclass(frozen=True, slots=True)
class UserWorkspace:
    """A user's membership in a workspace."""

    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    role: Annotated[str, Field(description="Role in the workspace.", examples=["owner"])]
    joined_at: Annotated[datetime, Field(description="When the user became a member (UTC).")]


@dataclass(frozen=True, slots=True)
class UserWithWorkspaces:
    """A user and their memberships."""

    user: Annotated[UserDetail, Field(description="The user.")]
    workspaces: Annotated[list[UserWorkspace], Field(description="The workspaces that the user is a member of.")]


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """A user."""

    user: Annotated[UserDetail, Field(description="The user.")]


async def list_users(context: AdminContext, query: UsersQuery) -> UserList:
    """List users, newest first."""
    services, db = context.services, context.db
    found = await services[Accounts].user_administration.search(db, query.search, query.request())
    counts = await services[Workspaces].count_memberships(db, [user.id for user in found.rows])
    users = [to_summary(user, counts.get(user.id, 0)) for user in found.rows]
    return UserList(users, **page_fields(query, found))


async def get_user(context: AdminContext, user_id: UserId) -> UserWithWorkspaces:
    """Return a user and their memberships."""
    user = await context.services[Accounts].user_administration.get(context.db, user_id)
    memberships = await context.services[Workspaces].memberships(context.db, user_id)
    workspaces = [UserWorkspace(each.id, each.name, each.role, each.joined_at) for each in memberships]
    return UserWithWorkspaces(to_detail(user), workspaces)


async def update_user(context: AdminContext, user_id: UserId, body: UserChange) -> UserAnswer:
    """Change a user's name, or deactivate the user.

    Deactivation ends all sessions of the user and prevents sign-in.
    """
    user = await context.services[Accounts].user_administration.update(
        context.db, context.actor, user_id, context.now, name=body.name, is_active=body.is_active
    )
    return UserAnswer(to_detail(user))


async def delete_user(context: AdminContext, user_id: UserId) -> None:
    """Delete a user and their memberships.

    409 `last_owner`: the user is the last owner of a workspace.
    """
    accounts = context.services[Accounts]
    await accounts.user_administration.get(context.db, user_id)
    await context.services[Workspaces].members.leave_all(context.db, user_id, context.now)
    await accounts.user_administration.delete(context.db, context.actor, user_id)


def to_summary(user: User, workspaces: int) -> UserSummary:
    return UserSummary(
        id=user.id,
        email=user.email,
        name=user.name,
        workspaces_count=workspaces,
        created_at=user.created_at,
        is_active=user.is_active,
        is_verified=user.is_verified,
    )


def to_detail(user: User) -> UserDetail:
    return UserDetail(
        id=user.id,
        email=user.email,
        name=user.name,
        created_at=user.created_at,
        last_login=user.last_login,
        is_active=user.is_active,
        is_verified=user.is_verified,
    )


# --- Routes ----------------------------------------------------------------------------------------------------------

# Errors that several operations can return.
_SIGN_IN_ERRORS: Final = (
    "401 invalid_credentials",
    "401 session_over",
    "403 account_deactivated",
    "429 sign_in_locked",
)
_REFRESH_ERRORS: Final = ("401 session_over", "401 refresh_token_reused", "401 account_deactivated")
_SECOND_FACTOR_ERRORS: Final = ("401 totp_invalid", "401 recovery_code_invalid", "429 sign_in_locked")
_NEW_OWN_PASSWORD_ERRORS: Final = (
    "401 invalid_credentials",
    "429 sign_in_locked",
    "409 password_changed",
    "422 weak_password",
)
_PROOF_ERRORS: Final = ("401 invalid_credentials", "429 sign_in_locked", *_SECOND_FACTOR_ERRORS, "409 totp_not_enabled")

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/auth/signup",
        sign_up,
        OPEN,
        status=201,
        limit=RateLimit("signup", 20, 3600, account="email"),
        hashes_password=True,
        session="begins",
        errors=("409 email_taken", "422 weak_password", "403 signup_closed", "401 session_over"),
    ),
    Route(
        "POST",
        "/auth/login",
        log_in,
        OPEN,
        limit=LOGIN_LIMIT,
        hashes_password=True,
        session="begins",
        errors=(*_SIGN_IN_ERRORS, "401 totp_required", "401 totp_invalid", "401 recovery_code_invalid"),
    ),
    Route(
        "POST",
        "/auth/refresh",
        refresh,
        OPEN,
        limit=RateLimit("refresh", 120, 60),
        session="renews",
        beyond_spec=True,
        errors=_REFRESH_ERRORS,
    ),
    Route("POST", "/auth/logout", log_out, USER, session="ends"),
    Route("GET", "/auth/me", me, USER),
    Route("POST", "/auth/verify-email", verify_email, OPEN, limit=VERIFY_LIMIT, errors=("422 token_invalid",)),
    Route(
        "POST",
        "/auth/resend-verification",
        resend_verification,
        USER,
        limit=RateLimit("resend-verification", 5, 3600),
        beyond_spec=True,
        errors=("429 letter_limit",),
    ),
    Route("POST", "/auth/forgot-password", forgot_password, OPEN, limit=RateLimit("forgot", 5, 3600)),
    Route(
        "POST",
        "/auth/reset-password",
        reset_password,
        OPEN,
        limit=RESET_LIMIT,
        hashes_password=True,
        errors=("422 token_invalid", "422 weak_password"),
    ),
    Route(
        "POST",
        "/auth/password",
        change_password,
        USER,
        limit=_PROOFS,
        hashes_password=True,
        beyond_spec=True,
        errors=_NEW_OWN_PASSWORD_ERRORS,
    ),
    Route(
        "POST",
        "/auth/reauthenticate",
        reauthenticate,
        USER,
        limit=_PROOFS,
        hashes_password=True,
        beyond_spec=True,
        errors=_PROOF_ERRORS,
    ),
    Route("GET", "/auth/sessions", list_own_sessions, USER, beyond_spec=True),
    Route("DELETE", "/auth/sessions", end_other_sessions, USER, beyond_spec=True),
    Route(
        "DELETE",
        "/auth/sessions/{sessionId}",
        end_own_session,
        USER,
        beyond_spec=True,
        errors=("404 session_not_found",),
    ),
    Route("GET", "/auth/totp", get_second_factor, USER, beyond_spec=True),
    Route(
        "POST",
        "/auth/totp",
        begin_totp,
        USER,
        limit=_PROOFS,
        hashes_password=True,
        beyond_spec=True,
        errors=("401 invalid_credentials", "429 sign_in_locked", "409 totp_enabled"),
    ),
    Route(
        "POST",
        "/auth/totp/confirm",
        confirm_totp,
        USER,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=(*_SECOND_FACTOR_ERRORS, "409 totp_enabled", "409 totp_not_begun"),
    ),
    Route(
        "DELETE",
        "/auth/totp",
        remove_totp,
        USER,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=(*_SECOND_FACTOR_ERRORS, "409 totp_not_enabled"),
    ),
    Route(
        "POST",
        "/auth/totp/recovery-codes",
        replace_recovery_codes,
        USER,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=(*_SECOND_FACTOR_ERRORS, "409 totp_not_enabled"),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/admin/auth/login",
        admin_log_in,
        OPEN,
        limit=RateLimit("admin-login", 20, 60),
        hashes_password=True,
        session="begins",
        errors=(
            *_SIGN_IN_ERRORS,
            "401 totp_required",
            "401 totp_invalid",
            "401 recovery_code_invalid",
            "403 totp_setup_required",
        ),
    ),
    Route("POST", "/admin/auth/logout", admin_log_out, ANY_ADMIN, session="ends"),
    Route("GET", "/admin/auth/me", admin_me, ANY_ADMIN),
    Route(
        "POST",
        "/admin/auth/refresh",
        admin_refresh,
        OPEN,
        limit=RateLimit("admin-refresh", 120, 60),
        session="renews",
        errors=_REFRESH_ERRORS,
    ),
    Route(
        "POST",
        "/admin/auth/totp/enrol",
        enrol_totp,
        OPEN,
        limit=RateLimit("admin-enrol", 10, 60),
        hashes_password=True,
        beyond_spec=True,
        errors=(*_SIGN_IN_ERRORS, "409 totp_enabled"),
    ),
    Route(
        "POST",
        "/admin/auth/totp",
        admin_begin_totp,
        ANY_ADMIN,
        limit=ADMIN_PROOFS,
        hashes_password=True,
        beyond_spec=True,
        errors=("401 invalid_credentials", "429 sign_in_locked", "409 totp_enabled"),
    ),
    Route(
        "POST",
        "/admin/auth/totp/confirm",
        admin_confirm_totp,
        ANY_ADMIN,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=(*_SECOND_FACTOR_ERRORS, "409 totp_enabled", "409 totp_not_begun"),
    ),
    Route(
        "DELETE",
        "/admin/auth/totp",
        admin_remove_totp,
        ANY_ADMIN,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=(*_SECOND_FACTOR_ERRORS, "403 totp_setup_required", "409 totp_not_enabled"),
    ),
    Route(
        "POST",
        "/admin/auth/totp/recovery-codes",
        admin_replace_recovery_codes,
        ANY_ADMIN,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=(*_SECOND_FACTOR_ERRORS, "409 totp_not_enabled"),
    ),
    Route(
        "POST",
        "/admin/auth/password",
        admin_change_password,
        ANY_ADMIN,
        limit=ADMIN_PROOFS,
        hashes_password=True,
        beyond_spec=True,
        errors=_NEW_OWN_PASSWORD_ERRORS,
    ),
    Route(
        "POST",
        "/admin/auth/reauthenticate",
        admin_reauthenticate,
        ANY_ADMIN,
        limit=ADMIN_PROOFS,
        hashes_password=True,
        beyond_spec=True,
        errors=_PROOF_ERRORS,
    ),
    Route("GET", "/admin/auth/sessions", admin_list_own_sessions, ANY_ADMIN, beyond_spec=True),
    Route("DELETE", "/admin/auth/sessions", admin_end_other_sessions, ANY_ADMIN, beyond_spec=True),
    Route(
        "DELETE",
        "/admin/auth/sessions/{sessionId}",
        admin_end_own_session,
        ANY_ADMIN,
        beyond_spec=True,
        errors=("404 session_not_found",),
    ),
    Route("GET", "/admin/users", list_users, ANY_ADMIN),
    Route("GET", "/admin/users/{userId}", get_user, ANY_ADMIN, errors=("404 user_not_found",)),
    Route("PUT", "/admin/users/{userId}", update_user, admin("support"), errors=("404 user_not_found",)),
    Route(
        "DELETE",
        "/admin/users/{userId}",
        delete_user,
        admin(),
        errors=("404 user_not_found", "404 member_not_found", "409 last_owner"),
    ),
)
