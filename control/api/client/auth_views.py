"""Response models of auth (client API)."""

from dataclasses import dataclass
from uuid import UUID

from control.accounts.model import User
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
    """A new account with its session."""

    user: Me


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


def to_signed_up(user: User, tokens: SessionTokens) -> SignedUp:
    return SignedUp(tokens.token, tokens.refresh_token, tokens.expires_in, to_me(user))


def to_signed_in(user: User, tokens: SessionTokens, workspaces: list[Membership]) -> SignedIn:
    return SignedIn(tokens.token, tokens.refresh_token, tokens.expires_in, to_me(user), workspaces)


def to_me(user: User) -> Me:
    return Me(user.id, user.email, user.name, user.is_verified)
