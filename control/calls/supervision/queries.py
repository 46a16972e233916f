"""SQL for supervision sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from control.db.pool import Connection

Mode = Literal["listen", "whisper", "speak"]
SupervisorKind = Literal["user", "api_key", "admin"]
MOST_LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class Supervision:
    """A supervision session.

    Attributes:
        expires_at: When the token expires.
        began_at: None until the token is used.
        actor_email: Address of the user, of the key's holder, or of the member of the staff.
    """

    id: UUID
    workspace_id: UUID
    call_id: UUID
    mode: Mode
    actor: SupervisorKind
    actor_id: UUID
    actor_email: str
    created_at: datetime
    expires_at: datetime
    began_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    heard_ms: int = 0
    spoken_ms: int = 0


# Sessions that run, or whose token may still be used. A session whose call is over does not count, whatever its node
# reported.
_COUNT_OPEN: Final = """
    SELECT count(*) FROM call_supervisions s JOIN calls c ON c.id = s.call_id
    WHERE s.workspace_id = $1 AND s.ended_at IS NULL AND (s.began_at IS NOT NULL OR s.expires_at > $2)
      AND c.status = 'in_progress'
"""
_COLUMNS: Final = ", ".join(Supervision.__dataclass_fields__)


async def lock_sessions(db: Connection, workspace_id: UUID) -> None:
    """Serializes transactions that count a workspace's sessions in order to add a session."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('supervise ' || $1::text, 0))", str(workspace_id))


async def count_open(db: Connection, workspace_id: UUID, now: datetime) -> int:
    """Returns how many sessions of the workspace run or may begin."""
    count: int = await db.fetchval(_COUNT_OPEN, workspace_id, now)
    return count


async def insert_session(db: Connection, session: Supervision) -> None:
    """Stores a session that has not begun."""
    await db.execute(
        "INSERT INTO call_supervisions (id, workspace_id, call_id, mode, actor, actor_id, actor_email, created_at, "
        "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        session.id,
        session.workspace_id,
        session.call_id,
        session.mode,
        session.actor,
        session.actor_id,
        session.actor_email,
        session.created_at,
        session.expires_at,
    )


async def select_sessions(db: Connection, workspace_id: UUID | None, call_id: UUID) -> list[Supervision]:
    """Returns the sessions of a call, the oldest first.

    Args:
        workspace_id: None for the staff.
    """
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM call_supervisions WHERE call_id = $1 AND ($2::uuid IS NULL OR workspace_id = $2) "
        "ORDER BY created_at, id LIMIT $3",
        call_id,
        workspace_id,
        MOST_LISTED,
    )
    return [Supervision(**row) for row in rows]


async def select_session(db: Connection, workspace_id: UUID, call_id: UUID, session_id: UUID) -> Supervision | None:
    """Returns a session of this call. Needs platform scope."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM call_supervisions WHERE workspace_id = $1 AND call_id = $2 AND id = $3",
        workspace_id,
        call_id,
        session_id,
    )
    return None if row is None else Supervision(**row)


async def set_began(db: Connection, session: Supervision, at: datetime) -> None:
    """Records that the token was used."""
    await db.execute(
        "UPDATE call_supervisions SET began_at = coalesce(began_at, $3) WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        session.id,
        at,
    )


async def set_ended(
    db: Connection, session: Supervision, at: datetime, reason: str, heard_ms: int, spoken_ms: int
) -> None:
    """Records the end, as the node reported it."""
    await db.execute(
        "UPDATE call_supervisions SET ended_at = coalesce(ended_at, $3), end_reason = coalesce(end_reason, $4), "
        "heard_ms = $5, spoken_ms = $6, began_at = coalesce(began_at, $3) WHERE workspace_id = $1 AND id = $2",
        session.workspace_id,
        session.id,
        at,
        reason,
        heard_ms,
        spoken_ms,
    )
