"""Read model: the calls of an export, page by page next to the last one, so that no page reads those before it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection

# $1: workspace; $2, $3: from, before; $4, $5: time and id of the last call that was read; $6: most rows.
_PAGE: Final = """
    SELECT c.id AS call_id, c.created_at, c.answered_at, c.ended_at, c.direction, c.is_test, c.status, c.end_reason,
           c.agent_id, a.name AS agent_name, c.caller_number, c.called_number, c.duration_seconds,
           round(c.cost_total * billed_share(c.workspace_id, c.created_at), 6) AS cost,
           c.cost_total AS cost_list, c.sentiment, c.sentiment_score, c.success, c.summary
    FROM calls c LEFT JOIN agents a ON a.id = c.agent_id AND a.workspace_id = c.workspace_id
    WHERE c.workspace_id = $1 AND c.created_at >= $2 AND c.created_at < $3 AND (c.created_at, c.id) > ($4, $5)
    ORDER BY c.created_at, c.id LIMIT $6
"""


async def select_page(
    db: Connection, workspace_id: UUID, since: datetime, until: datetime, after: tuple[datetime, UUID], limit: int
) -> Sequence[Any]:
    """The oldest `limit` calls after that one, test calls included."""
    rows: Sequence[Any] = await db.fetch(_PAGE, workspace_id, since, until, *after, limit)
    return rows
