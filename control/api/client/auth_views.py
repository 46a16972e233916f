"""Response models of auth (client API)."""

from dataclasses import dataclass
from uuid import UUID

from control.accounts.model import User
from control.accounts.service import SignInResult
from control.accounts.sessions import SessionTokens
from control.workspaces.model import Membership


@dataclass(frozen=True, slots=True)
class Me:
    """The signed-in user."""

    id: UUID
    email: str
    name: str
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Session:
    """The tokens of a session. expires_in: seconds that `token` is valid for."""

    token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class SignedUp(Session):
    """A new account with its session. device_token: to be sent at this client's next sign-in."""

    user: Me
    device_token: str


@dataclass(frozen=True, slots=True)
class SignedIn(SignedUp):
    """A session with the user's workspaces."""

    workspaces: list[Membership]


@dataclass(frozen=True, slots=True)
class Self:
    """The signed-in user and their workspaces."""

    user: Me
    workspaces: list[Membership]


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
