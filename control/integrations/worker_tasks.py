"""The worker's tasks of integrations: revokes grants, and deletes OAuth flows that nobody completed."""

from datetime import datetime
from typing import Final

from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection, Pool
from control.integrations import store_states
from control.integrations.revocation import REVOKE_GRANT, GrantRevocation
from control.integrations.service import Integrations

_BATCH: Final = 1_000


def integrations_tasks(pool: Pool, integrations: Integrations) -> WorkerTasks:
    """Job `integrations.revoke_grant`, duty `oauth_states`."""

    async def delete_expired(db: Connection, now: datetime) -> int:
        return await store_states.delete_expired(db, now, _BATCH)

    revocation = GrantRevocation(pool, integrations.accounts, integrations.requests)
    return WorkerTasks(
        handlers={REVOKE_GRANT: revocation.run}, duties=[Duty("oauth_states", 300, delete_expired, _BATCH)]
    )
