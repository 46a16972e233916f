"""SQL of the endpoints of outbound webhooks."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks.model import DisabledReason, SealedSecrets, WebhookEndpoint

_SELECT: Final = """
    SELECT id, workspace_id, url, description, event_types, is_enabled, disabled_reason, sealed_secret,
           sealed_old_secret, old_secret_until, failing_since, created_at, updated_at
    FROM outbound_webhook_endpoints
"""
_INSERT: Final = """
    INSERT INTO outbound_webhook_endpoints (id, workspace_id, url, description, event_types, is_enabled, sealed_secret,
                                            created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
"""
_UPDATE: Final = """
    UPDATE outbound_webhook_endpoints
    SET url = $3, description = $4, event_types = $5, is_enabled = $6, disabled_reason = $7, failing_since = $8,
        updated_at = $9
    WHERE workspace_id = $1 AND id = $2
"""
_UPDATE_SECRETS: Final = """
    UPDATE outbound_webhook_endpoints
    SET sealed_secret = $3, sealed_old_secret = $4, old_secret_until = $5, updated_at = $6
    WHERE workspace_id = $1 AND id = $2
"""
# Writes only what changes: while an endpoint works, its row is not touched.
_MARK_WORKING: Final = """
    UPDATE outbound_webhook_endpoints SET failing_since = NULL
    WHERE workspace_id = $1 AND id = $2 AND failing_since IS NOT NULL
"""
# The time of failing begins anew where the failure before is older than $4: nothing was sent meanwhile. Attempts that
# overlap may be recorded in either order.
_MARK_FAILING: Final = """
    UPDATE outbound_webhook_endpoints
    SET failing_since = CASE WHEN failed_at >= $4 THEN least(failing_since, $3) ELSE $3 END,
        failed_at = greatest(failed_at, $3)
    WHERE workspace_id = $1 AND id = $2
"""
# Not for what another address answered: it was changed while the request ran.
_DISABLE_FAILING: Final = """
    UPDATE outbound_webhook_endpoints SET is_enabled = false, disabled_reason = $4, updated_at = $5
    WHERE workspace_id = $1 AND id = $2 AND url = $6 AND is_enabled
      AND ($3::timestamptz IS NULL OR failing_since <= $3)
"""


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count a workspace's endpoints in order to add one."""
    key = f"outbound_webhook_endpoints {workspace_id}"
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)


async def select_all(db: Connection, workspace_id: UUID, limit: int) -> list[WebhookEndpoint]:
    """The oldest first."""
    rows = await db.fetch(f"{_SELECT} WHERE workspace_id = $1 ORDER BY created_at, id LIMIT $2", workspace_id, limit)
    return [_endpoint(row) for row in rows]


async def select_one(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, *, lock: bool = False
) -> WebhookEndpoint | None:
    """lock: until the transaction ends; events can still be stored for it."""
    locking = "FOR NO KEY UPDATE" if lock else ""
    row = await db.fetchrow(f"{_SELECT} WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, endpoint_id)
    return None if row is None else _endpoint(row)


async def insert_endpoint(db: Connection, one: WebhookEndpoint) -> None:
    """Stores a new endpoint."""
    types = None if one.event_types is None else list(one.event_types)
    await db.execute(
        _INSERT,
        one.id,
        one.workspace_id,
        one.url,
        one.description,
        types,
        one.is_enabled,
        one.secrets.current,
        one.created_at,
    )


async def update_endpoint(db: Connection, one: WebhookEndpoint) -> None:
    """Everything but its secrets."""
    types = None if one.event_types is None else list(one.event_types)
    await db.execute(
        _UPDATE,
        one.workspace_id,
        one.id,
        one.url,
        one.description,
        types,
        one.is_enabled,
        one.disabled_reason,
        one.failing_since,
        one.updated_at,
    )


async def update_secrets(db: Connection, one: WebhookEndpoint) -> None:
    """Its secrets only."""
    new = one.secrets
    await db.execute(_UPDATE_SECRETS, one.workspace_id, one.id, new.current, new.old, new.old_until, one.updated_at)


async def delete_endpoint(db: Connection, workspace_id: UUID, endpoint_id: UUID) -> None:
    """Its deliveries go with their events: a request must not wait until a month of them is deleted."""
    await db.execute(
        "DELETE FROM outbound_webhook_endpoints WHERE workspace_id = $1 AND id = $2", workspace_id, endpoint_id
    )


async def mark_working(db: Connection, workspace_id: UUID, endpoint_id: UUID) -> None:
    """Its last attempt was delivered. Needs platform scope."""
    await db.execute(_MARK_WORKING, workspace_id, endpoint_id)


async def mark_failing(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, at: datetime, longest_gap: timedelta
) -> None:
    """Its last attempt failed. The time of the first failure stays, unless the failure before is longer ago than
    `longest_gap`. Needs platform scope."""
    await db.execute(_MARK_FAILING, workspace_id, endpoint_id, at, at - longest_gap)


async def disable(
    db: Connection,
    workspace_id: UUID,
    endpoint_id: UUID,
    url: str,
    failing_before: datetime | None,
    reason: DisabledReason,
    now: datetime,
) -> bool:
    """Disables it if it has failed since then, None: in any case, and has this address still. Returns whether it was
    enabled until now. Needs platform scope."""
    status = await db.execute(_DISABLE_FAILING, workspace_id, endpoint_id, failing_before, reason, now, url)
    return bool(status == "UPDATE 1")


def _endpoint(row: Any) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=row["id"],
        workspace_id=row["workspace_id"],
        url=row["url"],
        description=row["description"],
        event_types=row["event_types"],
        is_enabled=row["is_enabled"],
        disabled_reason=row["disabled_reason"],
        secrets=SealedSecrets(row["sealed_secret"], row["sealed_old_secret"], row["old_secret_until"]),
        failing_since=row["failing_since"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
