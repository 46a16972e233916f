"""SQL of the credentials of integrations and of the leases to refresh them. All are sealed before they come here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.model import StoredGrant

_COLUMNS: Final = """
    i.id AS integration_id, i.workspace_id, i.integration_type, i.status, i.credentials AS sealed,
    i.credentials_expire_at AS expires_at, i.grant_version AS version,
    CASE WHEN i.refresh_lease_until > clock_timestamp() THEN i.refresh_lease_until END AS lease_until
"""
_SELECT: Final = f"SELECT {_COLUMNS} FROM integrations i WHERE i.workspace_id = $1 AND i.id = $2"
_SELECT_OF_WORKSPACE: Final = f"""
    SELECT {_COLUMNS}, i.account FROM integrations i JOIN integration_types t ON t.type = i.integration_type
    WHERE i.workspace_id = $1 AND t.auth_type = 'oauth2' AND i.credentials IS NOT NULL
"""
_LEASE: Final = """
    UPDATE integrations SET refresh_lease = $3, refresh_lease_until = clock_timestamp() + $4 * interval '1 second'
    WHERE workspace_id = $1 AND id = $2
"""
# Only over the credentials that it was made from: a slower flight must not replace what a later one stored.
_STORE: Final = """
    UPDATE integrations SET credentials = $4, credentials_expire_at = $5, grant_version = grant_version + 1,
           status = 'connected', error = NULL, refresh_lease = NULL, refresh_lease_until = NULL,
           scopes = $6, config = config || $7, account = CASE WHEN $9::timestamptz IS NULL THEN account ELSE $8 END,
           connected_at = coalesce($9, connected_at), updated_at = clock_timestamp()
    WHERE workspace_id = $1 AND id = $2 AND grant_version = $3
"""
_RELEASE: Final = """
    UPDATE integrations SET refresh_lease = NULL, refresh_lease_until = NULL
    WHERE workspace_id = $1 AND id = $2 AND refresh_lease = $3
"""
_FAIL: Final = """
    UPDATE integrations SET status = 'error', error = $4, refresh_lease = NULL, refresh_lease_until = NULL,
           updated_at = clock_timestamp()
    WHERE workspace_id = $1 AND id = $2 AND grant_version = $3
"""


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """Credentials to store, and what the vendor said of them. config: settings that it named. connected_at: of a
    person's grant; None: it is refreshed."""

    sealed: bytes = field(repr=False)
    expires_at: datetime | None
    scopes: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    account: str | None = None
    connected_at: datetime | None = None


async def select_grant(
    db: Connection, workspace_id: UUID, integration_id: UUID, *, lock: bool = False
) -> StoredGrant | None:
    """The grant of a connection. lock: until the transaction ends."""
    row = await db.fetchrow(_SELECT + (" FOR UPDATE" if lock else ""), workspace_id, integration_id)
    return None if row is None else StoredGrant(**row)


async def select_workspace_grants(db: Connection, workspace_id: UUID) -> list[tuple[StoredGrant, str | None]]:
    """The OAuth grants of a workspace, with the accounts at the vendors. Needs platform scope."""
    found = []
    for row in await db.fetch(_SELECT_OF_WORKSPACE, workspace_id):
        values = dict(row)
        account = values.pop("account")
        found.append((StoredGrant(**values), account))
    return found


async def take_lease(db: Connection, workspace_id: UUID, integration_id: UUID, lease_id: UUID, lease_s: float) -> None:
    """Makes this flight the one that refreshes the grant; after `select_grant` with a lock found no other one."""
    await db.execute(_LEASE, workspace_id, integration_id, lease_id, lease_s)


async def store_grant(
    db: Connection, workspace_id: UUID, integration_id: UUID, version: int, grant: SealedGrant
) -> bool:
    """Replaces the credentials of this version and ends the lease. False: there are newer ones, or the connection is
    gone."""
    status = await db.execute(
        _STORE,
        workspace_id,
        integration_id,
        version,
        grant.sealed,
        grant.expires_at,
        list(grant.scopes),
        dict(grant.config),
        grant.account,
        grant.connected_at,
    )
    return bool(status == "UPDATE 1")


async def release_lease(db: Connection, workspace_id: UUID, integration_id: UUID, lease_id: UUID) -> None:
    """Lets others refresh the grant."""
    await db.execute(_RELEASE, workspace_id, integration_id, lease_id)


async def fail_grant(db: Connection, workspace_id: UUID, integration_id: UUID, version: int, error: str) -> bool:
    """Marks the connection as failed; the credentials stay. False: there are newer ones."""
    return bool(await db.execute(_FAIL, workspace_id, integration_id, version, error) == "UPDATE 1")
