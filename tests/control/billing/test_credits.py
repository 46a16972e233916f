"""Credits by priority, expiry and scope."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from control.billing.credits.rules import CreditGrant, CreditScope, use_credits

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)


def grant(
    number: int, amount: str | Decimal, *, priority: int = 50, scope: CreditScope = "all",
    since: datetime = START, expires: datetime | None = None, used: str = "0", voided: bool = False,
) -> CreditGrant:  # fmt: skip
    return CreditGrant(
        id=UUID(int=number), workspace_id=UUID(int=1), amount=Decimal(amount), currency="usd", category="goodwill",
        applies_to=scope, priority=priority, effective_at=since, expires_at=expires, reason="", created_at=since,
        used=Decimal(used), voided_at=START if voided else None,
    )  # fmt: skip


def uses(grants: list[CreditGrant], usage: str, total: str) -> list[tuple[int, int]]:
    """Which grants are used, and how much of each in whole units."""
    found = use_credits(grants, Decimal(usage), Decimal(total), START, END)
    return [(one.grant.id.int, int(one.amount)) for one in found]


def test_the_lowest_priority_then_the_first_to_expire_goes_first() -> None:
    grants = [
        grant(1, "5"), grant(2, "5", expires=END + timedelta(days=9)), grant(3, "5", priority=10),
        grant(4, "5", since=START - timedelta(days=1)),
    ]  # fmt: skip
    assert uses(grants, "18", "18") == [(3, 5), (2, 5), (4, 5), (1, 3)]


def test_usage_credits_do_not_pay_the_fee() -> None:
    assert uses([grant(1, "30", scope="usage"), grant(2, "10")], "12", "61") == [(1, 12), (2, 10)]


def test_a_credit_for_all_pays_the_fee_before_usage() -> None:
    assert uses([grant(1, "55", priority=1), grant(2, "20", scope="usage")], "12", "61") == [(1, 55), (2, 6)]


def test_what_is_used_expired_void_or_not_yet_in_force_is_left_out() -> None:
    grants = [
        grant(1, "5", used="5"), grant(2, "5", expires=START), grant(3, "5", voided=True), grant(4, "5", since=END),
        grant(5, "5", used="3", expires=START + timedelta(seconds=1), since=START - timedelta(days=9)),
    ]  # fmt: skip
    assert uses(grants, "9", "9") == [(5, 2)]


_grants = st.lists(
    st.tuples(st.decimals("0.01", 50, places=2), st.integers(0, 3), st.sampled_from(("usage", "all"))), max_size=6
)


@given(_grants, st.decimals(-5, 60, places=2), st.decimals(0, 60, places=2))
def test_no_grant_goes_below_zero_and_neither_does_the_invoice(
    drawn: list[tuple[Decimal, int, CreditScope]], usage: Decimal, fee: Decimal
) -> None:
    grants = [grant(n, amount, priority=first, scope=scope) for n, (amount, first, scope) in enumerate(drawn)]
    zero, found = Decimal(0), use_credits(grants, usage, usage + fee, START, END)
    assert all(0 < one.amount <= one.grant.balance for one in found)
    assert sum((one.amount for one in found), zero) <= max(usage + fee, zero)
    assert sum((one.amount for one in found if one.grant.applies_to == "usage"), zero) <= max(usage, zero)
