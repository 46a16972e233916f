"""Credits: what is taken from which grant of a workspace."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

# promotional, goodwill: given away. prepaid: paid for before.
CreditCategory = Literal["promotional", "goodwill", "prepaid"]
# usage: minutes and numbers. all: the fee, too.
CreditScope = Literal["usage", "all"]
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditGrant:
    """A grant. priority: 0 to 100, the lowest is used first. used: what invoices that are not void took from it."""

    id: UUID
    workspace_id: UUID
    amount: Decimal
    currency: str
    category: CreditCategory
    applies_to: CreditScope
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    reason: str
    granted_by: UUID | None = None
    voided_at: datetime | None = None
    created_at: datetime
    used: Decimal = _ZERO

    @property
    def balance(self) -> Decimal:
        """What is left; 0 of a voided one."""
        return _ZERO if self.voided_at else self.amount - self.used

    def is_usable(self, start: datetime, end: datetime) -> bool:
        """Whether something is left, and it was in force at some moment between start (inclusive) and end
        (exclusive)."""
        return self.balance > 0 and self.effective_at < end and (self.expires_at is None or self.expires_at > start)


@dataclass(frozen=True, slots=True)
class CreditUse:
    """What an invoice takes from a grant. amount: positive."""

    grant: CreditGrant
    amount: Decimal


def use_credits(
    grants: Iterable[CreditGrant], usage: Decimal, total: Decimal, start: datetime, end: datetime
) -> list[CreditUse]:
    """What a period's invoice takes from the grants, before tax. usage: the invoice's sum of usage; total: with fees.

    Grants are used by priority, then those that expire first, then the oldest. No grant is used beyond its balance, and
    none takes the sum that it applies to below zero. One that applies to all pays fees before usage, so that it leaves
    as much as it can to those that apply to usage only.
    """
    uses: list[CreditUse] = []
    for grant in sort_grants(grant for grant in grants if grant.is_usable(start, end)):
        limit = total if grant.applies_to == "all" else min(usage, total)
        amount = min(grant.balance, limit)
        if amount > 0:
            uses.append(CreditUse(grant, amount))
            total -= amount
            if grant.applies_to == "usage":
                usage -= amount
    return uses


def sort_grants(grants: Iterable[CreditGrant]) -> Sequence[CreditGrant]:
    """In the order in which they are used."""
    return sorted(grants, key=lambda grant: (grant.priority, grant.expires_at or _NEVER, grant.effective_at, grant.id))
