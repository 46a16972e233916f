"""Response models of auth (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.accounts.rules import User
from control.accounts.sessions.service import SessionTokens
from control.accounts.users.service import SignInResult
from control.http.fields import Email, Id
from control.workspaces.rules import Membership


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
    refresh_token: Annotated[
        str,
        Field(
            description="Exchanged once for the next tokens, by the refresh endpoint.",
            examples=["kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"],
        ),
    ]
    expires_in: Annotated[int, Field(description="Seconds that `token` is valid for.", examples=[600])]


@dataclass(frozen=True, slots=True)
class SignedUp(Session):
    """A new account with its session."""

    user: Annotated[Me, Field(description="The user.")]
    device_token: Annotated[
        str,
        Field(
            description="To be sent at this client's next sign-in.",
            examples=["q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"],
        ),
    ]
    expires_in: Annotated[int, Field(description="Seconds for which `token` is valid.", examples=[600])]


@dataclass(frozen=True, slots=True)
class SignedIn(SignedUp):
    """A session with the user's workspaces."""

    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]
    expires_in: Annotated[int, Field(description="Seconds for which `token` is valid.", examples=[600])]
    device_token: Annotated[
        str,
        Field(
            description="Sent at this client's next sign-in, it spares the client from waits that others' "
            "failures cause.",
            examples=["q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class Self:
    """The signed-in user and their workspaces."""

    user: Annotated[Me, Field(description="The user.")]
    workspaces: Annotated[list[Membership], Field(description="The workspaces that the user is a member of.")]


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
