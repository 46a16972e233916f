"""Deletion of a caller's number from stored webhooks."""

from collections.abc import Sequence
from typing import Final

from control.db.pool import Pool
from control.db.scope import enter_platform
from control.webhooks.inbox.store import EventKey, clear_payloads

# Events that one transaction reads.
_BATCH: Final = 5_000


async def clear_caller_payloads(pool: Pool, number: str, calls: Sequence[str]) -> tuple[int, int]:
    """Empties handled webhooks that name the number (E.164) and one of these calls by the carrier's id; returns how
    many, and how many more are not handled yet. Reads all webhooks, which are those of 30 days, in short
    transactions."""
    position: EventKey | None = EventKey("", "")
    cleared = still_open = 0
    while position is not None:
        async with pool.transaction() as db:
            await enter_platform(db)
            page = await clear_payloads(db, number, calls, position, _BATCH)
        position, cleared, still_open = page.last, cleared + page.cleared, still_open + page.open
    return cleared, still_open
