"""SQL for credentials, for the leases that guard their refresh, and for open OAuth flows.

Callers seal credentials before they pass them to these functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.grants.rules import StoredGrant

# -- Credentials and refresh leases --

_GRANT_COLUMNS: Final = """
    i.id AS integration_id, i.workspace_id, i.integration_type, i.status, i.credentials AS sealed,
    i.credentials_expire_at AS expires_at, i.grant_version AS version,
    CASE WHEN i.refresh_lease_until > clock_timestamp() THEN i.refresh_lease_until END AS lease_until
"""
_SELECT_GRANT: Final = f"SELECT {_GRANT_COLUMNS} FROM integrations i WHERE i.workspace_id = $1 AND i.id = $2"
_SELECT_GRANTS_OF_WORKSPACE: Final = f"""
    SELECT {_GRANT_COLUMNS}, i.account FROM integrations i JOIN integration_types t ON t.type = i.integration_type
    WHERE i.workspace_id = $1 AND t.auth_type = 'oauth2' AND i.credentials IS NOT NULL
"""
_TAKE_LEASE: Final = """
    UPDATE integrations SET refresh_lease = $3, refresh_lease_until = clock_timestamp() + $4 * interval '1 second'
    WHERE workspace_id = $1 AND id = $2
"""
# Replaces only the version of the credentials that the refresh started from, so that a slow refresh does not overwrite
# newer credentials.
_STORE_GRANT: Final = """
    UPDATE integrations SET credentials = $4, credentials_expire_at = $5, grant_version = grant_version + 1,
           status = 'connected', error = NULL, refresh_lease = NULL, refresh_lease_until = NULL,
           scopes = $6, config = config || $7, account = CASE WHEN $9::timestamptz IS NULL THEN account ELSE $8 END,
           connected_at = coalesce($9, connected_at), updated_at = clock_timestamp()
    WHERE workspace_id = $1 AND id = $2 AND grant_version = $3
"""
_RELEASE_LEASE: Final = """
    UPDATE integrations SET refresh_lease = NULL, refresh_lease_until = NULL
    WHERE workspace_id = $1 AND id = $2 AND refresh_lease = $3
"""
_FAIL_GRANT: Final = """
    UPDATE integrations SET status = 'error', error = $4, refresh_lease = NULL, refresh_lease_until = NULL,
           updated_at = clock_timestamp()
    WHERE workspace_id = $1 AND id = $2 AND grant_version = $3
"""


@dataclass(frozen=True, slots=True)
class SealedGrant:
    """Sealed credentials to store, with the data that the vendor sent with them.

    Attributes:
        config: Settings from the token response.
        connected_at: When a member granted access. None for a refresh.
    """

    sealed: bytes = field(repr=False)
    expires_at: datetime | None
    scopes: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    account: str | None = None
    connected_at: datetime | None = None


async def select_grant(
    db: Connection, workspace_id: UUID, integration_id: UUID, *, lock: bool = False
) -> StoredGrant | None:
    """Return the grant of a connection, or None.

    Args:
        lock: Whether to lock the row until the transaction ends.
    """
    row = await db.fetchrow(_SELECT_GRANT + (" FOR UPDATE" if lock else ""), workspace_id, integration_id)
    return None if row is None else StoredGrant(**row)


async def select_workspace_grants(db: Connection, workspace_id: UUID) -> list[tuple[StoredGrant, str | None]]:
    """Return the OAuth grants of a workspace with the names of the vendor accounts. Requires platform scope."""
    found = []
    for row in await db.fetch(_SELECT_GRANTS_OF_WORKSPACE, workspace_id):
        values = dict(row)
        account = values.pop("account")
        found.append((StoredGrant(**values), account))
    return found


async def take_lease(db: Connection, workspace_id: UUID, integration_id: UUID, lease_id: UUID, lease_s: float) -> None:
    """Store the lease of a refresh. Call `select_grant` with a lock first to check that no other lease is active."""
    await db.execute(_TAKE_LEASE, workspace_id, integration_id, lease_id, lease_s)


async def store_grant(
    db: Connection, workspace_id: UUID, integration_id: UUID, version: int, grant: SealedGrant
) -> bool:
    """Replace this version of the credentials and end the lease.

    Returns False if newer credentials exist or the connection was removed.
    """
    status = await db.execute(
        _STORE_GRANT,
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
    """Release the lease so that another process can refresh the grant."""
    await db.execute(_RELEASE_LEASE, workspace_id, integration_id, lease_id)


async def fail_grant(db: Connection, workspace_id: UUID, integration_id: UUID, version: int, error: str) -> bool:
    """Set the connection's status to error and keep its credentials. Return False if newer credentials exist."""
    return bool(await db.execute(_FAIL_GRANT, workspace_id, integration_id, version, error) == "UPDATE 1")


async def has_account(db: Connection, integration_type: str, account: str) -> bool:
    """Return whether any workspace is connected to this account at the vendor. Requires platform scope."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM integrations WHERE integration_type = $1 AND account = $2 "
        "AND credentials IS NOT NULL)",
        integration_type,
        account,
    )
    return found


# -- Open OAuth flows --

_TAKE_STATE: Final = """
    UPDATE oauth_states SET used_at = $2
    WHERE state_hash = $1 AND used_at IS NULL AND expires_at > $2
    RETURNING id, workspace_id, integration_id, user_id, verifier, credentials,
              (SELECT integration_type FROM integrations i WHERE i.id = integration_id) AS integration_type
"""
_TAKE_CONFIRMED: Final = """
    DELETE FROM oauth_states WHERE confirmation_hash = $1 AND user_id = $2 AND expires_at > $3
    RETURNING id, workspace_id, integration_id, user_id, verifier, credentials,
              (SELECT integration_type FROM integrations i WHERE i.id = integration_id) AS integration_type
"""


@dataclass(frozen=True, slots=True)
class OAuthState:
    """An open OAuth flow.

    Attributes:
        verifier: Sealed PKCE code verifier.
        credentials: Sealed grant. None until the vendor has granted access.
    """

    id: UUID
    workspace_id: UUID
    integration_id: UUID
    user_id: UUID
    integration_type: str
    verifier: bytes = field(repr=False)
    credentials: bytes | None = field(default=None, repr=False)


async def insert_state(db: Connection, state: OAuthState, state_hash: bytes, expires_at: datetime) -> None:
    """Insert a new OAuth flow."""
    await db.execute(
        "INSERT INTO oauth_states (id, workspace_id, integration_id, user_id, state_hash, verifier, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        state.id,
        state.workspace_id,
        state.integration_id,
        state.user_id,
        state_hash,
        state.verifier,
        expires_at,
    )


async def take_state(db: Connection, state_hash: bytes, now: datetime) -> OAuthState | None:
    """Consume the state of a redirect and return its flow.

    Returns None if the state is unknown, expired or already used. Requires platform scope, because the browser has no
    session.
    """
    row = await db.fetchrow(_TAKE_STATE, state_hash, now)
    return None if row is None else OAuthState(**row)


async def store_pending(
    db: Connection, state_id: UUID, confirmation_hash: bytes, sealed: bytes, now: datetime, confirm_s: float
) -> bool:
    """Store the vendor's grant until it is confirmed. Return False if the flow no longer exists."""
    status = await db.execute(
        "UPDATE oauth_states SET confirmation_hash = $2, credentials = $3, expires_at = $4 WHERE id = $1",
        state_id,
        confirmation_hash,
        sealed,
        now + timedelta(seconds=confirm_s),
    )
    return bool(status == "UPDATE 1")


async def take_confirmed(db: Connection, confirmation_hash: bytes, user_id: UUID, now: datetime) -> OAuthState | None:
    """Consume and return the flow that this user may confirm.

    Returns None if the flow does not exist, is expired, or was started by another user.
    """
    row = await db.fetchrow(_TAKE_CONFIRMED, confirmation_hash, user_id, now)
    return None if row is None else OAuthState(**row)


async def delete_expired_states(db: Connection, before: datetime, most: int) -> int:
    """Delete expired flows, oldest first. Return the number of deleted rows. Requires platform scope."""
    status: str = await db.execute(
        "DELETE FROM oauth_states WHERE id IN "
        "(SELECT id FROM oauth_states WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        before,
        most,
    )
    return int(status.rpartition(" ")[2])
