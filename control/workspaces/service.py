"""Creates and changes workspaces for their members.

`members.py`, `invitations.py` and `administration.py` (for staff) contain parts of this service.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from control.accounts.emails.service import EmailQueue
from control.accounts.users.service import Accounts, lock_people
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.db.scope import enter_workspace, read_platform
from control.platform.rules import Tier
from control.platform.service import Platform
from control.workspaces import administration, queries
from control.workspaces.changes import lock_workspace, require_capacity, require_found, save_change
from control.workspaces.invitations import Invitations
from control.workspaces.members import Members, require_may_change, require_role
from control.workspaces.rules import (
    Membership,
    NewWorkspace,
    Role,
    Subscription,
    Workspace,
    require_not_suspended,
    require_timezone,
    suspend,
)
from control.workspaces.settings import WorkspaceSetting, apply_settings, check_settings, pick_settings
from shared.errors import Conflict, Unauthorized
from shared.ids import new_id

T = TypeVar("T")


class Workspaces:
    """Manages workspaces. Each method runs in the request's transaction."""

    def __init__(self, *, accounts: Accounts, email_queue: EmailQueue, platform: Platform) -> None:
        self._platform = platform
        self.members = Members()
        self.invitations = Invitations(accounts=accounts, email_queue=email_queue, platform=platform)
        self.administration = administration.WorkspaceAdministration(platform=platform)

    async def memberships(self, db: Connection, user_id: UUID) -> list[Membership]:
        """Return a user's memberships, oldest first. Requires the user's scope or platform scope."""
        return await queries.select_memberships(db, user_id)

    async def count_memberships(self, db: Connection, user_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Count the workspaces of each user. Users without a workspace are left out. Requires platform scope."""
        return await queries.count_memberships(db, user_ids)

    async def get(self, db: Connection, workspace_id: UUID) -> Workspace:
        """Return a workspace. Raises NotFound, also if the workspace is deleted."""
        return require_found(await queries.select_workspace(db, workspace_id))

    async def limits(self, db: Connection, workspace_id: UUID, *, hold: bool = False) -> Tier:
        """Return the tier with its limits. Raises NotFound.

        Args:
            hold: Whether to lock the workspace until the transaction ends, for callers that count before they insert.
        """
        workspace = require_found(await queries.select_workspace(db, workspace_id, hold="KEY SHARE" if hold else ""))
        return await self._platform.tier(db, workspace.tier_name)

    async def subscription(self, db: Connection, workspace_id: UUID, now: datetime) -> Subscription:
        """Return the workspace's tier and its use. Raises NotFound."""
        use = await queries.select_use(db, workspace_id, now)
        seconds = await queries.select_seconds(db, workspace_id, now)
        return Subscription(await self.limits(db, workspace_id), use, round(seconds / 60, 1))

    async def is_member(self, db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
        """Return whether the user is a member of the workspace."""
        return await queries.select_role(db, workspace_id, user_id) is not None

    async def admit(self, db: Connection, actor: Actor, workspace_id: UUID, role: Role, now: datetime) -> None:
        """Add the actor as a member after a sign-in through the workspace's own provider. Do nothing if already a
        member.

        Enters the workspace's scope. Raises NotFound, Conflict (member_limit).
        """
        assert actor.id is not None
        await enter_workspace(db, workspace_id, actor.id)
        workspace = await lock_workspace(db, workspace_id)
        if await queries.select_role(db, workspace_id, actor.id) is not None:
            return
        await require_capacity(db, self._platform, workspace, False, now)
        await queries.insert_member(db, workspace_id, actor.id, role, None, now)
        after = {"email": actor.email, "role": role}
        await record_change(db, actor, Change("member.join", "member", str(actor.id), workspace_id, after=after))

    async def require_running(self, db: Connection, workspace_id: UUID) -> None:
        """Check that agents may answer calls. Raises NotFound, Conflict (codes workspace_suspended, owner_unverified).

        Any user may create and set up a workspace. Calls cost money and require an owner with a confirmed address.
        """
        require_not_suspended(await self.get(db, workspace_id))
        if not await queries.has_verified_owner(db, workspace_id):
            raise Conflict(
                "None of this workspace's owners has confirmed their e-mail address.", code="owner_unverified"
            )

    async def require_not_suspended(self, db: Connection, workspace_id: UUID) -> None:
        """Raise Conflict (code workspace_suspended) if the workspace is suspended. Raises NotFound."""
        require_not_suspended(await self.get(db, workspace_id))

    async def lock_person(self, db: Connection, workspace_id: UUID) -> list[UUID]:
        """Return the workspaces of this workspace's owners and creator, including deleted workspaces until they are
        purged.

        Until the transaction ends, no other transaction can count and add to what these people have. Works in any
        scope.
        """

        async def select() -> list[UUID]:
            people = await lock_people(db, await queries.select_holders(db, workspace_id))
            return await queries.select_workspaces_of(db, people)

        return await read_platform(db, select)

    async def find_confirmed(self, db: Connection, workspace_id: UUID, emails: Collection[str]) -> set[str]:
        """Return which of these addresses belong to members who have confirmed them and can sign in."""
        return await queries.select_confirmed_addresses(db, workspace_id, emails)

    async def create(self, db: Connection, actor: Actor, owner_id: UUID, new: NewWorkspace, now: datetime) -> Workspace:
        """Create a workspace for this owner and enter its scope.

        The workspace shares the owner's trial if one has started. If the trial has ended, the workspace is suspended
        like the workspaces that were on the trial, unless the owner has an active workspace. Raises Invalid
        (timezone_unknown), Conflict (code workspace_limit).
        """
        require_timezone(new.timezone)
        await self._require_below_limit(db, owner_id)
        workspace = await self._new_workspace(db, owner_id, new, now)
        await enter_workspace(db, workspace.id, owner_id)
        await queries.insert_workspace(db, workspace, owner_id)
        if not await queries.insert_member(db, workspace.id, owner_id, "owner", None, now):
            raise Unauthorized("This sign-in is over.", code="session_over")
        if workspace.status == "trial" and workspace.trial_ends_at is not None:
            await queries.insert_trial(db, owner_id, now, workspace.trial_ends_at)
        fee = await queries.select_monthly_fee(db, workspace.tier_name)
        await queries.insert_change(db, UUID(new_id()), workspace, fee, now)
        after = {"name": workspace.name, "status": workspace.status, "tier_name": workspace.tier_name}
        await record_change(
            db, actor, Change("workspace.create", "workspace", str(workspace.id), workspace.id, after=after)
        )
        return workspace

    async def update(
        self, db: Connection, actor: Actor, workspace_id: UUID, changes: Mapping[str, Any], now: datetime
    ) -> Workspace:
        """Change a workspace.

        Raises NotFound, Invalid (timezone_unknown, and the errors of `check_settings`), Conflict (code
        workspace_suspended).

        Args:
            changes: Any of name, industry, timezone, and settings by name.
        """
        before = await lock_workspace(db, workspace_id)
        require_not_suspended(before)
        if "timezone" in changes:
            require_timezone(changes["timezone"])
        chosen = pick_settings(changes)
        check_settings(chosen)
        columns = {name: value for name, value in changes.items() if name not in chosen}
        after = replace(before, **columns, settings=apply_settings(before.settings, chosen))
        return await save_change(db, actor, "workspace.update", before, after, now)

    async def change_setting(
        self, db: Connection, actor: Actor, workspace_id: UUID, setting: WorkspaceSetting[T], value: T, now: datetime
    ) -> Workspace:
        """Store a setting that has its own route. Raises the errors of `update`."""
        return await self.update(db, actor, workspace_id, {setting.name: value}, now)

    async def delete(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> None:
        """Delete a workspace. Only owners may do this. Raises NotFound, Forbidden (code role).

        Members lose access immediately. Staff can restore the workspace during the grace period.
        """
        await lock_workspace(db, workspace_id)
        require_may_change(await require_role(db, workspace_id, actor), "owner", None)
        await administration.delete_workspace(db, self._platform, actor, workspace_id, now)

    async def _require_below_limit(self, db: Connection, owner_id: UUID) -> None:
        """Raise Conflict (workspace_limit) if the user owns too many workspaces.

        Only creation is limited. Other owners may still make the user an owner.
        """
        most = await self._platform.setting(db, "max_workspaces_per_user")
        await queries.lock_creator(db, owner_id)
        if await queries.count_owned(db, owner_id) >= most:
            raise Conflict(f"One user may own {most} workspaces.", code="workspace_limit")

    async def _new_workspace(self, db: Connection, owner_id: UUID, new: NewWorkspace, now: datetime) -> Workspace:
        fresh = Workspace(
            id=UUID(new_id()),
            name=new.name,
            industry=new.industry,
            timezone=new.timezone,
            status="active",
            status_before=None,
            tier_name=await self._platform.setting(db, "default_tier"),
            trial_ends_at=None,
            suspended_at=None,
            suspended_why=None,
            deleted_at=None,
            purge_after=None,
            created_at=now,
            updated_at=now,
        )
        days = await self._platform.setting(db, "trial_days")
        return await self._with_trial(db, owner_id, fresh, now + timedelta(days=days), now) if days else fresh

    async def _with_trial(
        self, db: Connection, owner_id: UUID, fresh: Workspace, ends_at: datetime, now: datetime
    ) -> Workspace:
        """Put the workspace on the trial of its owner, or suspend it if the trial has ended.

        A person has only one trial, even if the workspaces of the trial were deleted.

        Args:
            ends_at: End of the trial if this is the person's first trial.
        """
        people = await lock_people(db, [owner_id])
        ends_at = await queries.select_trial_end(db, people) or ends_at
        on_trial = replace(fresh, status="trial", trial_ends_at=ends_at)
        if ends_at > now or await self._platform.setting(db, "trial_end_action") == "keep":
            return on_trial
        if await queries.owns_active(db, owner_id):
            return fresh
        return suspend(on_trial, "The owner's trial is over.", now)


async def find_redaction(db: Connection, workspace_ids: Iterable[UUID]) -> Mapping[UUID, Sequence[str]]:
    """Return the redacted kinds (control/redaction/finder.py) by workspace. Workspaces without redaction are left
    out."""
    return await queries.select_redaction(db, workspace_ids)
