"""Read model: the workspaces with a spending limit, and their calls that go on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from control.db.pool import Connection
from control.platform.model import CURRENCY

# Calls of a workspace that are read at once; the largest tier has fewer.
MOST_CALLS: Final = 5_000

# A trial pays no usage.
_SELECT_LIMIT: Final = """
    SELECT s.usage_limit_monthly AS amount, coalesce(s.alert_threshold_percentage, 80) AS threshold,
           coalesce(s.auto_pause_on_limit, false) AS pauses, coalesce(a.is_prepaid, false) AS is_prepaid,
           w.tier_name, w.name AS workspace_name, coalesce(a.currency, $2) AS currency
    FROM workspaces w
    LEFT JOIN billing_settings s ON s.workspace_id = w.id
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    WHERE w.id = $1 AND w.status <> 'trial' AND (s.usage_limit_monthly IS NOT NULL OR a.is_prepaid)
"""

# Workspaces that have open calls, or callers who are transferred at $4, and a limit, or whose settings changed after
# $3, by id after $1.
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

# What workspace $1 is charged for and goes on at $2, the oldest first, each with the tier whose price it has. A
# call is answered when its media stream is assigned, where neither carrier nor media have reported it yet. A
# transferred call goes on until transfer_until, unless the carrier reported its end before; its seconds before the
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


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """amount: of a period's usage, major units; None: only credits limit it. threshold: percentage at which the
    workspace is warned. pauses: whether calls end at the amount. is_prepaid: calls end when the credits are used up.
    currency: of the amount and of the workspace's prices."""

    amount: Decimal | None
    threshold: int
    pauses: bool
    is_prepaid: bool
    tier_name: str
    workspace_name: str
    currency: str

    @property
    def ends_calls(self) -> bool:
        """Whether calls may end; otherwise the workspace is only warned."""
        return self.is_prepaid or self.pauses


@dataclass(frozen=True, slots=True)
class ChargedCall:
    """answered_at: None while it rings. charged_s: of a transferred call, the seconds before its transfer, which the
    ledger has; None of others. tier_name: whose price it has."""

    id: UUID
    created_at: datetime
    answered_at: datetime | None
    charged_s: int | None
    tier_name: str

    @property
    def is_transferred(self) -> bool:
        """Whether no media node has it any more."""
        return self.charged_s is not None

    @property
    def reservation_id(self) -> UUID:
        """Under which its time is reserved. A transfer has a reservation of its own: that of the conversation before is
        given up, because the ledger has its cost."""
        return uuid5(self.id, "transfer") if self.is_transferred else self.id

    def elapsed_s(self, now: datetime) -> float:
        """Seconds that will be charged by now, without those that are."""
        since = (now - self.answered_at).total_seconds() if self.answered_at else 0.0
        return max(0.0, since - (self.charged_s or 0))


async def select_limit(db: Connection, workspace_id: UUID) -> SpendLimit | None:
    """None without a limit, and for workspaces that pay no usage: those on trial."""
    row = await db.fetchrow(_SELECT_LIMIT, workspace_id, CURRENCY)
    return None if row is None else SpendLimit(**row)


async def select_limited(
    db: Connection, after: UUID | None, most: int, changed_after: datetime, now: datetime
) -> list[tuple[UUID, bool]]:
    """Workspaces with calls that go on and a limit, by id, behind the id `after`; also those without a limit whose
    settings were changed later than `changed_after`, which the second value tells. Needs platform scope."""
    rows = await db.fetch(_SELECT_LIMITED, after, most, changed_after, now)
    return [(row["id"], row["has_changed"]) for row in rows]


async def select_running(db: Connection, workspace_id: UUID, now: datetime) -> list[ChargedCall]:
    """The workspace's calls that go on, the oldest first; without tests, which cost nothing."""
    return [ChargedCall(**row) for row in await db.fetch(_SELECT_RUNNING, workspace_id, now, MOST_CALLS)]


async def select_open(db: Connection, call_ids: Collection[UUID]) -> set[UUID]:
    """Those of these calls that are not over."""
    return {row["id"] for row in await db.fetch(_SELECT_OPEN, list(call_ids))} if call_ids else set()


async def select_marked_days(db: Connection, workspace_id: UUID) -> set[date]:
    """The days (UTC) whose roll-ups are not up to date."""
    return {row["day"] for row in await db.fetch(_SELECT_MARKED, workspace_id)}
