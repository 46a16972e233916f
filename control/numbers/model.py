"""Phone numbers of workspaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

Status = Literal["buying", "active", "releasing", "released", "failed"]


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A stored number. phone_number: E.164. carrier_number_id: None until it is bought. status_detail: why a purchase
    failed, or what it waits for. monthly_price: in US dollars, 0 where the carrier does not tell."""

    id: UUID
    workspace_id: UUID
    phone_number: str
    friendly_name: str
    carrier: str
    carrier_number_id: str | None
    status: Status
    status_detail: str | None
    agent_id: UUID | None
    agent_name: str | None
    country: str | None
    capabilities: Mapping[str, Any]
    monthly_price: Decimal
    created_at: datetime
    updated_at: datetime
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class NumberOrder:
    """A number that is to be bought at a carrier. phone_number: E.164."""

    phone_number: str
    friendly_name: str
    carrier: str
