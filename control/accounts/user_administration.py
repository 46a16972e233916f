"""Users as the staff manages them; each change is written to the audit log."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from control.accounts import store, store_people
from control.accounts.model import User
from control.accounts.sessions import Sessions
from control.audit.service import Actor, Change, record_change
from control.db.keyset import ListPage, PageRequest
from control.db.patterns import contains_pattern
from control.db.pool import Connection
from shared.errors import NotFound

_AUDITED_FIELDS = ("email", "name", "is_active", "is_verified")


class UserAdministration:
    """Lists, changes and deletes users. Needs platform scope."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def search(self, db: Connection, text: str | None, page: PageRequest) -> ListPage[User]:
        """Newest first, of users whose address or name contains the text. Raises Invalid (code cursor_unknown)."""
        pattern = contains_pattern(text) if text else None
        found = await store.select_users(db, pattern, page)
        return found if page.cursor is not None else found.with_total(await store.count(db, pattern))

    async def get(self, db: Connection, user_id: UUID) -> User:
        """Raises NotFound."""
        user = await store.find(db, user_id)
        if user is None:
            raise _user_not_found()
        return user

    async def update(
        self,
        db: Connection,
        actor: Actor,
        user_id: UUID,
        now: datetime,
        *,
        name: str | None = None,
        is_active: bool | None = None,
    ) -> User:
        """Changes a user; None leaves a field unchanged. Deactivation ends all sessions. Raises NotFound."""
        before = await self._lock(db, user_id)
        name = before.name if name is None else name
        is_active = before.is_active if is_active is None else is_active
        if (name, is_active) == (before.name, before.is_active):
            return before
        await store.update(db, user_id, name, is_active, now)
        if not is_active:
            await self._sessions.end_all(db, user_id, "deactivated", now)
        after = await self.get(db, user_id)
        await record_change(
            db,
            actor,
            Change("user.update", "user", str(user_id), before=_audit_values(before), after=_audit_values(after)),
        )
        return after

    async def delete(self, db: Connection, actor: Actor, user_id: UUID) -> None:
        """Deletes a user for good, after `Workspaces.leave_all`. Raises NotFound."""
        before = await self._lock(db, user_id)
        await store_people.insert_former(db, user_id)
        await store.delete(db, user_id)
        await record_change(db, actor, Change("user.delete", "user", str(user_id), before=_audit_values(before)))

    async def _lock(self, db: Connection, user_id: UUID) -> User:
        user = await store.lock(db, user_id)
        if user is None:
            raise _user_not_found()
        return user


def _audit_values(user: User) -> dict[str, object]:
    return {name: value for name, value in asdict(user).items() if name in _AUDITED_FIELDS}


def _user_not_found() -> NotFound:
    return NotFound("There is no such user.", code="user_not_found")
