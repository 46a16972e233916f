"""Plans: what a tier costs at a time, and which stretches of a period a workspace had which plan; no SQL."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Literal

# active: fee, minutes and numbers are charged. trial: nothing is. suspended, also deleted: no fee, and no included
# minutes; its numbers are still rented for it.
Charging = Literal["active", "trial", "suspended"]


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """Fee and included minutes of a tier from `valid_from` until its next version. monthly_fee: major units."""

    id: int
    tier_name: str
    monthly_fee: Decimal
    included_minutes: int
    currency: str
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class TierPrice:
    """What a tier costs in one currency, in major units. price_per_minute: beyond the included minutes."""

    tier_name: str
    currency: str
    monthly_fee: Decimal
    price_per_minute: Decimal


@dataclass(frozen=True, slots=True)
class WorkspaceState:
    """Status and tier of a workspace from `at` on. status: trial, active, suspended or deleted."""

    at: datetime
    status: str
    tier_name: str


@dataclass(frozen=True, slots=True)
class PlanSegment:
    """A stretch of a period in which plan and charging stay the same. plan: None where the tier has none."""

    since: datetime
    until: datetime
    tier_name: str
    plan: PlanVersion | None
    charging: Charging


class PlanHistory:
    """All versions of plans in one currency."""

    def __init__(self, versions: Iterable[PlanVersion]) -> None:
        self._by_tier: dict[str, list[PlanVersion]] = defaultdict(list)
        for version in sorted(versions, key=lambda one: one.valid_from):
            self._by_tier[version.tier_name].append(version)

    def find(self, tier_name: str, at: datetime) -> PlanVersion | None:
        """The version that held then; before the first one, the first."""
        versions = self._by_tier.get(tier_name, [])
        place = bisect_right(versions, at, key=lambda one: one.valid_from)
        return versions[max(place - 1, 0)] if versions else None

    def changes(self, tier_name: str, since: datetime, until: datetime) -> list[datetime]:
        """When the tier's versions begin, between two moments."""
        return [one.valid_from for one in self._by_tier.get(tier_name, []) if since < one.valid_from < until]


def split_period(
    start: datetime, end: datetime, states: Sequence[WorkspaceState], plans: PlanHistory
) -> list[PlanSegment]:
    """The segments from start to end, which touch one another. states: those within, and the last one before `start`;
    in the order of time. Empty without any state."""
    if not states:
        return []
    segments: list[PlanSegment] = []
    for number, state in enumerate(states):
        since = start if number == 0 else max(start, state.at)
        until = min(end, states[number + 1].at) if number + 1 < len(states) else end
        cuts = [since, *plans.changes(state.tier_name, since, until), until]
        for left, right in pairwise(cuts):
            if left < right:
                plan = plans.find(state.tier_name, left)
                segments.append(PlanSegment(left, right, state.tier_name, plan, _charging(state.status)))
    return _merge(segments)


def _charging(status: str) -> Charging:
    match status:
        case "trial":
            return "trial"
        case "active":
            return "active"
    return "suspended"


def _merge(segments: Sequence[PlanSegment]) -> list[PlanSegment]:
    """Neighbours with the same plan and charging become one."""
    merged: list[PlanSegment] = []
    for one in segments:
        last = merged[-1] if merged else None
        if last and (last.plan, last.charging, last.tier_name) == (one.plan, one.charging, one.tier_name):
            merged[-1] = PlanSegment(last.since, one.until, one.tier_name, one.plan, one.charging)
        else:
            merged.append(one)
    return merged
