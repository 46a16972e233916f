"""SQL over several rooms' tables: documents whose vectors are to be made."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Those of a deleted workspace are not sent anywhere any more.
_DUE: Final = """
    SELECT id FROM (
        SELECT d.id, row_number() OVER (PARTITION BY d.workspace_id ORDER BY d.created_at, d.id) AS place
        FROM knowledge_documents d JOIN workspaces w ON w.id = d.workspace_id
        LEFT JOIN knowledge_vectors.documents v ON v.document_id = d.id
        WHERE d.status = 'ready' AND d.chunk_count > 0 AND w.deleted_at IS NULL
          AND (v.document_id IS NULL OR v.model <> $1 OR v.revision <> d.revision
               OR (NOT v.is_finished AND v.retry_at <= $2))
    ) due ORDER BY place, id LIMIT $3
"""


async def select_due(db: Connection, space: str, now: datetime, most: int) -> list[UUID]:
    """Documents that lack vectors of this space (EmbedderPolicy.space), one of each workspace before the second of any.
    In platform scope."""
    return [row["id"] for row in await db.fetch(_DUE, space, now, most)]
