"""Writes usage to the ledger, in the transaction that stores the usage, and reads it by call."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from uuid import UUID

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.ledger import queries
from control.billing.ledger.rules import (
    NOTHING_BOOKED,
    FinishedCall,
    LedgerRow,
    ResourceCost,
    UsageEvent,
    make_minutes_row,
    make_telephony_row,
    make_usage_row,
)
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import PriceList
from control.db.pool import Connection


async def record_usage(db: Connection, events: Sequence[UsageEvent]) -> None:
    """Add a priced row for each usage event. Needs platform scope.

    The events must be new, and their calls must be locked. The caller marks the days for the roll-ups.
    """
    if not events:
        return
    providers = (event.usage.provider for event in events)
    prices = PriceList(await prices_queries.select_versions(db, "cost", providers))
    await queries.insert_rows(db, [make_usage_row(event, prices) for event in events])


async def record_minutes(db: Connection, calls: Sequence[FinishedCall]) -> dict[UUID, Decimal]:
    """Update the ledger's minutes and telephony of calls. Return the whole charge of each call. Needs platform scope.

    The calls must be locked. A repetition with equal facts adds nothing.
    """
    tiers = await queries.select_call_tiers(db, calls)
    prices = PriceList(
        await prices_queries.select_versions(db, "price", (tier.name for tier in tiers.values() if tier.name))
    )
    costs = PriceList(await prices_queries.select_versions(db, "cost", (call.carrier for call in calls)))
    booked = await queries.select_booked(db, calls)
    rows = []
    for call in calls:
        minutes = booked.get((call.call_id, "call_minutes"), NOTHING_BOOKED)
        telephony = booked.get((call.call_id, "telephony"), NOTHING_BOOKED)
        rows.append(make_minutes_row(call, tiers[call.call_id], prices, minutes))
        rows.append(make_telephony_row(call, costs, telephony))
    await _insert_marked(db, [row for row in rows if row is not None])
    return await queries.select_charged(db, (call.call_id for call in calls))


async def list_call_costs(db: Connection, workspace_id: UUID, call_id: UUID) -> list[ResourceCost]:
    """Return a call's consumption so far, by resource."""
    return await queries.select_costs(db, workspace_id, call_id)


async def _insert_marked(db: Connection, rows: Sequence[LedgerRow]) -> None:
    await queries.insert_rows(db, rows)
    if rows:
        await mark_days(db, [WorkspaceDay(row.workspace_id, row.at.astimezone(UTC).date()) for row in rows])
