"""Revokes grants at the vendor, by a job: the connection is gone by then."""

from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.db.jobs import JobFailed, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from control.integrations import store, store_grants
from control.integrations.credentials import open_credentials
from control.integrations.model import StoredGrant
from control.integrations.oauth import ClientRefused, OAuthClientAccount, OAuthRequests
from control.integrations.type_accounts import TypeAccounts
from control.integrations.vendor_http import VendorUnreachable
from shared.errors import Conflict, Unavailable

log = structlog.get_logger()

REVOKE_GRANT: Final = "integrations.revoke_grant"


class RevokeGrantJob(msgspec.Struct, frozen=True):
    """sealed: the credentials. account: whose grant it was, where the vendor told it."""

    integration_type: str
    workspace_id: UUID
    sealed: bytes
    account: str | None


async def enqueue_revocation(db: Connection, grant: StoredGrant, account: str | None) -> None:
    """In the transaction that removes the grant; nothing where there is none."""
    if grant.sealed is not None:
        job = RevokeGrantJob(grant.integration_type, grant.workspace_id, grant.sealed, account)
        await enqueue(db, REVOKE_GRANT, msgspec.json.encode(job))


async def enqueue_workspace_revocations(db: Connection, workspace_id: UUID) -> None:
    """As `enqueue_revocation` for all grants of a workspace that is purged. Needs platform scope."""
    for grant, account in await store_grants.select_workspace_grants(db, workspace_id):
        await enqueue_revocation(db, grant, account)


class GrantRevocation:
    """Handles the job. pool: of transactions of its own."""

    def __init__(self, pool: Pool, accounts: TypeAccounts, requests: OAuthRequests) -> None:
        self._pool, self._accounts, self._requests = pool, accounts, requests

    async def run(self, payload: bytes) -> None:
        """Raises JobFailed; permanently where the vendor refuses, or the credentials cannot be opened."""
        try:
            job = msgspec.json.decode(payload, type=RevokeGrantJob)
        except msgspec.DecodeError as error:
            raise JobFailed(type(error).__name__, is_permanent=True) from None
        credentials = open_credentials(self._accounts.sealer, job.sealed)
        if credentials is None:
            raise JobFailed("credentials cannot be unsealed", is_permanent=True)
        try:
            client = await in_transaction(self._pool, lambda db: self._client(db, job), lambda: None)
            if client is None:
                log.info("grant.revocation_skipped", integration_type=job.integration_type)
                return
            await self._requests.revoke(client, credentials, str(job.workspace_id))
        except Unavailable:
            raise JobFailed("database unavailable") from None
        except VendorUnreachable as error:
            raise JobFailed(str(error)) from None
        except (ClientRefused, Conflict) as error:
            raise JobFailed(str(error), is_permanent=True) from None

    async def _client(self, db: Connection, job: RevokeGrantJob) -> OAuthClientAccount | None:
        """None while another connection has a grant of the same account: at vendors such as Google the revocation of
        one token ends all grants of the account."""
        await enter_platform(db)
        if job.account is not None and await store.has_account(db, job.integration_type, job.account):
            return None
        return await self._accounts.get(db, job.integration_type)
