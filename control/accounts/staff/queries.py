"""SQL for staff accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.accounts.rules import Admin, AdminRole
from control.db.pool import Connection

_COLUMNS = "id, email, name, role, is_active, password_hash, totp_secret, totp_enabled_at IS NOT NULL AS has_totp"


@dataclass(frozen=True, slots=True)
class AdminSecrets:
    """Secrets that a sign-in is checked against.

    Attributes:
        totp_secret: Sealed secret. Required at a sign-in once the admin has confirmed it.
    """

    admin: Admin
    password_hash: str
    totp_secret: bytes | None


async def insert(
    db: Connection, admin_id: UUID, email: str, name: str, role: AdminRole, password_hash: str, now: datetime
) -> Admin | None:
    """Insert a staff account. Return None if the address is taken."""
    row = await db.fetchrow(
        f"""
        INSERT INTO admins (id, email, name, role, password_hash, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (email) DO NOTHING
        RETURNING {_COLUMNS}
        """,
        admin_id, email, name, role, password_hash, now,
    )  # fmt: skip
    return _admin(row) if row else None


async def find_by_email(db: Connection, email: str) -> AdminSecrets | None:
    """Return the staff account with this address, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM admins WHERE email = $1", email)
    return _secrets(row) if row else None


async def lock(db: Connection, admin_id: UUID) -> AdminSecrets | None:
    """Lock the staff account until the transaction ends and return it, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM admins WHERE id = $1 FOR NO KEY UPDATE", admin_id)
    return _secrets(row) if row else None


async def set_password(db: Connection, admin_id: UUID, password_hash: str, now: datetime) -> None:
    """Store a new password hash."""
    await db.execute(
        "UPDATE admins SET password_hash = $2, updated_at = $3 WHERE id = $1", admin_id, password_hash, now
    )


async def set_active(db: Connection, admin_id: UUID, is_active: bool, now: datetime) -> None:
    """Store whether the admin may sign in."""
    await db.execute("UPDATE admins SET is_active = $2, updated_at = $3 WHERE id = $1", admin_id, is_active, now)


async def has_active(db: Connection, role: AdminRole) -> bool:
    """Return whether an active admin has the role."""
    found: bool = await db.fetchval("SELECT EXISTS (SELECT FROM admins WHERE role = $1 AND is_active)", role)
    return found


def _admin(row: Any) -> Admin:
    return Admin(row["id"], row["email"], row["name"], row["role"], row["is_active"], row["has_totp"])


def _secrets(row: Any) -> AdminSecrets:
    return AdminSecrets(_admin(row), row["password_hash"], row["totp_secret"])
