"""The worker's task for callers' messages: sends them by e-mail."""

from datetime import UTC, datetime

from control.db.duties import WorkerTasks
from control.db.errors import COLLISIONS
from control.db.jobs import JobFailed, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from control.messages.service import SEND_MESSAGE, CallerMessages, SendMessageJob
from shared.errors import Unavailable


def messages_tasks(pool: Pool, messages: CallerMessages) -> WorkerTasks:
    """Return the job `messages.send`. It is retried while the database is unavailable."""

    async def send(payload: bytes) -> None:
        job = decode_payload(payload, SendMessageJob)

        async def work(db: Connection) -> None:
            await enter_platform(db)
            await messages.send(db, job.message_id, datetime.now(UTC))

        try:
            await in_transaction(pool, work)
        except (Unavailable, *COLLISIONS):
            raise JobFailed("database unavailable") from None

    return WorkerTasks(handlers={SEND_MESSAGE: send})
