"""Response models of users (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts.model import User
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class UserSummary:
    """A user in the list."""

    id: UUID
    email: str
    name: str
    workspaces_count: int
    created_at: datetime
    is_active: bool
    is_verified: bool


@dataclass(frozen=True, slots=True)
class UserList(ListAnswer):
    """A page of users, newest first."""

    users: list[UserSummary]


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user."""

    id: UUID
    email: str
    name: str
    created_at: datetime
    last_login: datetime | None
    is_active: bool
    is_verified: bool


@dataclass(frozen=True, slots=True)
class UserWorkspace:
    """A membership of the user."""

    workspace_id: UUID
    workspace_name: str
    role: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class UserWithWorkspaces:
    """A user and their memberships."""

    user: UserDetail
    workspaces: list[UserWorkspace]


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """A user."""

    user: UserDetail


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
