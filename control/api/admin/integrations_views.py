"""Response models of integration types (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from control.http.fields import CreatedAt, UpdatedAt
from control.integrations.types.rules import AuthType, IntegrationType, TypeUsage


@dataclass(frozen=True, slots=True)
class AdminIntegrationType:
    """A type in a list."""

    type: Annotated[str, Field(description="Its name for programs.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Its name for people.", examples=["Google Calendar"])]
    description: Annotated[
        str, Field(description="What it is, for people.", examples=["Looks up and books appointments."])
    ]
    auth_type: Annotated[
        AuthType, Field(description="How a workspace is authorised: `oauth2`, `api_key` or `webhook`.")
    ]
    is_enabled: Annotated[bool, Field(description="Whether workspaces may connect it.")]


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypes:
    """All types, by name."""

    integrations: Annotated[list[AdminIntegrationType], Field(description="The types.")]


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypeDetail:
    """A type with all its data."""

    type: Annotated[str, Field(description="Its name for programs.", examples=["google_calendar"])]
    name: Annotated[str, Field(description="Its name for people.", examples=["Google Calendar"])]
    description: Annotated[
        str, Field(description="What it is, for people.", examples=["Looks up and books appointments."])
    ]
    auth_type: Annotated[
        AuthType, Field(description="How a workspace is authorised: `oauth2`, `api_key` or `webhook`.")
    ]
    is_enabled: Annotated[bool, Field(description="Whether workspaces may connect it.")]
    config: Annotated[
        Mapping[str, Any], Field(description="How the vendor is reached, without the client secret.", examples=[{}])
    ]
    has_client_secret: Annotated[bool, Field(description="One is stored.")]
    redirect_uri: Annotated[
        str,
        Field(
            description="What has to be registered at the vendor.",
            examples=["https://api.example.com/integrations/oauth/callback/google_calendar"],
        ),
    ]
    version: Annotated[int, Field(description="Counts its changes.", examples=[1])]
    is_shipped: Annotated[bool, Field(description="Whether it came with the product.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypeAnswer:
    """A type."""

    integration: AdminIntegrationTypeDetail


@dataclass(frozen=True, slots=True)
class IntegrationUsage:
    """How much a type is used."""

    integration_type: Annotated[str, Field(description="Name of the type.", examples=["google_calendar"])]
    workspaces_using: Annotated[int, Field(description="Workspaces that have an integration of it.", examples=[12])]
    total_syncs: Annotated[int, Field(description="Of the integrations that there are.", examples=[340])]


@dataclass(frozen=True, slots=True)
class IntegrationUsageList:
    """By type, the most used first."""

    by_type: Annotated[list[IntegrationUsage], Field(description="By type, the most used first.")]


@dataclass(frozen=True, slots=True)
class ImportedActions:
    """Actions for the config of a type."""

    actions: Annotated[
        list[dict[str, Any]], Field(description="Actions for `config.actions` of a type.", examples=[[]])
    ]
    skipped: Annotated[
        dict[str, str], Field(description="Operations that cannot be an action, with the reason.", examples=[{}])
    ]


def to_line(kind: IntegrationType) -> AdminIntegrationType:
    return AdminIntegrationType(kind.type, kind.name, kind.description, kind.auth_type, kind.is_enabled)


def to_answer(kind: IntegrationType, redirect_uri: str) -> AdminIntegrationTypeAnswer:
    detail = AdminIntegrationTypeDetail(
        type=kind.type,
        name=kind.name,
        description=kind.description,
        auth_type=kind.auth_type,
        is_enabled=kind.is_enabled,
        config=kind.config,
        has_client_secret=kind.has_secret,
        redirect_uri=redirect_uri,
        version=kind.version,
        is_shipped=kind.is_shipped,
        created_at=kind.created_at,
        updated_at=kind.updated_at,
    )
    return AdminIntegrationTypeAnswer(detail)


def to_usage(usage: TypeUsage) -> IntegrationUsage:
    return IntegrationUsage(usage.integration_type, usage.workspaces_using, usage.total_syncs)
