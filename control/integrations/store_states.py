"""SQL of OAuth flows that are under way."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_TAKE: Final = """
    UPDATE oauth_states SET used_at = $2
    WHERE state_hash = $1 AND used_at IS NULL AND expires_at > $2
    RETURNING id, workspace_id, integration_id, user_id, verifier, credentials,
              (SELECT integration_type FROM integrations i WHERE i.id = integration_id) AS integration_type
"""
_CONFIRM: Final = """
    DELETE FROM oauth_states WHERE confirmation_hash = $1 AND user_id = $2 AND expires_at > $3
    RETURNING id, workspace_id, integration_id, user_id, verifier, credentials,
              (SELECT integration_type FROM integrations i WHERE i.id = integration_id) AS integration_type
"""


@dataclass(frozen=True, slots=True)
class OAuthState:
    """A flow. verifier, credentials: sealed; credentials: None until the vendor granted some."""

    id: UUID
    workspace_id: UUID
    integration_id: UUID
    user_id: UUID
    integration_type: str
    verifier: bytes = field(repr=False)
    credentials: bytes | None = field(default=None, repr=False)


async def insert_state(db: Connection, state: OAuthState, state_hash: bytes, expires_at: datetime) -> None:
    """Begins a flow."""
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
    """The flow of a redirect, once. None: it is unknown, expired or used. Needs platform scope, because the browser
    has no sign-in."""
    row = await db.fetchrow(_TAKE, state_hash, now)
    return None if row is None else OAuthState(**row)


async def store_pending(
    db: Connection, state_id: UUID, confirmation_hash: bytes, sealed: bytes, now: datetime, confirm_s: float
) -> bool:
    """Stores what the vendor granted until it is confirmed. False: the flow is gone."""
    status = await db.execute(
        "UPDATE oauth_states SET confirmation_hash = $2, credentials = $3, expires_at = $4 WHERE id = $1",
        state_id,
        confirmation_hash,
        sealed,
        now + timedelta(seconds=confirm_s),
    )
    return bool(status == "UPDATE 1")


async def take_confirmed(db: Connection, confirmation_hash: bytes, user_id: UUID, now: datetime) -> OAuthState | None:
    """The flow that this user may confirm, once. None: there is none, it is expired, or somebody else began it."""
    row = await db.fetchrow(_CONFIRM, confirmation_hash, user_id, now)
    return None if row is None else OAuthState(**row)


async def delete_expired(db: Connection, before: datetime, most: int) -> int:
    """Deletes flows that expired, the oldest first; returns how many. Needs platform scope."""
    status: str = await db.execute(
        "DELETE FROM oauth_states WHERE id IN "
        "(SELECT id FROM oauth_states WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        before,
        most,
    )
    return int(status.rpartition(" ")[2])
