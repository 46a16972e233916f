"""SQL of attempts: the calls to recipients."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.campaigns.model import CallOutcome, CampaignAttempt, CampaignProgress, CampaignRecipient
from control.campaigns.store_recipients import make_recipient
from control.db.pool import Connection

# Nothing is inserted while another call of a campaign to this number of the workspace is open.
_INSERT: Final = """
    INSERT INTO campaign_attempts (call_id, workspace_id, campaign_id, recipient_id, phone_number, started_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (workspace_id, phone_number) WHERE finished_at IS NULL DO NOTHING
"""
_PACE: Final = """
    SELECT (SELECT count(*) FROM campaign_attempts
            WHERE workspace_id = $1 AND campaign_id = $2 AND finished_at IS NULL),
           (SELECT count(*) FROM campaign_attempts
            WHERE workspace_id = $1 AND campaign_id = $2 AND started_at > $3::timestamptz - interval '1 minute')
"""
# The recipients of these calls, locked in one order, so that two transactions cannot deadlock.
_LOCK_RECIPIENTS: Final = """
    SELECT r.*, a.call_id, a.outcome AS call_outcome, a.finished_at AS call_finished_at
    FROM campaign_attempts a JOIN campaign_recipients r ON r.id = a.recipient_id
    WHERE a.workspace_id = ANY($1::uuid[]) AND a.call_id = ANY($2::uuid[]) ORDER BY r.id FOR UPDATE OF r, a
"""
_FINISH: Final = """
    UPDATE campaign_attempts SET outcome = $3, detail = $4, finished_at = coalesce(finished_at, $5)
    WHERE workspace_id = $1 AND call_id = $2
"""
_SELECT_ATTEMPTS: Final = """
    SELECT call_id, started_at, finished_at, outcome, detail FROM campaign_attempts
    WHERE workspace_id = $1 AND recipient_id = $2 ORDER BY started_at, call_id LIMIT $3
"""
_CAMPAIGN_OF: Final = """
    SELECT campaign_id, recipient_id FROM campaign_attempts WHERE workspace_id = $1 AND call_id = $2
"""
_PROGRESS: Final = """
    SELECT status, coalesce(outcome, '') AS outcome, count(*) AS recipients, min(next_attempt_at) AS next_at
    FROM campaign_recipients WHERE workspace_id = $1 AND campaign_id = $2 GROUP BY 1, 2
"""
_CALLS: Final = """
    SELECT count(*) AS calls, count(*) FILTER (WHERE finished_at IS NULL) AS open,
           count(*) FILTER (WHERE started_at > $3::timestamptz - interval '1 hour') AS last_hour
    FROM campaign_attempts WHERE workspace_id = $1 AND campaign_id = $2
"""


@dataclass(frozen=True, slots=True)
class LockedAttempt:
    """A call with its recipient. outcome, finished_at: as stored."""

    call_id: UUID
    outcome: CallOutcome | None
    finished_at: datetime | None
    recipient: CampaignRecipient


async def insert_attempt(db: Connection, call_id: UUID, recipient: CampaignRecipient, now: datetime) -> bool:
    """False: another call of a campaign to this number is open. Needs platform scope."""
    one = recipient
    status = await db.execute(_INSERT, call_id, one.workspace_id, one.campaign_id, one.id, one.phone_number, now)
    return bool(status == "INSERT 0 1")


async def count_pace(db: Connection, workspace_id: UUID, campaign_id: UUID, now: datetime) -> tuple[int, int]:
    """Open calls, and calls of the last minute. Needs platform scope."""
    row = await db.fetchrow(_PACE, workspace_id, campaign_id, now)
    return row[0], row[1]


async def lock_recipients(
    db: Connection, workspace_ids: Sequence[UUID], call_ids: Sequence[UUID]
) -> list[LockedAttempt]:
    """Those of these calls of these workspaces that a campaign placed. Needs platform scope."""
    rows = await db.fetch(_LOCK_RECIPIENTS, workspace_ids, call_ids)
    return [
        LockedAttempt(row["call_id"], row["call_outcome"], row["call_finished_at"], make_recipient(row)) for row in rows
    ]


async def finish_attempt(
    db: Connection, workspace_id: UUID, call_id: UUID, outcome: CallOutcome, detail: str | None, at: datetime
) -> None:
    """Stores the outcome; the time of a call that was finished before stays. Needs platform scope."""
    await db.execute(_FINISH, workspace_id, call_id, outcome, detail, at)


async def select_attempts(
    db: Connection, workspace_id: UUID, recipient_id: UUID, limit: int = 1_000
) -> list[CampaignAttempt]:
    """The oldest first."""
    return [CampaignAttempt(**row) for row in await db.fetch(_SELECT_ATTEMPTS, workspace_id, recipient_id, limit)]


async def find_recipient(db: Connection, workspace_id: UUID, call_id: UUID) -> tuple[UUID, UUID] | None:
    """Campaign and recipient of a call; None: no campaign placed it. Needs platform scope."""
    row = await db.fetchrow(_CAMPAIGN_OF, workspace_id, call_id)
    return None if row is None else (row["campaign_id"], row["recipient_id"])


async def load_progress(
    db: Connection, workspace_id: UUID, campaign_id: UUID, calls_per_minute: int, now: datetime
) -> CampaignProgress:
    """Counts what is stored; nothing is counted along."""
    rows = await db.fetch(_PROGRESS, workspace_id, campaign_id)
    calls: Any = await db.fetchrow(_CALLS, workspace_id, campaign_id, now)
    by_status: dict[str, int] = {"pending": 0, "calling": 0, "finished": 0}
    by_outcome: dict[str, int] = {}
    for row in rows:
        by_status[row["status"]] += row["recipients"]
        if row["outcome"] and row["status"] == "finished":
            by_outcome[row["outcome"]] = row["recipients"]
    pending = by_status["pending"]
    return CampaignProgress(
        by_status=by_status,
        by_outcome=by_outcome,
        calls=calls["calls"],
        calls_last_hour=calls["last_hour"],
        open_calls=calls["open"],
        next_call_at=min((row["next_at"] for row in rows if row["status"] == "pending"), default=None),
        remaining_seconds=round(60 * pending / calls_per_minute) if pending else None,
    )
