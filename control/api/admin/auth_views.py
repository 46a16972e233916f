"""Response models of auth (admin API)."""

from dataclasses import dataclass
from uuid import UUID

from control.accounts.admins import AdminSignInResult
from control.accounts.sessions import SessionTokens
from control.http.access import AdminRole


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member."""

    id: UUID
    email: str
    name: str
    role: AdminRole


@dataclass(frozen=True, slots=True)
class AdminSession:
    """The tokens of a session. expires_in: seconds that `token` is valid for."""

    token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class AdminSignedIn(AdminSession):
    """A session and its admin. device_token: to be sent at this client's next sign-in."""

    admin: Staff
    device_token: str


@dataclass(frozen=True, slots=True)
class AdminSelf:
    """The signed-in person."""

    admin: Staff


def to_session(tokens: SessionTokens) -> AdminSession:
    return AdminSession(tokens.token, tokens.refresh_token, tokens.expires_in)


def to_signed_in(done: AdminSignInResult) -> AdminSignedIn:
    admin, tokens = done.admin, done.tokens
    staff = Staff(admin.id, admin.email, admin.name, admin.role)
    return AdminSignedIn(tokens.token, tokens.refresh_token, tokens.expires_in, staff, done.device_token)
