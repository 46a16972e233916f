"""Accounts of users and staff as other rooms see them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

AdminRole = Literal["super_admin", "support", "finance", "read_only"]


@dataclass(frozen=True, slots=True)
class User:
    """A user's account."""

    id: UUID
    email: str
    name: str
    is_verified: bool
    is_active: bool
    created_at: datetime
    last_login: datetime | None


@dataclass(frozen=True, slots=True)
class Admin:
    """A member of the staff. has_totp: a second factor is enabled."""

    id: UUID
    email: str
    name: str
    role: AdminRole
    is_active: bool
    has_totp: bool


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """What a sign-in presents. code: of the authenticator app, or a recovery code. device: the token of a known
    device."""

    email: str
    password: str = field(repr=False)
    code: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedNumber:
    """A phone number, in E.164, that a user showed to be theirs."""

    id: UUID
    user_id: UUID
    phone_number: str
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class OwnPassword:
    """An account with the hash of its password."""

    email: str
    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session that goes on. last_used_at: when tokens were last issued to it. address: of the sign-in."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
