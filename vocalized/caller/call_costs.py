"""What the providers of a call cost the platform, as its staff see it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from vocalized.caller.call_reader import CallReader


@dataclass(frozen=True, slots=True)
class ProviderCost:
    """In US dollars. role: stt, llm or tts."""

    provider: str
    role: str
    cost: Decimal


async def read_costs(staff: CallReader, call_id: str) -> tuple[ProviderCost, ...]:
    """Return the costs that are known and more than nothing, by role. Raises ApiError."""
    return sum_costs((await staff.get(f"{staff.calls}/{quote(call_id, safe='')}"))["call"])


def sum_costs(call: Mapping[str, Any]) -> tuple[ProviderCost, ...]:
    """By provider and role, from the staff's answer for a call."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in call.get("costs", ()):
        if one["cost"] and one["resource_type"] in ("stt", "llm", "tts"):
            sums[one["resource_type"], one["provider"]] += Decimal(str(one["cost"]))
    return tuple(ProviderCost(provider, role, cost) for (role, provider), cost in sorted(sums.items()))
