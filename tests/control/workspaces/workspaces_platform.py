"""Workspaces on a real database: each call runs in a transaction with the scope that the API would enter."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from config.catalog import shipped_settings, shipped_tiers
from control.accounts.rules import User
from control.accounts.users.service import SignInResult
from control.audit.service import Actor
from control.db.keyset import PageRequest
from control.db.pool import Connection
from control.db.scope import enter_platform, enter_user, enter_workspace
from control.platform.service import Platform, seed_platform
from control.workspaces.rules import Invitation, Member, NewWorkspace, Role, Workspace
from control.workspaces.service import Workspaces
from tests.control.accounts.accounts_platform import NOW as NOW
from tests.control.accounts.accounts_platform import (
    PASSWORD,
    AccountsPlatform,
    FixedOrigin,
    link_token,
    new_address,
    open_accounts,
)

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]
STAFF = Actor("admin", UUID(int=7), "staff@vocalized.example")


@dataclass(frozen=True, slots=True)
class WorkspacesPlatform:
    """The workspaces service and the accounts below it."""

    base: AccountsPlatform
    workspaces: Workspaces
    settings: Platform

    async def as_staff(self, work: Work[T]) -> T:
        """Runs `work` as a request of the staff."""

        async def scoped(db: Connection) -> T:
            await enter_platform(db)
            return await work(db)

        return await self.base.transact(scoped)

    async def as_user(self, user: User, work: Work[T]) -> T:
        """Runs `work` as a request of a signed-in user."""

        async def scoped(db: Connection) -> T:
            await enter_user(db, user.id)
            return await work(db)

        return await self.base.transact(scoped)

    async def as_member(self, user: User, workspace_id: UUID, work: Work[T]) -> T:
        """Runs `work` as a request within a workspace."""

        async def scoped(db: Connection) -> T:
            await enter_workspace(db, workspace_id, user.id)
            return await work(db)

        return await self.base.transact(scoped)

    async def create_user(self, *, verified: bool = True) -> User:
        """Creates an account with a new address."""
        return await self.base.transact(
            lambda db: self.base.accounts.create_user(db, new_address(), "Ada Lovelace", PASSWORD, verified, NOW)
        )

    async def create_workspace(
        self, owner: User, name: str = "Acme", *, tier: str = "growth", now: datetime = NOW
    ) -> UUID:
        """Creates a workspace. tier: one that allows several members by default."""
        new = NewWorkspace(name, "dental", "Europe/Berlin")
        workspace = await self.as_user(
            owner, lambda db: self.workspaces.create(db, user_actor(owner), owner.id, new, now)
        )
        await self.as_staff(lambda db: self.workspaces.administration.change_tier(db, STAFF, workspace.id, tier, now))
        return workspace.id

    async def add_member(self, workspace_id: UUID, role: Role, user: User | None = None) -> User:
        """Adds a user, a new one by default."""
        member = user or await self.create_user()
        await self.as_staff(
            lambda db: db.execute(
                "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, $3)",
                workspace_id, member.id, role,
            )
        )  # fmt: skip
        return member

    async def roles(self, workspace_id: UUID) -> dict[UUID, Role]:
        """Roles by user."""
        page = PageRequest(100)
        found = await self.as_staff(lambda db: self.workspaces.members.list_page(db, workspace_id, page=page))
        return {member.user_id: member.role for member in found.rows}

    async def change_role(self, by: User, workspace_id: UUID, user: User, role: Role) -> Member:
        return await self.as_member(
            by,
            workspace_id,
            lambda db: self.workspaces.members.change_role(db, user_actor(by), workspace_id, user.id, role, NOW),
        )

    async def remove(self, by: User, workspace_id: UUID, user: User) -> None:
        await self.as_member(
            by, workspace_id, lambda db: self.workspaces.members.remove(db, user_actor(by), workspace_id, user.id, NOW)
        )

    async def invite(
        self, by: User, workspace_id: UUID, email: str, role: Role = "member", now: datetime = NOW
    ) -> Invitation:
        return await self.as_member(
            by,
            workspace_id,
            lambda db: self.workspaces.invitations.invite(db, user_actor(by), workspace_id, email, role, now),
        )

    async def invitation_token(self, by: User, workspace_id: UUID, email: str, role: Role = "member") -> str:
        """Invites and returns the token in the e-mail."""
        await self.invite(by, workspace_id, email, role)
        (message,) = [message for message in await self.base.send_emails() if message["To"] == email]
        return link_token(message)

    async def accept(self, user: User, token: str, now: datetime = NOW) -> UUID:
        return await self.as_user(user, lambda db: self.workspaces.invitations.accept(db, user_actor(user), token, now))

    async def sign_up(self, token: str, now: datetime = NOW) -> SignInResult:
        return await self.base.transact(
            lambda db: self.workspaces.invitations.sign_up(db, token, "Grace Hopper", PASSWORD, FixedOrigin(), now)
        )

    async def get_workspace(self, workspace_id: UUID) -> Workspace:
        """Reads a workspace as the staff."""
        return await self.as_staff(lambda db: self.workspaces.administration.get(db, workspace_id))

    async def set_setting(self, key: str, value: Any) -> None:
        await self.as_staff(lambda db: self.settings.change_settings(db, STAFF, {key: value}))

    async def audit_log(self, workspace_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Actions and details in the audit log, oldest first."""
        rows = await self.as_staff(
            lambda db: db.fetch(
                "SELECT action, details FROM audit_log WHERE workspace_id = $1 ORDER BY ctid", workspace_id
            )
        )
        return [(row["action"], row["details"]) for row in rows]

    async def status_history(self, workspace_id: UUID) -> list[tuple[str, str]]:
        """Statuses and tiers, oldest first."""
        rows = await self.as_staff(
            lambda db: db.fetch(
                "SELECT status, tier_name FROM workspace_changes WHERE workspace_id = $1 ORDER BY ctid", workspace_id
            )
        )
        return [(row["status"], row["tier_name"]) for row in rows]


def user_actor(user: User) -> Actor:
    """The actor of the user's requests."""
    return Actor("user", user.id, user.email, "test", "192.0.2.7")


@asynccontextmanager
async def open_workspaces(url: str) -> AsyncIterator[WorkspacesPlatform]:
    """Opens the platform on a migrated database, with the shipped tiers and settings and an empty job queue."""
    async with open_accounts(url) as base:
        settings = base.services[Platform]
        platform = WorkspacesPlatform(base, base.services[Workspaces], settings)
        await platform.as_staff(lambda db: seed_platform(db, shipped_tiers(), shipped_settings()))
        await platform.as_staff(lambda db: settings.change_settings(db, STAFF, shipped_settings()))
        await platform.as_staff(lambda db: db.execute("DELETE FROM pgqueuer"))
        yield platform
