"""Response models of auth (admin API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.accounts.sessions.service import SessionTokens
from control.accounts.staff.service import AdminSignInResult
from control.http.access import AdminRole
from control.http.fields import Email, Id


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Grace Hopper"])]
    role: Annotated[AdminRole, Field(description="Role on the platform.")]


@dataclass(frozen=True, slots=True)
class AdminSession:
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
class AdminSignedIn(AdminSession):
    """A session and its admin."""

    admin: Annotated[Staff, Field(description="The staff member.")]
    device_token: Annotated[
        str,
        Field(
            description="To be sent at this client's next sign-in.",
            examples=["q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ"],
        ),
    ]
    expires_in: Annotated[int, Field(description="Seconds for which `token` is valid.", examples=[600])]


@dataclass(frozen=True, slots=True)
class AdminSelf:
    """The signed-in person."""

    admin: Annotated[Staff, Field(description="The staff member.")]


def to_session(tokens: SessionTokens) -> AdminSession:
    return AdminSession(tokens.token, tokens.refresh_token, tokens.expires_in)


def to_signed_in(done: AdminSignInResult) -> AdminSignedIn:
    admin, tokens = done.admin, done.tokens
    staff = Staff(admin.id, admin.email, admin.name, admin.role)
    return AdminSignedIn(tokens.token, tokens.refresh_token, tokens.expires_in, staff, done.device_token)
