"""Users as the staff sees them; every change is in the audit log."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from control.accounts import store
from control.accounts.model import User
from control.accounts.sessions import Sessions
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record
from shared.errors import Missing

_TOLD = ("email", "name", "is_active", "is_verified")


@dataclass(frozen=True, slots=True)
class UserPage:
    """A part of the list, and how long it is in all."""

    users: tuple[User, ...]
    total: int


class Directory:
    """For requests in the platform's scope."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def search(self, db: Connection, text: str | None, limit: int, offset: int) -> UserPage:
        """Newest first; those whose address or name holds the text."""
        pattern = _pattern(text) if text else None
        return UserPage(await store.page(db, pattern, limit, offset), await store.count(db, pattern))

    async def get(self, db: Connection, user_id: UUID) -> User:
        """Raises Missing."""
        user = await store.find(db, user_id)
        if user is None:
            raise _missing()
        return user

    async def change(
        self, db: Connection, actor: Actor, user_id: UUID, now: datetime, *,
        name: str | None = None, is_active: bool | None = None,
    ) -> User:  # fmt: skip
        """None leaves as it is. Who is made inactive is signed out everywhere. Raises Missing."""
        before = await self._lock(db, user_id)
        name = before.name if name is None else name
        is_active = before.is_active if is_active is None else is_active
        if (name, is_active) == (before.name, before.is_active):
            return before
        await store.update(db, user_id, name, is_active, now)
        if not is_active:
            await self._sessions.end_all(db, user_id, "deactivated", now)
        after = await self.get(db, user_id)
        await record(db, actor, Change("user.update", "user", str(user_id), before=_told(before), after=_told(after)))
        return after

    async def delete(self, db: Connection, actor: Actor, user_id: UUID) -> None:
        """For good; their workspaces must have been left before (`Workspaces.leave_all`). Raises Missing."""
        before = await self._lock(db, user_id)
        await store.delete(db, user_id)
        await record(db, actor, Change("user.delete", "user", str(user_id), before=_told(before)))

    async def _lock(self, db: Connection, user_id: UUID) -> User:
        user = await store.lock(db, user_id)
        if user is None:
            raise _missing()
        return user


def _pattern(text: str) -> str:
    """For ILIKE: what the text holds stands for itself."""
    for special in "\\%_":
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def _told(user: User) -> dict[str, object]:
    return {name: value for name, value in asdict(user).items() if name in _TOLD}


def _missing() -> Missing:
    return Missing("There is no such user.", code="user_not_found")
