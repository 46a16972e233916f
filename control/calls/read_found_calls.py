"""Read model of calls that are found by the words of their transcripts, through the schema's function search_calls."""

from collections.abc import Sequence
from typing import Any, Final

from control.calls.read_calls import CALL_ORDER, NAME_JOINS, SUMMARY_COLUMNS, make_summary
from control.calls.record_model import CallFilter, CallSummary
from control.db.keyset import ListPage, PageRequest, cut_page, unknown_cursor
from control.db.pool import Connection

_FOUND: Final = "search_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
_SELECT: Final = f"""
    SELECT {SUMMARY_COLUMNS}
    FROM (SELECT * FROM {_FOUND} OFFSET $14) found JOIN calls c ON c.id = found.call_id {NAME_JOINS}
    ORDER BY
"""


async def select_calls(db: Connection, wanted: CallFilter, page: PageRequest) -> ListPage[CallSummary]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    cursor = await _find_cursor(db, wanted, page)
    most = page.offset + page.limit + 1
    direction = "" if page.is_backwards else "DESC"
    rows = await db.fetch(
        f"{_SELECT} c.created_at {direction}, c.id {direction}",
        *_values(wanted, cursor, page, most),
        page.offset,
    )
    return cut_page([make_summary(row) for row in rows], page)


async def _find_cursor(db: Connection, wanted: CallFilter, page: PageRequest) -> Sequence[Any]:
    """When the call next to the page was created, and its id."""
    if page.cursor is None:
        return None, None
    row = await db.fetchrow(CALL_ORDER.find, page.cursor, wanted.workspace_id)
    if row is None:
        raise unknown_cursor(page)
    return tuple(row.values())


def _values(wanted: CallFilter, cursor: Sequence[Any], page: PageRequest, most: int) -> tuple[Any, ...]:
    return (
        wanted.text,
        wanted.workspace_id,
        wanted.agent_id,
        wanted.status,
        wanted.direction,
        wanted.caller_number,
        wanted.carrier_call_id,
        wanted.since,
        wanted.until,
        *cursor,
        page.is_backwards,
        most,
    )
