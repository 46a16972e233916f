"""Creation and changes of tiers, and the check of lowered limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from control.platform.model import Tier
from shared.errors import Conflict

# Limits whose use is counted per workspace.
TIER_LIMITS: Final = ("max_agents", "max_members", "max_phone_numbers")


@dataclass(frozen=True, slots=True)
class NewTier:
    """A tier to create."""

    tier_name: str
    display_name: str
    monthly_fee: Decimal
    included_minutes: int
    price_per_minute: Decimal
    max_agents: int
    max_members: int = 5
    max_phone_numbers: int = 5
    max_concurrent_calls: int = 5
    features: Mapping[str, Any] = field(default_factory=dict)
    is_available: bool = True
    position: int = 0
    stripe_price_id: str | None = None

    def tier(self) -> Tier:
        """Returns the tier."""
        return Tier(**{name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class TierChange:
    """The fields to change, by name."""

    fields: Mapping[str, Any]

    def applied(self, tier: Tier) -> Tier:
        """Returns the tier after the change."""
        return replace(tier, **self.fields)


@dataclass(frozen=True, slots=True)
class TierUse:
    """Use of a tier's limits. most: highest use by a workspace, by limit. over: workspaces that use more, by limit."""

    most: Mapping[str, int]
    over: Mapping[str, int]


def require_limits_fit(before: Tier, after: Tier, use: TierUse) -> None:
    """Raises Conflict when a lowered limit is below what a workspace uses."""
    for name in TIER_LIMITS:
        new = getattr(after, name)
        if new < getattr(before, name) and use.over[name]:
            raise Conflict(
                f"{name} cannot be {new}: {use.over[name]} of this tier's workspaces use more, up to {use.most[name]}.",
                param=name,
                code="tier_in_use",
            )
