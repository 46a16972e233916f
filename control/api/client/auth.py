"""Sign-up, sign-in and what belongs to it, for users."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.accounts.addresses import Address
from control.accounts.model import User
from control.accounts.sessions import Tokens
from control.http.access import OPEN, USER
from control.http.body import Body, Name
from control.http.context import Context, UserContext
from control.http.route import Limit, Route
from control.workspaces.model import Membership

# Longer than any token that we hand out, shorter than what would hurt to hash.
TokenText = Annotated[str, Field(min_length=1, max_length=200)]
# The rules for new passwords are in control/accounts/password_rules.py; here only what could never be one is refused.
PasswordText = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"format": "password"})]


class NewAccount(Body):
    """Who signs up."""

    email: Address
    password: PasswordText
    name: Name


class SignIn(Body):
    """Who signs in."""

    email: Address
    password: PasswordText


class RefreshToken(Body):
    """The last refresh token that was handed out."""

    refresh_token: TokenText


class LetterToken(Body):
    """What stands behind `#token=` in a letter's link."""

    token: TokenText


class Forgotten(Body):
    """Whose password is forgotten."""

    email: Address


class NewPassword(Body):
    """A letter's token, and the password to be."""

    token: TokenText
    new_password: PasswordText


@dataclass(frozen=True, slots=True)
class Me:
    """A user about themselves."""

    id: UUID
    email: str
    name: str
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Session:
    """Tokens of a sign-in. expires_in: seconds that `token` is good for."""

    token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class SignedUp(Session):
    """A new account, signed in."""

    user: Me


@dataclass(frozen=True, slots=True)
class SignedIn(SignedUp):
    """A sign-in, with the workspaces that it leads to."""

    workspaces: list[Membership]


@dataclass(frozen=True, slots=True)
class Self:
    """Who is signed in, and where they are members."""

    user: Me
    workspaces: list[Membership]


async def sign_up(context: Context, body: NewAccount) -> SignedUp:
    """Makes an account and signs it in. A letter asks to confirm the address."""
    accounts = context.services.accounts
    done = await accounts.sign_up(context.db, body.email, body.name, body.password, context.origin, context.now)
    return SignedUp(*_told(done.tokens), _me(done.user))


async def log_in(context: Context, body: SignIn) -> SignedIn:
    """Signs in. After several wrong passwords the address has to wait, longer each time (429)."""
    accounts = context.services.accounts
    done = await accounts.sign_in(context.db, body.email, body.password, context.origin, context.now)
    workspaces = await context.services.workspaces.of_user(context.db, done.user.id)
    return signed_in(done.user, done.tokens, workspaces)


async def refresh(context: Context, body: RefreshToken) -> Session:
    """The next tokens. The one given is used up; using it again ends the session."""
    tokens = await context.services.accounts.refresh(context.db, body.refresh_token, context.origin, context.now)
    return Session(*_told(tokens))


async def log_out(context: UserContext) -> None:
    """Ends this session: its tokens fail from the next request on."""
    await context.services.accounts.sign_out(context.db, context.session_id, context.now)


async def me(context: UserContext) -> Self:
    """Who is signed in."""
    workspaces = await context.services.workspaces.of_user(context.db, context.user_id)
    return Self(Me(context.user_id, context.email, context.name, context.is_verified), workspaces)


async def verify_email(context: Context, body: LetterToken) -> None:
    """Confirms an address by the token of its letter."""
    await context.services.accounts.proofs.verify_email(context.db, body.token, context.now)


async def resend_verification(context: UserContext) -> None:
    """Sends the letter again, unless the address is confirmed; links of earlier ones are void."""
    await context.services.accounts.proofs.ask_to_verify(context.db, context.user_id, context.now)


async def forgot_password(context: Context, body: Forgotten) -> None:
    """Sends a link for a new password, if there is such an account; the answer is the same if not."""
    await context.services.accounts.proofs.forgot_password(context.db, body.email)


async def reset_password(context: Context, body: NewPassword) -> None:
    """Sets a new password by the token of a letter, and signs the user out everywhere."""
    await context.services.accounts.proofs.reset_password(context.db, body.token, body.new_password, context.now)


def signed_in(user: User, tokens: Tokens, workspaces: list[Membership]) -> SignedIn:
    """As the API tells it."""
    return SignedIn(*_told(tokens), _me(user), workspaces)


def _me(user: User) -> Me:
    return Me(user.id, user.email, user.name, user.is_verified)


def _told(tokens: Tokens) -> tuple[str, str, int]:
    return tokens.token, tokens.refresh_token, tokens.expires_in


ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/auth/signup", sign_up, OPEN, status=201, limit=Limit("signup", 20, 3600, account="email"), hashes=True
    ),
    Route("POST", "/auth/login", log_in, OPEN, limit=Limit("login", 20, 60, account="email"), hashes=True),
    Route("POST", "/auth/refresh", refresh, OPEN, limit=Limit("refresh", 120, 60), beyond_spec=True),
    Route("POST", "/auth/logout", log_out, USER),
    Route("GET", "/auth/me", me, USER),
    Route("POST", "/auth/verify-email", verify_email, OPEN, limit=Limit("verify-email", 20, 60)),
    Route(
        "POST", "/auth/resend-verification", resend_verification, USER, limit=Limit("resend-verification", 5, 3600),
        beyond_spec=True,
    ),
    Route("POST", "/auth/forgot-password", forgot_password, OPEN, limit=Limit("forgot", 5, 3600, account="email")),
    Route("POST", "/auth/reset-password", reset_password, OPEN, limit=Limit("reset-password", 20, 60), hashes=True),
)  # fmt: skip
