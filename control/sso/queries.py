"""SQL for single sign-on: connections, domains, sign-ins in progress, and the users linked to a provider's subjects."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.db.pool import Connection
from control.sso.rules import SsoConnection, SsoDomain

_CONNECTION: Final = "workspace_id, issuer, client_id, client_secret, default_role, is_enforced, created_at, updated_at"
_DOMAIN: Final = "id, workspace_id, domain, proof, created_at, verified_at"
MOST_DOMAINS: Final = 50


async def find_connection(db: Connection, workspace_id: UUID) -> SsoConnection | None:
    """Return a workspace's connection, or None."""
    row = await db.fetchrow(f"SELECT {_CONNECTION} FROM sso_connections WHERE workspace_id = $1", workspace_id)
    return None if row is None else SsoConnection(**row)


async def find_by_domain(db: Connection, domain: str) -> SsoConnection | None:
    """Return the connection of the workspace that has proven the domain, or None. Needs platform scope."""
    row = await db.fetchrow(
        f"""
        SELECT {_CONNECTION} FROM sso_connections WHERE workspace_id = (
            SELECT workspace_id FROM sso_domains WHERE domain = $1 AND verified_at IS NOT NULL)
        """,
        domain,
    )
    return None if row is None else SsoConnection(**row)


async def upsert_connection(db: Connection, connection: SsoConnection) -> None:
    """Store or replace the workspace's connection."""
    await db.execute(
        f"""
        INSERT INTO sso_connections ({_CONNECTION}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (workspace_id) DO UPDATE
        SET issuer = $2, client_id = $3, client_secret = $4, default_role = $5, is_enforced = $6, updated_at = $8
        """,
        *(connection.workspace_id, connection.issuer, connection.client_id, connection.client_secret),
        *(connection.default_role, connection.is_enforced, connection.created_at, connection.updated_at),
    )


async def delete_connection(db: Connection, workspace_id: UUID) -> bool:
    """Delete the workspace's connection. Return False if there was no connection."""
    done = await db.execute("DELETE FROM sso_connections WHERE workspace_id = $1", workspace_id)
    return str(done) == "DELETE 1"


async def delete_identities(db: Connection, workspace_id: UUID) -> list[UUID]:
    """Delete the links from the provider's subjects to users, because another provider has other subjects.

    Returns the users that were linked.
    """
    rows = await db.fetch("DELETE FROM sso_identities WHERE workspace_id = $1 RETURNING user_id", workspace_id)
    return [row["user_id"] for row in rows]


async def select_domains(db: Connection, workspace_id: UUID) -> list[SsoDomain]:
    """Return the workspace's domains in alphabetical order."""
    rows = await db.fetch(
        f"SELECT {_DOMAIN} FROM sso_domains WHERE workspace_id = $1 ORDER BY domain LIMIT {MOST_DOMAINS}", workspace_id
    )
    return [SsoDomain(**row) for row in rows]


async def find_domain(db: Connection, workspace_id: UUID, domain_id: UUID) -> SsoDomain | None:
    """Return a domain of the workspace, or None."""
    row = await db.fetchrow(
        f"SELECT {_DOMAIN} FROM sso_domains WHERE workspace_id = $1 AND id = $2", workspace_id, domain_id
    )
    return None if row is None else SsoDomain(**row)


async def insert_domain(db: Connection, domain: SsoDomain) -> bool:
    """Insert a domain. Return False if the workspace already has it."""
    done = await db.execute(
        "INSERT INTO sso_domains (id, workspace_id, domain, proof, created_at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (workspace_id, domain) DO NOTHING",
        domain.id, domain.workspace_id, domain.domain, domain.proof, domain.created_at,
    )  # fmt: skip
    return str(done) == "INSERT 0 1"


async def set_verified(db: Connection, workspace_id: UUID, domain_id: UUID, now: datetime) -> bool:
    """Mark a domain as proven. Return False if another workspace has proven it; the transaction must end then."""
    try:
        await db.execute(
            "UPDATE sso_domains SET verified_at = coalesce(verified_at, $3) WHERE workspace_id = $1 AND id = $2",
            workspace_id, domain_id, now,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        return False
    return True


async def delete_domain(db: Connection, workspace_id: UUID, domain_id: UUID) -> None:
    """Delete a domain of the workspace."""
    await db.execute("DELETE FROM sso_domains WHERE workspace_id = $1 AND id = $2", workspace_id, domain_id)


async def has_verified(db: Connection, workspace_id: UUID) -> bool:
    """Return whether the workspace has proven any domain."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM sso_domains WHERE workspace_id = $1 AND verified_at IS NOT NULL)", workspace_id
    )
    return found


async def lock_verified(db: Connection, workspace_id: UUID, domain: str) -> bool:
    """Return whether the workspace has proven this domain. If so, lock the domain until the transaction ends."""
    found: bool | None = await db.fetchval(
        "SELECT true FROM sso_domains WHERE workspace_id = $1 AND domain = $2 AND verified_at IS NOT NULL FOR SHARE",
        workspace_id, domain,
    )  # fmt: skip
    return bool(found)


async def delete_expired_flows(db: Connection) -> None:
    """Delete a few expired sign-ins of any workspace that were never completed. Needs platform scope."""
    await db.execute(
        """
        DELETE FROM sso_flows WHERE state_hash IN (
            SELECT state_hash FROM sso_flows WHERE expires_at < now() ORDER BY expires_at LIMIT 10
            FOR UPDATE SKIP LOCKED)
        """
    )


async def insert_flow(
    db: Connection, state: bytes, workspace_id: UUID, client: bytes, sealed: bytes, expires_at: datetime
) -> None:
    """Store a sign-in that begins."""
    await db.execute(
        "INSERT INTO sso_flows (state_hash, workspace_id, client_hash, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)",
        state, workspace_id, client, sealed, expires_at,
    )  # fmt: skip


async def use_flow(db: Connection, state: bytes, client: bytes, now: datetime) -> tuple[UUID, bytes] | None:
    """Delete a sign-in that this client began, and return its workspace and sealed secrets.

    If a sign-in is used twice, only one use succeeds.
    """
    row: Any = await db.fetchrow(
        "DELETE FROM sso_flows WHERE state_hash = $1 AND client_hash = $2 AND expires_at > $3 "
        "RETURNING workspace_id, sealed",
        state, client, now,
    )  # fmt: skip
    return None if row is None else (row["workspace_id"], row["sealed"])


async def find_identity(db: Connection, workspace_id: UUID, subject: str) -> UUID | None:
    """Return the user linked to the provider's subject, or None."""
    found: UUID | None = await db.fetchval(
        "SELECT user_id FROM sso_identities WHERE workspace_id = $1 AND subject = $2", workspace_id, subject
    )
    return found


async def has_identity(db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
    """Return whether any subject of the provider is linked to the user."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM sso_identities WHERE workspace_id = $1 AND user_id = $2)", workspace_id, user_id
    )
    return found


async def insert_identity(db: Connection, workspace_id: UUID, subject: str, user_id: UUID, now: datetime) -> None:
    """Link a subject to a user."""
    await db.execute(
        "INSERT INTO sso_identities (workspace_id, subject, user_id, created_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        workspace_id, subject, user_id, now,
    )  # fmt: skip


async def select_people(db: Connection, workspace_id: UUID, domain: str) -> list[UUID]:
    """Return the users whose e-mail address belongs to the domain."""
    rows = await db.fetch(
        "SELECT DISTINCT i.user_id FROM sso_identities i JOIN users u ON u.id = i.user_id "
        "WHERE i.workspace_id = $1 AND split_part(u.email, '@', 2) = $2",
        workspace_id, domain,
    )  # fmt: skip
    return [row["user_id"] for row in rows]
