"""A connection as requests to its vendor need it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from control.integrations.type_config import IntegrationTypeConfig


@dataclass(frozen=True, slots=True)
class ActiveConnection:
    """A connection that is connected, of a type that is enabled. settings: of the workspace. account: whose account at
    the vendor it is, where the vendor tells it."""

    id: UUID
    workspace_id: UUID
    type: str
    settings: Mapping[str, Any]
    type_config: IntegrationTypeConfig = field(repr=False)
    account: str | None = None

    @property
    def missing_settings(self) -> list[str]:
        """Settings that the type requires and that are still to be chosen."""
        return [name for name in self.type_config.config_schema.get("required", ()) if name not in self.settings]

    @property
    def calendar_key(self) -> str:
        """The calendar at the vendor: the same of all connections that lead to it, as far as the vendor tells."""
        calendar = self.type_config.calendar
        named = str(self.settings.get(calendar.setting) or "") if calendar else ""
        is_own = calendar is None or named in ("", calendar.own)
        name = (self.account or str(self.id)) if is_own else named
        return sha256(f"{self.type} {name.strip().casefold()}".encode()).hexdigest()
