"""Response models of integration types (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control.integrations.model import AuthType, IntegrationType, TypeUsage


@dataclass(frozen=True, slots=True)
class AdminIntegrationType:
    """A type in a list."""

    type: str
    name: str
    description: str
    auth_type: AuthType
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypes:
    """All types, by name."""

    integrations: list[AdminIntegrationType]


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypeDetail:
    """A type with all its data. config: without the client secret. has_client_secret: one is stored. redirect_uri: what
    has to be registered at the vendor. version: counts its changes. is_shipped: the product ships with it."""

    type: str
    name: str
    description: str
    auth_type: AuthType
    is_enabled: bool
    config: Mapping[str, Any]
    has_client_secret: bool
    redirect_uri: str
    version: int
    is_shipped: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AdminIntegrationTypeAnswer:
    """A type."""

    integration: AdminIntegrationTypeDetail


@dataclass(frozen=True, slots=True)
class IntegrationUsage:
    """How much a type is used. workspaces_using: workspaces that have an integration of it. total_syncs: of the
    integrations that there are."""

    integration_type: str
    workspaces_using: int
    total_syncs: int


@dataclass(frozen=True, slots=True)
class IntegrationUsageList:
    """By type, the most used first."""

    by_type: list[IntegrationUsage]


@dataclass(frozen=True, slots=True)
class ImportedActions:
    """Actions for the config of a type. skipped: operations that cannot be one, with the reason."""

    actions: list[dict[str, Any]]
    skipped: dict[str, str]


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
