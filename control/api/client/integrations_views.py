"""Response models of integrations (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from control.http.fields import CreatedAt, Id, UpdatedAt
from control.http.pagination import HasMore, ListAnswer
from control.integrations.grants.rules import ConnectionStatus
from control.integrations.rules import Integration
from control.integrations.service import StartedConnection
from control.integrations.syncs.rules import SyncLog, SyncStatus
from control.integrations.types.rules import AuthType, IntegrationType


@dataclass(frozen=True, slots=True)
class IntegrationLine:
    """An integration in a list."""

    id: Id
    integration_type: Annotated[str, Field(description="Name of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Its name for people.", examples=["Front desk calendar"])]
    status: Annotated[
        ConnectionStatus,
        Field(description="`connecting`: access is not granted yet; `error`: it needs to be connected again."),
    ]
    last_sync_at: Annotated[
        datetime | None, Field(description="When the last sync ended (UTC); null before the first one.")
    ]


@dataclass(frozen=True, slots=True)
class IntegrationList(ListAnswer):
    """A page of integrations, newest first."""

    integrations: Annotated[list[IntegrationLine], Field(description="The integrations of this page.")]


@dataclass(frozen=True, slots=True)
class IntegrationView:
    """An integration."""

    id: Id
    integration_type: Annotated[str, Field(description="Name of the type.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Its name for people.", examples=["Front desk calendar"])]
    status: Annotated[
        ConnectionStatus,
        Field(description="`connecting`: access is not granted yet; `error`: it needs to be connected again."),
    ]
    config: Annotated[Mapping[str, Any], Field(description="Its settings.", examples=[{"calendar_id": "primary"}])]
    error: Annotated[
        str | None,
        Field(description="Why it has failed, such as `grant_refused`; null without one.", examples=["grant_refused"]),
    ]
    account: Annotated[
        str | None,
        Field(
            description="Whose account at the vendor it is, where the vendor tells it.", examples=["ada@example.com"]
        ),
    ]
    scopes: Annotated[list[str], Field(description="What the vendor granted.", examples=[["calendar.events"]])]
    connected_at: Annotated[datetime | None, Field(description="When access was granted last.")]
    last_sync_at: Annotated[
        datetime | None, Field(description="When the last sync ended (UTC); null before the first one.")
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class SyncLogView:
    """A sync."""

    id: Id
    sync_type: Annotated[str, Field(description="Name of the sync, as its type declares it.", examples=["contacts"])]
    status: Annotated[SyncStatus, Field(description="`queued`, `running`, `succeeded` or `failed`.")]
    records_synced: Annotated[int, Field(description="Records that were stored.", examples=[120])]
    progress: Annotated[Mapping[str, Any], Field(description="How far it got.", examples=[{}])]
    counts: Annotated[
        Mapping[str, Any],
        Field(
            description="Records by what became of them: created, updated, deleted, skipped.",
            examples=[{"created": 118, "updated": 2}],
        ),
    ]
    error: Annotated[str | None, Field(description="Why it failed; null if it did not.", examples=["vendor_away"])]
    started_at: Annotated[datetime, Field(description="When it was asked for (UTC).")]
    ended_at: Annotated[datetime | None, Field(description="When it ended (UTC); null while it waits or runs.")]


@dataclass(frozen=True, slots=True)
class IntegrationDetail:
    """An integration with its newest syncs."""

    integration: IntegrationView
    sync_logs: Annotated[list[SyncLogView], Field(description="The newest 20 syncs.")]


@dataclass(frozen=True, slots=True)
class IntegrationAnswer:
    """An integration."""

    integration: IntegrationView


@dataclass(frozen=True, slots=True)
class StartedIntegration:
    """A new integration."""

    integration: IntegrationView
    oauth_url: Annotated[
        str | None,
        Field(
            description="Open it in a browser to grant access; null where nothing is to be granted.",
            examples=["https://accounts.example.com/authorize?response_type=code&client_id=1"],
        ),
    ]
    signing_secret: Annotated[
        str | None,
        Field(description="Of a webhook: it signs our requests, and is shown this once.", examples=["whsec_a"]),
    ]


@dataclass(frozen=True, slots=True)
class SyncLogList(ListAnswer):
    """A page of syncs, newest first."""

    logs: Annotated[list[SyncLogView], Field(description="The syncs of this page.")]


@dataclass(frozen=True, slots=True)
class SyncStarted:
    """A sync that waits or runs."""

    sync_log_id: Annotated[UUID, Field(description="Its entry in the log.")]


@dataclass(frozen=True, slots=True)
class OfferedAction:
    """What agents can do by a type, for `action_tools` of their configs."""

    name: Annotated[str, Field(description="Name for `action_tools` of an agent's config.", examples=["post_message"])]
    description: Annotated[str, Field(description="What it does.", examples=["Posts a message to the team's channel."])]
    read_only: Annotated[bool, Field(description="It changes nothing.")]
    input_schema: Annotated[
        Mapping[str, Any], Field(description="JSON Schema of its arguments.", examples=[{"type": "object"}])
    ]


@dataclass(frozen=True, slots=True)
class OfferedIntegrationType:
    """A type that workspaces may connect."""

    type: Annotated[str, Field(description="Its name for programs.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Its name for people.", examples=["Google Calendar"])]
    description: Annotated[
        str, Field(description="What it is, for people.", examples=["Looks up and books appointments."])
    ]
    auth_type: Annotated[
        AuthType, Field(description="How a workspace is authorised: `oauth2`, `api_key` or `webhook`.")
    ]
    config_schema: Annotated[
        Mapping[str, Any], Field(description="JSON Schema of its settings.", examples=[{"type": "object"}])
    ]
    actions: Annotated[list[str], Field(description="What agents can do by it.", examples=[["book_appointment"]])]
    action_details: Annotated[list[OfferedAction], Field(description="The same, with what each one takes.")]


@dataclass(frozen=True, slots=True)
class OfferedIntegrationTypes:
    """The types, by name."""

    integration_types: Annotated[list[OfferedIntegrationType], Field(description="The types, by name.")]
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
