"""Routes of sign-up, sign-in, sessions, email confirmation and passwords, for users."""

from typing import Annotated, Final

from pydantic import Field

from control.accounts.rules import Address, PresentedCredentials
from control.accounts.users.service import Accounts
from control.api.client.auth_views import Me, Self, Session, SignedIn, SignedUp, to_session, to_signed_in, to_signed_up
from control.api.own_account import Code, RecoveryCode
from control.http.access import OPEN, USER
from control.http.body import Body, DeviceToken, LetterName, PasswordText
from control.http.context import Context, SessionContext, UserContext
from control.http.route import RateLimit, Route
from control.workspaces.service import Workspaces

# Longer than any token that we issue, and short enough to hash quickly.
TokenText = Annotated[str, Field(min_length=1, max_length=200)]
LOGIN_LIMIT: Final = RateLimit("login", 20, 60)
VERIFY_LIMIT: Final = RateLimit("verify-email", 20, 60)
RESET_LIMIT: Final = RateLimit("reset-password", 20, 60)


class NewAccount(Body):
    """A new account."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]
    password: Annotated[
        PasswordText,
        Field(
            description="The account's password; a new one has 10 to 128 characters.",
            examples=["correct horse battery"],
        ),
    ]
    name: Annotated[LetterName, Field(description="The person's name.", examples=["Ada Lovelace"])]


class SignIn(Body):
    """The credentials. Once a second factor is confirmed, totp_code is required, or in its place recovery_code."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]
    password: Annotated[
        PasswordText,
        Field(
            description="The account's password; a new one has 10 to 128 characters.",
            examples=["correct horse battery"],
        ),
    ]
    totp_code: Annotated[Code | None, Field(description="Six digits of an authenticator app.", examples=["492039"])] = (
        None
    )
    recovery_code: RecoveryCode | None = None
    device_token: Annotated[
        DeviceToken | None,
        Field(
            description="Of an earlier sign-in, so that nobody else's failures make this client wait.",
            examples=["q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"],
        ),
    ] = None

    def presented(self) -> PresentedCredentials:
        """As the accounts take them."""
        code = self.totp_code or self.recovery_code
        return PresentedCredentials(self.email, self.password, code, self.device_token)


class RefreshToken(Body):
    """The latest refresh token of the session."""

    refresh_token: Annotated[
        TokenText,
        Field(
            description="Exchanged once for the next tokens, by the refresh endpoint.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]


class LetterToken(Body):
    """The token in an email's link, after `token=`."""

    token: Annotated[
        TokenText,
        Field(
            description="The token of an e-mail's link, after `token=`.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]


class Forgotten(Body):
    """The email address of the account whose password is forgotten."""

    email: Annotated[Address, Field(description="E-mail address, in lower case.")]


class NewPassword(Body):
    """The token in an email's link, and the new password."""

    token: Annotated[
        TokenText,
        Field(
            description="The token of an e-mail's link, after `token=`.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]
    new_password: Annotated[
        PasswordText, Field(description="The new password, 10 to 128 characters.", examples=["correct horse battery"])
    ]


async def sign_up(context: Context, body: NewAccount) -> SignedUp:
    """Creates an account and signs in. An email asks to confirm the address."""
    accounts = context.services[Accounts]
    done = await accounts.sign_up(context.db, body.email, body.name, body.password, context.origin, context.now)
    return to_signed_up(done)


async def log_in(context: Context, body: SignIn) -> SignedIn:
    """Signs in. 401 totp_required: the password is right, and a code is missing. After several wrong passwords from one
    network the account must wait there, longer each time (429)."""
    done = await context.services[Accounts].sign_in(context.db, body.presented(), context.origin, context.now)
    workspaces = await context.services[Workspaces].memberships(context.db, done.user.id)
    return to_signed_in(done, workspaces)


async def refresh(context: Context, body: RefreshToken) -> Session:
    """Issues the next tokens. The refresh token is used up; using it again ends the session."""
    tokens = await context.services[Accounts].refresh(context.db, body.refresh_token, context.origin, context.now)
    return to_session(tokens)


async def log_out(context: SessionContext) -> None:
    """Ends this session. Its tokens are refused from the next request on."""
    await context.services[Accounts].sign_out(context.db, context.session_id, context.now)


async def me(context: UserContext) -> Self:
    """The signed-in person."""
    workspaces = await context.services[Workspaces].memberships(context.db, context.user_id)
    return Self(Me(context.user_id, context.email, context.name, context.is_verified), workspaces)


async def verify_email(context: Context, body: LetterToken) -> None:
    """Confirms an email address by the token that was sent to it."""
    await context.services[Accounts].email_links.verify_email(context.db, body.token, context.now)


async def resend_verification(context: UserContext) -> None:
    """Sends the confirmation email again, unless the address is confirmed. Earlier links become invalid."""
    await context.services[Accounts].email_links.send_verification(context.db, context.user_id, context.now)


async def forgot_password(context: Context, body: Forgotten) -> None:
    """Sends a link to set a new password, if the account exists. The response is the same if it does not."""
    await context.services[Accounts].email_links.request_password_reset(context.db, body.email)


async def reset_password(context: Context, body: NewPassword) -> None:
    """Sets a new password by the token of an email, and ends all of the user's sessions."""
    await context.services[Accounts].email_links.reset_password(context.db, body.token, body.new_password, context.now)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/auth/signup",
        sign_up,
        OPEN,
        status=201,
        limit=RateLimit("signup", 20, 3600, account="email"),
        hashes_password=True,
    ),
    Route("POST", "/auth/login", log_in, OPEN, limit=LOGIN_LIMIT, hashes_password=True),
    Route("POST", "/auth/refresh", refresh, OPEN, limit=RateLimit("refresh", 120, 60), beyond_spec=True),
    Route("POST", "/auth/logout", log_out, USER),
    Route("GET", "/auth/me", me, USER),
    Route("POST", "/auth/verify-email", verify_email, OPEN, limit=VERIFY_LIMIT),
    Route(
        "POST",
        "/auth/resend-verification",
        resend_verification,
        USER,
        limit=RateLimit("resend-verification", 5, 3600),
        beyond_spec=True,
    ),
    Route("POST", "/auth/forgot-password", forgot_password, OPEN, limit=RateLimit("forgot", 5, 3600)),
    Route(
        "POST",
        "/auth/reset-password",
        reset_password,
        OPEN,
        limit=RESET_LIMIT,
        hashes_password=True,
    ),
)
