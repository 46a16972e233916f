"""A workspace's connection to a vendor, as the API shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.integrations.grants.rules import ConnectionStatus


@dataclass(frozen=True, slots=True)
class Integration:
    """A workspace's connection to a vendor.

    Attributes:
        error: Error code. None unless `status` is error.
        account: Name of the account at the vendor. None if the vendor does not report it.
        scopes: The OAuth scopes that the vendor granted.
        has_credentials: Whether credentials are stored, valid or not.
    """

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
