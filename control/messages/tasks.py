"""The worker's tasks for callers' messages: sends them."""

from datetime import UTC, datetime

import msgspec

from control.db.duties import WorkerTasks
from control.db.errors import COLLISIONS
from control.db.jobs import JobFailed
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from control.messages.service import SEND_MESSAGE, CallerMessages, SendMessageJob
from shared.errors import Unavailable


def messages_tasks(pool: Pool, messages: CallerMessages) -> WorkerTasks:
    """Job `messages.send`; it is retried while the database is unavailable."""

    async def send(payload: bytes) -> None:
        job = _decode(payload)

        async def work(db: Connection) -> None:
            await enter_platform(db)
            await messages.send(db, job.message_id, datetime.now(UTC))

        try:
            await in_transaction(pool, work)
        except (Unavailable, *COLLISIONS):
            raise JobFailed("database unavailable") from None

    return WorkerTasks(handlers={SEND_MESSAGE: send})


def _decode(payload: bytes) -> SendMessageJob:
    try:
        return msgspec.json.decode(payload, type=SendMessageJob)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, is_permanent=True) from None
