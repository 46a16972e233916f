"""Background jobs in PostgreSQL (pgqueuer): asked for in the transaction that needs them, to stand or fall with it."""

from datetime import timedelta
from typing import Final

from pgqueuer.adapters.persistence.qb import QueryQueueBuilder

from control.db.pool import Connection

# The statement of pgqueuer without its client, which hands JSON over as text: our codec would quote that again.
_ENQUEUE: Final = QueryQueueBuilder().build_enqueue_query("raise")
_USUAL_PRIORITY: Final = 0


async def enqueue(db: Connection, job: str, payload: bytes, *, delay_s: float = 0) -> None:
    """Asks for a job as part of the caller's transaction: a worker sees it when that commits, never when it rolls back.

    job: the name of its handler in `control/worker.py`. payload: sealed if it holds anything personal. delay_s: not
    before so many seconds from now.
    """
    await db.execute(_ENQUEUE, [_USUAL_PRIORITY], [job], [payload], [timedelta(seconds=delay_s)], [None], [None])
