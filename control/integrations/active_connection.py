"""A connection as requests to its vendor need it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from control.integrations.type_config import IntegrationTypeConfig


@dataclass(frozen=True, slots=True)
class ActiveConnection:
    """A connection that is connected, of a type that is enabled. settings: of the workspace."""

    id: UUID
    workspace_id: UUID
    type: str
    settings: Mapping[str, Any]
    type_config: IntegrationTypeConfig = field(repr=False)
