"""Response models of users (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.accounts.rules import User
from control.http.fields import CreatedAt, Email, Id, WorkspaceId
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class UserSummary:
    """A user in the list."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]
    workspaces_count: Annotated[int, Field(description="Number of the user's workspaces.", examples=[2])]
    created_at: CreatedAt
    is_active: Annotated[bool, Field(description="Whether the user may sign in; false: deactivated.")]
    is_verified: Annotated[bool, Field(description="Whether the e-mail address is confirmed.")]


@dataclass(frozen=True, slots=True)
class UserList(ListAnswer):
    """A page of users, newest first."""

    users: Annotated[list[UserSummary], Field(description="The users.")]


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user."""

    id: Id
    email: Email
    name: Annotated[str, Field(description="The person's name.", examples=["Ada Lovelace"])]
    created_at: CreatedAt
    last_login: Annotated[datetime | None, Field(description="When the user last signed in (UTC); null if never.")]
    is_active: Annotated[bool, Field(description="Whether the user may sign in; false: deactivated.")]
    is_verified: Annotated[bool, Field(description="Whether the e-mail address is confirmed.")]


@dataclass(frozen=True, slots=True)
class UserWorkspace:
    """A membership of the user."""

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
