"""Routes of users, for the platform's staff."""

from typing import Annotated

from pydantic import Field

from control.accounts.users.service import Accounts
from control.api.admin.users_views import UserAnswer, UserList, UserWithWorkspaces, UserWorkspace, to_detail, to_summary
from control.http.access import ANY_ADMIN, admin
from control.http.body import Body, LetterName
from control.http.context import AdminContext
from control.http.fields import UserId
from control.http.pagination import ListQuery, page_fields
from control.http.route import Route
from control.workspaces.service import Workspaces


class UsersQuery(ListQuery):
    """Filters of the list."""

    search: str | None = Field(None, max_length=200, description="Part of an email address or a name.")


class UserChange(Body):
    """Fields that are left out or null stay unchanged."""

    name: Annotated[LetterName | None, Field(description="The person's new name.", examples=["Ada Lovelace"])] = None
    is_active: Annotated[bool | None, Field(description="Whether the user may sign in; false: deactivated.")] = None


async def list_users(context: AdminContext, query: UsersQuery) -> UserList:
    """Users, newest first."""
    services, db = context.services, context.db
    found = await services[Accounts].user_administration.search(db, query.search, query.request())
    counts = await services[Workspaces].count_memberships(db, [user.id for user in found.rows])
    users = [to_summary(user, counts.get(user.id, 0)) for user in found.rows]
    return UserList(users, **page_fields(query, found))


async def get_user(context: AdminContext, user_id: UserId) -> UserWithWorkspaces:
    """A user and their memberships."""
    user = await context.services[Accounts].user_administration.get(context.db, user_id)
    memberships = await context.services[Workspaces].memberships(context.db, user_id)
    workspaces = [UserWorkspace(each.id, each.name, each.role, each.joined_at) for each in memberships]
    return UserWithWorkspaces(to_detail(user), workspaces)


async def update_user(context: AdminContext, user_id: UserId, body: UserChange) -> UserAnswer:
    """Changes the name or deactivates the user, which ends all their sessions and prevents sign-in."""
    user = await context.services[Accounts].user_administration.update(
        context.db, context.actor, user_id, context.now, name=body.name, is_active=body.is_active
    )
    return UserAnswer(to_detail(user))


async def delete_user(context: AdminContext, user_id: UserId) -> None:
    """Deletes a user and their memberships. 409 last_owner: the user is the last owner of a workspace."""
    accounts = context.services[Accounts]
    await accounts.user_administration.get(context.db, user_id)
    await context.services[Workspaces].leave_all(context.db, user_id, context.now)
    await accounts.user_administration.delete(context.db, context.actor, user_id)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/admin/users", list_users, ANY_ADMIN),
    Route("GET", "/admin/users/{userId}", get_user, ANY_ADMIN),
    Route("PUT", "/admin/users/{userId}", update_user, admin("support")),
    Route("DELETE", "/admin/users/{userId}", delete_user, admin()),
)
