"""Users, as the platform's staff sees and changes them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.accounts.model import User
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, Name
from control.http.context import AdminContext
from control.http.page import PageQuery
from control.http.route import Route


class UsersQuery(PageQuery):
    """search: part of an address or a name."""

    search: Annotated[str, Field(max_length=200)] | None = None


class UserChange(Body):
    """What is left out or null stays as it is."""

    name: Name | None = None
    is_active: bool | None = None


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
class UserList:
    """Newest first."""

    users: list[UserSummary]
    total: int
    page: int
    limit: int


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
    """Where a user is a member."""

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


async def list_users(context: AdminContext, query: UsersQuery) -> UserList:
    """Users, newest first."""
    services, db = context.services, context.db
    found = await services.accounts.directory.search(db, query.search, query.limit, query.offset)
    counts = await services.workspaces.counts_of(db, [user.id for user in found.users])
    users = [_summary(user, counts.get(user.id, 0)) for user in found.users]
    return UserList(users, found.total, query.page, query.limit)


async def get_user(context: AdminContext, user_id: UUID) -> UserWithWorkspaces:
    """A user and their memberships."""
    user = await context.services.accounts.directory.get(context.db, user_id)
    memberships = await context.services.workspaces.of_user(context.db, user_id)
    workspaces = [UserWorkspace(each.id, each.name, each.role, each.joined_at) for each in memberships]
    return UserWithWorkspaces(_detail(user), workspaces)


async def update_user(context: AdminContext, user_id: UUID, body: UserChange) -> UserAnswer:
    """Changes name or standing. Who is made inactive is signed out everywhere and cannot sign in."""
    user = await context.services.accounts.directory.change(
        context.db, context.actor, user_id, context.now, name=body.name, is_active=body.is_active
    )
    return UserAnswer(_detail(user))


async def delete_user(context: AdminContext, user_id: UUID) -> None:
    """Deletes a user with their memberships. 409 last_owner: a workspace would be left without an owner."""
    accounts = context.services.accounts
    await accounts.directory.get(context.db, user_id)
    await context.services.workspaces.leave_all(context.db, user_id, context.now)
    await accounts.directory.delete(context.db, context.actor, user_id)


def _summary(user: User, workspaces: int) -> UserSummary:
    return UserSummary(
        user.id, user.email, user.name, workspaces, user.created_at, user.is_active, user.is_verified
    )  # fmt: skip


def _detail(user: User) -> UserDetail:
    return UserDetail(
        user.id, user.email, user.name, user.created_at, user.last_login, user.is_active, user.is_verified
    )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/admin/users", list_users, ANY_ADMIN),
    Route("GET", "/admin/users/{userId}", get_user, ANY_ADMIN),
    Route("PUT", "/admin/users/{userId}", update_user, admin("support")),
    Route("DELETE", "/admin/users/{userId}", delete_user, admin()),
)
