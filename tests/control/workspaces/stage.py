"""Workspaces on a real database: each call a transaction in the scope that the API would enter."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from config.catalogue import shipped_settings, shipped_tiers
from control.accounts.mail import Mailer
from control.accounts.model import User
from control.accounts.service import SignedIn
from control.db.pool import Connection
from control.db.scope import enter_platform, enter_user, enter_workspace
from control.platform.audit import Actor
from control.platform.seed import seed_platform
from control.platform.service import Platform
from control.workspaces.model import Invitation, Member, NewWorkspace, Workspace
from control.workspaces.roles import Role
from control.workspaces.service import Workspaces
from tests.control.accounts.stage import NOW as NOW
from tests.control.accounts.stage import PASSWORD, Here, Stage, link_token, someone, stage

T = TypeVar("T")
Work = Callable[[Connection], Awaitable[T]]
STAFF = Actor("admin", UUID(int=7), "staff@vocalized.example")


@dataclass(frozen=True, slots=True)
class World:
    """What a test of workspaces needs."""

    on: Stage
    rooms: Workspaces
    platform: Platform

    async def staff(self, work: Work[T]) -> T:
        """A request of the platform's staff."""

        async def scoped(db: Connection) -> T:
            await enter_platform(db)
            return await work(db)

        return await self.on.ask(scoped)

    async def user(self, user: User, work: Work[T]) -> T:
        """A request of somebody signed in."""

        async def scoped(db: Connection) -> T:
            await enter_user(db, user.id)
            return await work(db)

        return await self.on.ask(scoped)

    async def member(self, user: User, workspace_id: UUID, work: Work[T]) -> T:
        """A request within a workspace."""

        async def scoped(db: Connection) -> T:
            await enter_workspace(db, workspace_id, user.id)
            return await work(db)

        return await self.on.ask(scoped)

    async def person(self, *, verified: bool = True) -> User:
        """Somebody new."""
        return await self.on.ask(
            lambda db: self.on.accounts.create_user(db, someone(), "Ada Lovelace", PASSWORD, verified, NOW)
        )

    async def workspace(self, owner: User, name: str = "Acme", *, tier: str = "growth", now: datetime = NOW) -> UUID:
        """A new workspace, of a tier with room for others."""
        new = NewWorkspace(name, "dental", "Europe/Berlin")
        made = await self.user(owner, lambda db: self.rooms.create(db, actor(owner), owner.id, new, now))
        await self.staff(lambda db: self.rooms.staff.change_tier(db, STAFF, made.id, tier, now))
        return made.id

    async def join(self, workspace_id: UUID, role: Role, user: User | None = None) -> User:
        """Somebody (new) who belongs to it."""
        joining = user or await self.person()
        await self.staff(
            lambda db: db.execute(
                "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, $3)",
                workspace_id, joining.id, role,
            )
        )  # fmt: skip
        return joining

    async def roles(self, workspace_id: UUID) -> dict[UUID, Role]:
        """Who belongs to it as what."""
        found, _ = await self.staff(lambda db: self.rooms.members.page(db, workspace_id, offset=0, limit=100))
        return {member.user_id: member.role for member in found}

    async def change_role(self, by: User, workspace_id: UUID, user: User, role: Role) -> Member:
        return await self.member(
            by,
            workspace_id,
            lambda db: self.rooms.members.change_role(db, actor(by), workspace_id, user.id, role, NOW),
        )

    async def remove(self, by: User, workspace_id: UUID, user: User) -> None:
        await self.member(
            by, workspace_id, lambda db: self.rooms.members.remove(db, actor(by), workspace_id, user.id, NOW)
        )

    async def invite(
        self, by: User, workspace_id: UUID, email: str, role: Role = "member", now: datetime = NOW
    ) -> Invitation:
        return await self.member(
            by,
            workspace_id,
            lambda db: self.rooms.invitations.invite(db, actor(by), workspace_id, email, role, now),
        )

    async def token(self, by: User, workspace_id: UUID, email: str, role: Role = "member") -> str:
        """Invites, and opens the letter."""
        await self.invite(by, workspace_id, email, role)
        (letter,) = [mail for mail in await self.on.mails() if mail["To"] == email]
        return link_token(letter)

    async def accept(self, user: User, token: str, now: datetime = NOW) -> UUID:
        return await self.user(user, lambda db: self.rooms.invitations.accept(db, actor(user), token, now))

    async def sign_up(self, token: str, now: datetime = NOW) -> SignedIn:
        return await self.on.ask(
            lambda db: self.rooms.invitations.sign_up(db, token, "Grace Hopper", PASSWORD, Here(), now)
        )

    async def get(self, workspace_id: UUID) -> Workspace:
        """As the staff sees it."""
        return await self.staff(lambda db: self.rooms.staff.get(db, workspace_id))

    async def setting(self, key: str, value: Any) -> None:
        await self.staff(lambda db: self.platform.change_settings(db, STAFF, {key: value}))

    async def log(self, workspace_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Actions and details in the audit log, oldest first."""
        rows = await self.staff(
            lambda db: db.fetch(
                "SELECT action, details FROM audit_log WHERE workspace_id = $1 ORDER BY ctid", workspace_id
            )
        )
        return [(row["action"], row["details"]) for row in rows]

    async def story(self, workspace_id: UUID) -> list[tuple[str, str]]:
        """Statuses and tiers, oldest first."""
        rows = await self.staff(
            lambda db: db.fetch(
                "SELECT status, tier_name FROM workspace_changes WHERE workspace_id = $1 ORDER BY ctid", workspace_id
            )
        )
        return [(row["status"], row["tier_name"]) for row in rows]


def actor(user: User) -> Actor:
    """As the audit log names them."""
    return Actor("user", user.id, user.email, "test", "192.0.2.7")


@asynccontextmanager
async def world(url: str) -> AsyncIterator[World]:
    """On a migrated database, with the shipped tiers and settings as they were, and no letters under way."""
    async with stage(url) as on:
        platform = Platform()
        mailer = Mailer(on.sealer, "https://app.vocalized.example")
        made = World(on, Workspaces(accounts=on.accounts, mailer=mailer, platform=platform), platform)
        await made.staff(lambda db: seed_platform(db, shipped_tiers(), shipped_settings()))
        await made.staff(lambda db: platform.change_settings(db, STAFF, shipped_settings()))
        await made.staff(lambda db: db.execute("DELETE FROM pgqueuer"))
        yield made
