"""SQL for spending limits: alerts, granted transfer times, and the running calls of workspaces with a limit."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.billing.limits.rules import MOST_ALERTS, AlertKind, ChargedCall, SpendAlert, SpendLimit, TransferTime
from control.db.pool import Connection
from control.platform.rules import CURRENCY

# --- Limits and calls ----------------------------------------------------------------------------------------------
# Maximum number of a workspace's calls that are read at once. The largest tier allows fewer.
MOST_CALLS: Final = 5_000
# Workspaces on trial do not pay for usage.
_SELECT_LIMIT: Final = """
    SELECT s.usage_limit_monthly AS amount, coalesce(s.alert_threshold_percentage, 80) AS threshold,
           coalesce(s.auto_pause_on_limit, false) AS pauses, coalesce(a.is_prepaid, false) AS is_prepaid,
           w.tier_name, w.name AS workspace_name, coalesce(a.currency, $2) AS currency
    FROM workspaces w
    LEFT JOIN billing_settings s ON s.workspace_id = w.id
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    WHERE w.id = $1 AND w.status <> 'trial' AND (s.usage_limit_monthly IS NOT NULL OR a.is_prepaid)
"""
# Selects workspaces after id $1 that have open calls or calls transferred at $4, if they have a limit or their settings
# changed after $3, ordered by id.
_SELECT_LIMITED: Final = """
    SELECT w.id, coalesce(greatest(s.updated_at, a.updated_at) > $3, false) AS has_changed
    FROM workspaces w
    LEFT JOIN billing_settings s ON s.workspace_id = w.id
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    WHERE (s.usage_limit_monthly IS NOT NULL OR a.is_prepaid OR greatest(s.updated_at, a.updated_at) > $3)
      AND w.status <> 'trial' AND ($1::uuid IS NULL OR w.id > $1)
      AND (EXISTS (SELECT FROM calls c
                   WHERE c.workspace_id = w.id AND c.status IN ('queued', 'ringing', 'in_progress'))
           OR EXISTS (SELECT FROM calls c
                      WHERE c.workspace_id = w.id AND c.end_reason = 'transferred'
                        AND c.created_at > $4::timestamptz - interval '6 hours'
                        AND c.transfer_until::timestamptz > $4::timestamptz))
    ORDER BY w.id LIMIT $2
"""
# Selects calls that workspace $1 pays for and that continue at $2, oldest first, with the tier whose price applies. If
# neither carrier nor media have reported an answer yet, a call counts as answered when its media stream is assigned. A
# transferred call continues until transfer_until, unless the carrier reported its end before. Its seconds before the
# transfer are in the ledger.
_SELECT_RUNNING: Final = """
    WITH running AS (
        SELECT id, created_at, coalesce(answered_at, (details #>> '{legs,0,at}')::timestamptz) AS answered_at,
               NULL::integer AS charged_s
        FROM calls
        WHERE workspace_id = $1 AND status IN ('ringing', 'in_progress') AND NOT is_test
        UNION ALL
        SELECT id, created_at, answered_at, duration_seconds FROM calls
        WHERE workspace_id = $1 AND end_reason = 'transferred' AND NOT is_test
          AND created_at > $2::timestamptz - interval '6 hours' AND calls.transfer_until::timestamptz > $2::timestamptz
    )
    SELECT r.id, r.created_at, r.answered_at, r.charged_s, coalesce(
        (SELECT c.tier_name FROM workspace_changes c WHERE c.workspace_id = $1 AND c.at <= r.created_at
         ORDER BY c.at DESC, c.seq DESC LIMIT 1), w.tier_name) AS tier_name
    FROM running r JOIN workspaces w ON w.id = $1 ORDER BY r.id LIMIT $3
"""
_SELECT_OPEN: Final = """
    SELECT id FROM calls WHERE id = ANY($1::uuid[]) AND status IN ('queued', 'ringing', 'in_progress')
"""
_SELECT_MARKED: Final = "SELECT DISTINCT day FROM rollup_dirty WHERE workspace_id = $1 LIMIT 1000"


async def select_limit(db: Connection, workspace_id: UUID) -> SpendLimit | None:
    """Return the workspace's limit. Returns None without a limit and on trial, where usage is free."""
    row = await db.fetchrow(_SELECT_LIMIT, workspace_id, CURRENCY)
    return None if row is None else SpendLimit(**row)


async def select_limited(
    db: Connection, after: UUID | None, most: int, changed_after: datetime, now: datetime
) -> list[tuple[UUID, bool]]:
    """Return workspaces with running calls that have a limit, or whose settings changed after `changed_after`.

    They are ordered by id, starting after the id `after`. The second value states whether the settings changed. Needs
    platform scope.
    """
    rows = await db.fetch(_SELECT_LIMITED, after, most, changed_after, now)
    return [(row["id"], row["has_changed"]) for row in rows]


async def select_running(db: Connection, workspace_id: UUID, now: datetime) -> list[ChargedCall]:
    """Return the workspace's running calls, oldest first, without test calls, which are free."""
    return [ChargedCall(**row) for row in await db.fetch(_SELECT_RUNNING, workspace_id, now, MOST_CALLS)]


async def select_open(db: Connection, call_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these calls have not ended."""
    return {row["id"] for row in await db.fetch(_SELECT_OPEN, list(call_ids))} if call_ids else set()


async def select_marked_days(db: Connection, workspace_id: UUID) -> set[date]:
    """Return the UTC days whose roll-ups are outdated."""
    return {row["day"] for row in await db.fetch(_SELECT_MARKED, workspace_id)}


# --- Alerts --------------------------------------------------------------------------------------------------------
_COLUMNS: Final = "id, workspace_id, period_start, usage_limit, kind, spent, at, threshold_percentage, ends_calls"


async def select_alerts(db: Connection, workspace_id: UUID) -> list[SpendAlert]:
    """Return up to MOST_ALERTS alerts, newest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM spend_alerts WHERE workspace_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
        workspace_id,
        MOST_ALERTS,
    )
    return [SpendAlert(**row) for row in rows]


async def select_kinds(db: Connection, workspace_id: UUID, period_start: datetime, limit: Decimal) -> set[AlertKind]:
    """Return the kinds of alerts that were sent for this limit in this period."""
    rows = await db.fetch(
        "SELECT kind FROM spend_alerts WHERE workspace_id = $1 AND period_start = $2 AND usage_limit = $3",
        workspace_id,
        period_start,
        limit,
    )
    return {row["kind"] for row in rows}


async def insert_alert(db: Connection, alert: SpendAlert) -> bool:
    """Insert an alert. Return False if this alert was already sent."""
    tag = await db.execute(
        f"INSERT INTO spend_alerts ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        *(alert.id, alert.workspace_id, alert.period_start, alert.usage_limit, alert.kind, alert.spent, alert.at),
        *(alert.threshold_percentage, alert.ends_calls),
    )
    return bool(tag == "INSERT 0 1")


# --- Times of transferred calls ------------------------------------------------------------------------------------
_UPSERT: Final = """
    INSERT INTO transfer_times (call_id, workspace_id, granted_until, is_last)
    SELECT call_id, $1, granted_until, is_last
    FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[]) AS n (call_id, granted_until, is_last)
    ON CONFLICT (call_id) DO UPDATE SET granted_until = excluded.granted_until, is_last = excluded.is_last
    WHERE (transfer_times.granted_until, transfer_times.is_last) <> (excluded.granted_until, excluded.is_last)
"""
_INSERT_UNRESERVED: Final = """
    INSERT INTO transfer_times (call_id, workspace_id, granted_until, is_last)
    SELECT call_id, $1, $3, false FROM unnest($2::uuid[]) AS n (call_id)
    ON CONFLICT DO NOTHING
"""
# Selects entries whose call is still transferred at $3, in a workspace whose limit still ends calls. Either their last
# time ended by $1, or a time that was not renewed ended by $2, and no job was enqueued since $4. The lock lets only one
# of two workers enqueue the job.
_LOCK_DUE: Final = """
    SELECT t.call_id
    FROM transfer_times t
    JOIN calls c ON c.id = t.call_id
    JOIN workspaces w ON w.id = t.workspace_id
    LEFT JOIN billing_settings s ON s.workspace_id = t.workspace_id
    LEFT JOIN billing_accounts a ON a.workspace_id = t.workspace_id
    WHERE t.granted_until <= CASE WHEN t.is_last THEN $1::timestamptz ELSE $2::timestamptz END
      AND (t.ended_at IS NULL OR t.ended_at <= $4)
      AND c.end_reason = 'transferred' AND c.transfer_until::timestamptz > $3::timestamptz
      AND w.status <> 'trial'
      AND (coalesce(a.is_prepaid, false) OR (s.usage_limit_monthly IS NOT NULL AND s.auto_pause_on_limit))
    ORDER BY t.granted_until LIMIT $5
    FOR UPDATE OF t SKIP LOCKED
"""


async def upsert_times(db: Connection, workspace_id: UUID, times: Sequence[TransferTime]) -> None:
    """Store how long these calls may continue. Replaces earlier entries."""
    if times:
        columns = zip(*((time.call_id, time.granted_until, time.is_last) for time in times), strict=True)
        await db.execute(_UPSERT, workspace_id, *map(list, columns))


async def insert_unreserved(db: Connection, workspace_id: UUID, call_ids: Collection[UUID], now: datetime) -> None:
    """Record `now` as the limit for calls that have no entry."""
    await db.execute(_INSERT_UNRESERVED, workspace_id, list(call_ids), now)


async def lock_due(
    db: Connection, last_until: datetime, others_until: datetime, now: datetime, told_before: datetime, most: int
) -> list[UUID]:
    """Return up to `most` calls that must end now, and lock their entries. Needs platform scope.

    Args:
        last_until: A call that was refused more time ends if its time ended by this moment.
        others_until: A call whose time was not renewed ends if its time ended by this moment.
        told_before: Excludes calls for which a job was enqueued later than this.
    """
    rows = await db.fetch(_LOCK_DUE, last_until, others_until, now, told_before, most)
    return [row["call_id"] for row in rows]


async def mark_ended(db: Connection, call_ids: Collection[UUID], now: datetime) -> None:
    """Record that jobs were enqueued to end these calls."""
    await db.execute("UPDATE transfer_times SET ended_at = $2 WHERE call_id = ANY($1::uuid[])", list(call_ids), now)


async def delete_old(db: Connection, before: datetime) -> None:
    """Delete entries whose granted time ended before this moment, because their calls have ended."""
    await db.execute("DELETE FROM transfer_times WHERE granted_until < $1", before)
