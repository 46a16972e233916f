"""Integrations as values: types, connections, their log of syncs, and the policy of grants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

AuthType = Literal["oauth2", "api_key", "webhook"]
ConnectionStatus = Literal["connecting", "connected", "error", "disconnected"]
SyncStatus = Literal["queued", "running", "succeeded", "failed"]

# Purposes that values are sealed with.
CREDENTIALS_PURPOSE: Final = "integration credentials"
CLIENT_SECRET_PURPOSE: Final = "integration client secret"
VERIFIER_PURPOSE: Final = "oauth verifier"
PENDING_PURPOSE: Final = "oauth grant to confirm"
# Purpose of the keys that states are signed with.
STATE_PURPOSE: Final = "oauth state"
# Errors of a connection, which its owner sees.
GRANT_REFUSED: Final = "grant_refused"
CREDENTIALS_UNREADABLE: Final = "credentials_unreadable"


@dataclass(frozen=True, slots=True)
class IntegrationType:
    """A type. config: as IntegrationTypeConfig. has_secret: a client secret is stored. version: counts its changes.
    is_shipped: the product ships with it, so it is disabled and never deleted."""

    type: str
    name: str
    description: str
    auth_type: AuthType
    config: Mapping[str, Any]
    is_enabled: bool
    version: int
    is_shipped: bool
    has_secret: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """How much a type is used."""

    integration_type: str
    workspaces_using: int
    total_syncs: int


@dataclass(frozen=True, slots=True)
class Integration:
    """A workspace's connection. error: a code; None unless `status` is error. account: whose account at the vendor it
    is, where the vendor tells it. scopes: what the vendor granted. has_credentials: some are stored, valid or not."""

    id: UUID
    workspace_id: UUID
    integration_type: str
    name: str
    status: ConnectionStatus
    config: Mapping[str, Any]
    error: str | None
    account: str | None
    scopes: list[str]
    has_credentials: bool
    connected_at: datetime | None
    last_sync_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SyncLog:
    """One sync. sync_type: the name of the declaration. progress, counts: of the records, by what became of them."""

    id: UUID
    integration_id: UUID
    sync_type: str
    status: SyncStatus
    records_synced: int
    progress: Mapping[str, Any]
    counts: Mapping[str, Any]
    error: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """The credentials of a connection as they are stored. sealed: None before the first were obtained.
    version: counts the credentials that were stored. lease_until: a flight refreshes them until then at most."""

    integration_id: UUID
    workspace_id: UUID
    integration_type: str
    status: ConnectionStatus
    sealed: bytes | None = field(repr=False)
    expires_at: datetime | None
    version: int
    lease_until: datetime | None


@dataclass(frozen=True, slots=True)
class GrantPolicy:
    """In seconds. state_s: how long a member may take at the vendor; confirm_s: until the confirmation after that.
    early_s: an access token that expires so soon is refreshed before it is used. request_s: the longest exchange with a
    vendor, as a whole. lease_s: the longest refresh flight, longer than `request_s`, so that a process that lives never
    loses its lease; wait_s: the longest wait for the flight of another process; poll_s: between two looks at
    it. connections: the most of a workspace."""

    state_s: float = 600.0
    confirm_s: float = 600.0
    early_s: float = 60.0
    request_s: float = 10.0
    lease_s: float = 20.0
    wait_s: float = 25.0
    poll_s: float = 0.1
    connections: int = 50

    def __post_init__(self) -> None:
        if self.wait_s < self.lease_s:
            raise ValueError("wait_s: at least lease_s, or a caller gives up before the lease of a dead process ends")
