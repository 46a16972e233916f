"""Records of credits, and the computation of the amounts that an invoice takes from each grant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

# promotional and goodwill credits are granted for free; prepaid credits were paid for.
CreditCategory = Literal["promotional", "goodwill", "prepaid"]
# usage: the credit pays for minutes and numbers. all: the credit also pays for the fee.
CreditScope = Literal["usage", "all"]
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditGrant:
    """A credit granted to a workspace.

    Attributes:
        priority: 0 to 100. Grants with the lowest value are used first.
        used: Amount that invoices took, without void invoices.
    """

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
        """Return the remaining amount; 0 after the grant was voided."""
        return _ZERO if self.voided_at else self.amount - self.used

    def is_usable(self, start: datetime, end: datetime) -> bool:
        """Return whether the grant has a balance and was valid at any time from `start` (inclusive) to `end`
        (exclusive).
        """
        return self.balance > 0 and self.effective_at < end and (self.expires_at is None or self.expires_at > start)


@dataclass(frozen=True, slots=True)
class CreditUse:
    """An amount that an invoice takes from a grant.

    Attributes:
        amount: Positive.
    """

    grant: CreditGrant
    amount: Decimal


def use_credits(
    grants: Iterable[CreditGrant], usage: Decimal, total: Decimal, start: datetime, end: datetime
) -> list[CreditUse]:
    """Return the amounts that a period's invoice takes from the grants, before tax.

    Grants are used by priority, then by expiry, then by age. Each grant is used up to its balance, and at most until
    the sum that it applies to is zero. A grant that applies to all pays fees before usage, so that as much usage as
    possible is left for grants that apply only to usage.

    Args:
        usage: The invoice's sum of usage.
        total: The invoice's sum of usage and fees.
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
    """Return the grants in the order in which invoices use them."""
    return sorted(grants, key=lambda grant: (grant.priority, grant.expires_at or _NEVER, grant.effective_at, grant.id))
