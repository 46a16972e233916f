"""What an embedder used: a job adds it to the ledger (`control/billing/ledger/tasks.py`), which is above this room
and needs the platform's scope, while questions of calls have that of their workspace."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct, field

from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.ids import new_id

RECORD_EMBEDDING: Final = "billing.record_embedding"


class EmbeddingUse(Struct, frozen=True):
    """Tokens of one request. call_id, agent_id: of a question in a call. id: of its row in the ledger, because
    the job may run twice. Payload of the job."""

    workspace_id: UUID
    model: str
    tokens: int
    is_estimated: bool
    at: datetime
    call_id: UUID | None = None
    agent_id: UUID | None = None
    id: UUID = field(default_factory=lambda: UUID(new_id()))


async def enqueue_use(db: Connection, use: EmbeddingUse) -> None:
    """Has the worker record what a request used."""
    if use.tokens:
        await enqueue(db, RECORD_EMBEDDING, msgspec.json.encode(use))
