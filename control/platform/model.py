"""Values of the platform's tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

# Of the platform: of all costs, tiers' own prices, and what sums over workspaces are converted into. ISO 4217, lower
# case, as the API writes it.
CURRENCY: Final = "usd"


@dataclass(frozen=True, slots=True)
class Tier:
    """Price and limits of a workspace. monthly_fee, price_per_minute: in major units."""

    tier_name: str
    display_name: str
    monthly_fee: Decimal
    included_minutes: int
    price_per_minute: Decimal
    max_agents: int
    max_members: int
    max_phone_numbers: int
    max_concurrent_calls: int
    features: Mapping[str, Any]
    is_available: bool
    position: int
    stripe_price_id: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting. updated_at: None while it was never stored."""

    key: str
    value: Any
    description: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log. actor: admin, user, api_key or system. actor_email: of a key's holder for a key."""

    id: UUID
    at: datetime
    actor: str
    actor_id: UUID | None
    actor_email: str | None
    action: str
    resource_type: str
    resource_id: str
    workspace_id: UUID | None
    details: Mapping[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Selects entries of the audit log. since: inclusive; until: exclusive."""

    admin_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to the first request under an Idempotency-Key."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The first request under an Idempotency-Key. request_hash: of what must be the same in repeats. request_id:
    ours; empty for a row of the version before. response: None while the key is open."""

    request_hash: bytes
    request_id: str
    response: StoredResponse | None
