"""SQL for the codes that verify phone numbers, and for the verified numbers of a workspace's members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.accounts.rules import VerifiedNumber
from control.calls.verified_numbers.rules import PhoneCode
from control.db.pool import Connection

_COLUMNS: Final = """
    id, workspace_id, user_id, phone_number, call_id, language, code, failures, created_at, expires_at, used_at
"""
_INSERT: Final = f"INSERT INTO phone_codes ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
_LOCK: Final = f"SELECT {_COLUMNS} FROM phone_codes WHERE workspace_id = $1 AND user_id = $2 AND id = $3 FOR UPDATE"
_SELECT_BY_CALL: Final = f"SELECT {_COLUMNS} FROM phone_codes WHERE call_id = $1"

# Codes within 24 hours until $3: codes requested in workspaces $1, and codes spoken to number $2 in any workspace.
_COUNT: Final = """
    SELECT (SELECT count(*) FROM phone_codes
            WHERE workspace_id = ANY($1::uuid[]) AND created_at > $3::timestamptz - interval '1 day') AS of_person,
           (SELECT count(*) FROM phone_codes
            WHERE phone_number = $2 AND created_at > $3::timestamptz - interval '1 day') AS to_number
"""


@dataclass(frozen=True, slots=True)
class PhoneCodeUsage:
    """Codes within 24 hours: the codes that a person requested, and the codes that were spoken to one number."""

    of_person: int
    to_number: int


async def lock_number(db: Connection, phone_number: str) -> None:
    """Serializes transactions that count the codes for a number in order to add one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('phone code ' || $1, 0))", phone_number)


async def count_codes(
    db: Connection, workspace_ids: Sequence[UUID], phone_number: str, now: datetime
) -> PhoneCodeUsage:
    """Returns the numbers of codes within 24 hours. Needs platform scope."""
    return PhoneCodeUsage(**await db.fetchrow(_COUNT, workspace_ids, phone_number, now))


async def insert_code(db: Connection, new: PhoneCode) -> None:
    """Inserts a code, and deletes codes of its workspace that no longer count toward a limit."""
    await db.execute(
        "DELETE FROM phone_codes WHERE workspace_id = $1 AND created_at < $2::timestamptz - interval '2 days'",
        new.workspace_id,
        new.created_at,
    )
    await db.execute(
        _INSERT,
        *(new.id, new.workspace_id, new.user_id, new.phone_number, new.call_id, new.language, new.code),
        *(new.failures, new.created_at, new.expires_at, new.used_at),
    )


async def lock_code(db: Connection, workspace_id: UUID, user_id: UUID, code_id: UUID) -> PhoneCode | None:
    """Locks and returns a code that this user requested in this workspace."""
    return _code(await db.fetchrow(_LOCK, workspace_id, user_id, code_id))


async def select_by_call(db: Connection, call_id: UUID) -> PhoneCode | None:
    """Returns the code that a call speaks; None for other calls."""
    return _code(await db.fetchrow(_SELECT_BY_CALL, call_id))


async def update_failures(db: Connection, code: PhoneCode) -> None:
    """Counts a wrong code. The row must be locked."""
    await db.execute(
        "UPDATE phone_codes SET failures = failures + 1 WHERE workspace_id = $1 AND id = $2", code.workspace_id, code.id
    )


async def update_used(db: Connection, code: PhoneCode, now: datetime) -> None:
    """Marks a code as used. The row must be locked."""
    await db.execute(
        "UPDATE phone_codes SET used_at = $3 WHERE workspace_id = $1 AND id = $2", code.workspace_id, code.id, now
    )


def _code(row: Any) -> PhoneCode | None:
    return None if row is None else PhoneCode(**row)


# Newest first. The setting verified_numbers_per_user limits the numbers of a member.
_SELECT: Final = """
    SELECT v.id, v.user_id, v.phone_number, v.verified_at
    FROM verified_numbers v JOIN workspace_members m ON m.user_id = v.user_id
    WHERE m.workspace_id = $1 ORDER BY v.verified_at DESC, v.id DESC LIMIT 1000
"""


async def select_verified(db: Connection, workspace_id: UUID) -> list[VerifiedNumber]:
    """Returns up to 1,000 verified numbers, newest first."""
    return [VerifiedNumber(**row) for row in await db.fetch(_SELECT, workspace_id)]
