"""New tiers and changed ones, and what a change may not take away."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from control.platform.model import Tier
from shared.errors import Conflict

# What is counted per workspace and bounded by its tier.
LIMITS: Final = ("max_agents", "max_members", "max_phone_numbers")


@dataclass(frozen=True, slots=True)
class NewTier:
    """A tier as it is asked for."""

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
        """As it will stand."""
        return Tier(**{name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class TierChange:
    """The fields that are to change, by name."""

    fields: Mapping[str, Any]

    def applied(self, tier: Tier) -> Tier:
        """The tier after the change."""
        return replace(tier, **self.fields)


@dataclass(frozen=True, slots=True)
class TierUse:
    """For each limit: the most that any workspace of the tier uses, and how many use more than the limit allows."""

    most: Mapping[str, int]
    over: Mapping[str, int]


def require_room(before: Tier, after: Tier, use: TierUse) -> None:
    """A lowered limit still has room for what is there. Raises Conflict."""
    for name in LIMITS:
        new = getattr(after, name)
        if new < getattr(before, name) and use.over[name]:
            raise Conflict(
                f"{name} cannot be {new}: {use.over[name]} of this tier's workspaces use more, up to {use.most[name]}.",
                param=name,
                code="tier_in_use",
            )
