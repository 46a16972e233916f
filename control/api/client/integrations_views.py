"""Response models of integrations (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.http.pagination import HasMore, ListAnswer
from control.integrations.model import AuthType, ConnectionStatus, Integration, IntegrationType, SyncLog, SyncStatus
from control.integrations.service import StartedConnection


@dataclass(frozen=True, slots=True)
class IntegrationLine:
    """An integration in a list."""

    id: UUID
    integration_type: str
    name: str
    status: ConnectionStatus
    last_sync_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntegrationList(ListAnswer):
    """A page of integrations, newest first."""

    integrations: list[IntegrationLine]


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """An integration. config: its settings. error: why it has failed, such as `grant_refused`: connect it again; null
    without one. account: whose account at the vendor it is, where the vendor tells it. scopes: what the vendor granted.
    connected_at: when access was granted last."""

    id: UUID
    integration_type: str
    name: str
    status: ConnectionStatus
    config: Mapping[str, Any]
    error: str | None
    account: str | None
    scopes: list[str]
    connected_at: datetime | None
    last_sync_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SyncLogView:
    """A sync. sync_type: what began it, or what it copied. progress, counts: of records, by what became of them.
    error: why it failed."""

    id: UUID
    sync_type: str
    status: SyncStatus
    records_synced: int
    progress: Mapping[str, Any]
    counts: Mapping[str, Any]
    error: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntegrationDetail:
    """An integration with its newest syncs."""

    integration: IntegrationView
    sync_logs: list[SyncLogView]


@dataclass(frozen=True, slots=True)
class IntegrationAnswer:
    """An integration."""

    integration: IntegrationView


@dataclass(frozen=True, slots=True)
class StartedIntegration:
    """A new integration. oauth_url: open it in a browser to grant access; null where nothing is to be granted.
    signing_secret: of a webhook: it signs our requests, and is shown this once."""

    integration: IntegrationView
    oauth_url: str | None
    signing_secret: str | None


@dataclass(frozen=True, slots=True)
class SyncLogList(ListAnswer):
    """A page of syncs, newest first."""

    logs: list[SyncLogView]


@dataclass(frozen=True, slots=True)
class SyncStarted:
    """A sync that waits or runs. sync_log_id: its entry in the log."""

    sync_log_id: UUID


@dataclass(frozen=True, slots=True)
class OfferedAction:
    """What agents can do by a type, for `action_tools` of their configs. read_only: it changes nothing. input_schema:
    JSON Schema of its arguments."""

    name: str
    description: str
    read_only: bool
    input_schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OfferedIntegrationType:
    """A type that workspaces may connect. config_schema: JSON Schema of its settings. actions: names of what agents can
    do by it. action_details: the same with their arguments."""

    type: str
    name: str
    description: str
    auth_type: AuthType
    config_schema: Mapping[str, Any]
    actions: list[str]
    action_details: list[OfferedAction]


@dataclass(frozen=True, slots=True)
class OfferedIntegrationTypes:
    """The types, by name."""

    integration_types: list[OfferedIntegrationType]
    has_more: HasMore


def to_line(integration: Integration) -> IntegrationLine:
    return IntegrationLine(**{name: getattr(integration, name) for name in IntegrationLine.__slots__})


def to_view(integration: Integration) -> IntegrationView:
    return IntegrationView(**{name: getattr(integration, name) for name in IntegrationView.__slots__})


def to_log(log: SyncLog) -> SyncLogView:
    return SyncLogView(**{name: getattr(log, name) for name in SyncLogView.__slots__})


def to_started(started: StartedConnection) -> StartedIntegration:
    return StartedIntegration(to_view(started.integration), started.oauth_url, started.signing_secret)


def to_offered(kind: IntegrationType) -> OfferedIntegrationType:
    return OfferedIntegrationType(
        type=kind.type,
        name=kind.name,
        description=kind.description,
        auth_type=kind.auth_type,
        config_schema=kind.config.get("config_schema", {"type": "object"}),
        actions=[action["name"] for action in kind.config.get("actions", [])],
        action_details=[_to_offered_action(action) for action in kind.config.get("actions", [])],
    )


def _to_offered_action(action: Mapping[str, Any]) -> OfferedAction:
    return OfferedAction(
        name=action["name"],
        description=action.get("description", ""),
        read_only=action.get("read_only", False),
        input_schema=action.get("input_schema", {"type": "object"}),
    )
