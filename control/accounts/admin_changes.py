"""What an operator at the command line does to an existing staff account. No endpoint of the API does it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from control.accounts import (
    store_admins,
    store_own_account,
    store_recovery_codes,
    store_second_factors,
    store_sessions,
    store_sign_ins,
)
from control.accounts.model import Admin, ListedSession
from control.accounts.password_rules import require_strong_password
from control.accounts.passwords import Passwords
from control.accounts.sign_in_throttle import address_hash
from control.accounts.store_admins import AdminSecrets
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from shared.errors import NotFound


async def reset_totp(db: Connection, email: str, now: datetime) -> Admin:
    """Removes the second factor and its recovery codes, ends all sessions, and clears the wait after wrong codes.

    Raises NotFound."""
    found = await _lock(db, email)
    await _remove_totp(db, found.admin, now)
    await _clear_failures(db, email)
    await _end_sessions(db, found.admin, "second factor reset", now)
    await _record(db, found.admin, "admin.totp_reset", {"has_totp": found.admin.has_totp}, {"has_totp": False})
    return found.admin


async def reset_account(db: Connection, passwords: Passwords, email: str, password: str, now: datetime) -> Admin:
    """Sets a new password, removes the second factor, ends all sessions, and clears waits: for an admin who lost all of
    it. Raises NotFound, Invalid (weak_password)."""
    found = await _lock(db, email)
    admin = found.admin
    require_strong_password(password, email=admin.email, name=admin.name, param="password")
    await store_admins.set_password(db, admin.id, await passwords.hash(password), now)
    await _remove_totp(db, admin, now)
    await _clear_failures(db, email)
    await _end_sessions(db, admin, "account reset", now)
    await _record(db, admin, "admin.reset", {"has_totp": admin.has_totp}, {"has_totp": False})
    return admin


async def list_sessions(db: Connection, email: str, now: datetime) -> Sequence[ListedSession]:
    """Sessions of an admin that go on, last used first. Raises NotFound."""
    return await store_own_account.select_sessions(db, "admin", (await _lock(db, email)).admin.id, now)


async def end_session(db: Connection, email: str, session_id: UUID, now: datetime) -> None:
    """Ends one session of an admin. Raises NotFound (admin_not_found, session_not_found)."""
    admin = (await _lock(db, email)).admin
    if not await store_own_account.revoke_session(db, "admin", admin.id, session_id, "ended by an operator", now):
        raise NotFound(f"{admin.email} has no such session.", code="session_not_found")
    await _record(db, admin, "admin.session_end", {}, {"session_id": str(session_id)})


async def end_all_sessions(db: Connection, email: str, now: datetime) -> None:
    """Ends all sessions of an admin. Raises NotFound."""
    admin = (await _lock(db, email)).admin
    await _end_sessions(db, admin, "ended by an operator", now)
    await _record(db, admin, "admin.sessions_end", {}, {})


async def set_active(db: Connection, email: str, is_active: bool, now: datetime) -> Admin:
    """Disables or enables the account. A disabled one is refused from its next request on; an enabled one need not wait
    after earlier wrong sign-ins. Raises NotFound."""
    found = await _lock(db, email)
    await store_admins.set_active(db, found.admin.id, is_active, now)
    if is_active:
        await _clear_failures(db, email)
    else:
        await _end_sessions(db, found.admin, "disabled", now)
    action = "admin.enable" if is_active else "admin.disable"
    await _record(db, found.admin, action, {"is_active": found.admin.is_active}, {"is_active": is_active})
    return found.admin


async def has_super_admin(db: Connection) -> bool:
    """Whether there is a super_admin who may sign in."""
    return await store_admins.has_active(db, "super_admin")


async def _lock(db: Connection, email: str) -> AdminSecrets:
    found = await store_admins.find_by_email(db, email)
    locked = await store_admins.lock(db, found.admin.id) if found else None
    if locked is None:
        raise NotFound(f"There is no admin with the address {email}.", code="admin_not_found")
    return locked


async def _remove_totp(db: Connection, admin: Admin, now: datetime) -> None:
    await store_second_factors.remove(db, "admin", admin.id, now)
    await store_recovery_codes.delete(db, "admin", admin.id)


async def _clear_failures(db: Connection, email: str) -> None:
    await store_sign_ins.delete_address(db, "admin", address_hash(email))


async def _end_sessions(db: Connection, admin: Admin, why: str, now: datetime) -> None:
    await store_sessions.revoke_all(db, "admin", admin.id, why, now)


async def _record(
    db: Connection, admin: Admin, action: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    await record_change(db, Actor("system"), Change(action, "admin", str(admin.id), before=before, after=after))
