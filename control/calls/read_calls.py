"""Read model of calls: lists, one in full, its events and utterances, with the names of workspaces and agents, and
the workspace's currency."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from control.calls.analysis.model import decode_record
from control.calls.caller_identity import known_number
from control.calls.details import decode_details
from control.calls.model import Direction
from control.calls.record_model import CallFilter, CallReport, CallSummary, EventLine
from control.calls.word_times import with_word_times
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.platform.model import CURRENCY

# A call's turns are made of these events.
TURN_EVENTS: Final = ("caller.said", "agent.said", "turn.latency", "tool.ran")
# cost_total: what is billed of the call's price, which is cost_list.
_BILLED: Final = "round(c.cost_total * billed_share(c.workspace_id, c.created_at), 6)"
# The version before stored a start as the carrier rounded it, which may lie before the creation.
SUMMARY_COLUMNS: Final = f"""
    c.id, c.workspace_id, w.name AS workspace_name, c.agent_id, a.name AS agent_name, c.caller_number, c.called_number,
    c.direction, c.status, c.end_reason, c.end_detail, c.is_test, c.carrier, c.carrier_call_id, c.duration_seconds,
    {_BILLED} AS cost_total, c.cost_total AS cost_list, coalesce(b.currency, '{CURRENCY}') AS currency, c.created_at,
    CASE WHEN c.started_at < c.created_at THEN c.created_at ELSE c.started_at END AS started_at,
    c.answered_at, c.ended_at, c.variables, c.metadata
"""
NAME_JOINS: Final = """JOIN workspaces w ON w.id = c.workspace_id LEFT JOIN agents a ON a.id = c.agent_id
    LEFT JOIN billing_accounts b ON b.workspace_id = c.workspace_id"""
_DIRECTIONS: Final[Mapping[Direction, str]] = {
    "inbound": "c.direction = 'inbound'",
    "outbound": "c.direction = 'outbound'",
}
CALL_ORDER: Final = Keyset(
    ("c.created_at", "c.id"),
    "SELECT created_at, id FROM calls WHERE id = $1 AND ($2::uuid IS NULL OR workspace_id = $2)",
)

# One call, of workspace $2 unless that is null.
_SELECT_CALL: Final = f"""
    SELECT {SUMMARY_COLUMNS}, c.agent_version, c.phone_number_id, c.media_node, c.recording_key,
           c.recording_seconds, c.transcription, c.summary, c.sentiment, c.sentiment_score, c.success,
           c.analysis_status, c.analysis, c.details
    FROM calls c {NAME_JOINS} WHERE c.id = $1 AND ($2::uuid IS NULL OR c.workspace_id = $2)
"""
_REPORT: Final = (
    "agent_version", "phone_number_id", "media_node", "recording_key", "recording_seconds",
    "transcription", "summary", "sentiment", "sentiment_score", "success", "analysis_status",
)  # fmt: skip

# Open calls of all workspaces, and of workspace $2, the longest first. Two statements, because one with a condition on
# a null parameter would not use the index on workspace and status.
_SELECT_ALL_OPEN: Final = f"""
    SELECT {SUMMARY_COLUMNS} FROM calls c {NAME_JOINS} WHERE c.status IN ('queued', 'ringing', 'in_progress')
    ORDER BY c.created_at, c.id LIMIT $1
"""
_SELECT_OPEN: Final = f"""
    SELECT {SUMMARY_COLUMNS} FROM calls c {NAME_JOINS}
    WHERE c.workspace_id = $2 AND c.status IN ('queued', 'ringing', 'in_progress')
    ORDER BY c.created_at, c.id LIMIT $1
"""

# Events of call $1 behind number $2, in order; $3: only these types.
_SELECT_EVENTS: Final = """
    SELECT seq, event_type, event_data, at AS timestamp FROM call_events
    WHERE call_id = $1 AND seq > $2 AND ($3::text[] IS NULL OR event_type = ANY($3)) ORDER BY seq LIMIT $4
"""


async def select_calls(db: Connection, wanted: CallFilter, page: PageRequest) -> ListPage[CallSummary]:
    """Newest first. The inner query finds the page's ids in the index, so that the rows before a deep page are not
    read. Raises Invalid (code cursor_unknown)."""
    where, values = _where(wanted)
    clause = await CALL_ORDER.make_clause(db, page, values, (wanted.workspace_id,))
    rows = await db.fetch(
        f"""
        SELECT {SUMMARY_COLUMNS} FROM (SELECT c.id FROM calls c WHERE {where} {clause.tail}) page
        JOIN calls c ON c.id = page.id {NAME_JOINS} ORDER BY {clause.order}
        """,
        *clause.values,
    )
    return cut_page([make_summary(row) for row in rows], page)


async def count_calls(db: Connection, wanted: CallFilter, most: int) -> int:
    """The number of matching calls, at most `most`."""
    where, values = _where(wanted)
    total: int = await db.fetchval(
        f"SELECT count(*) FROM (SELECT FROM calls c WHERE {where} LIMIT ${len(values) + 1}) counted", *values, most
    )
    return total


async def select_call(db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport | None:
    """One, without its turns."""
    row = await db.fetchrow(_SELECT_CALL, call_id, workspace_id)
    if row is None:
        return None
    return CallReport(
        summary_line=make_summary(row),
        details=decode_details(row["details"]),
        analysis=decode_record(row["analysis"]),
        **{name: row[name] for name in _REPORT},
    )


async def select_open(db: Connection, workspace_id: UUID | None, most: int) -> list[CallSummary]:
    """Calls that are not over, the longest first; workspace_id: None for all workspaces."""
    if workspace_id is None:
        rows = await db.fetch(_SELECT_ALL_OPEN, most)
    else:
        rows = await db.fetch(_SELECT_OPEN, most, workspace_id)
    return [make_summary(row) for row in rows]


def make_summary(row: Mapping[str, Any]) -> CallSummary:
    """row: has SUMMARY_COLUMNS. Rows of earlier releases have the carrier's word for a withheld number."""
    values = {one.name: row[one.name] for one in fields(CallSummary)}
    return CallSummary(**{**values, "caller_number": known_number(row["caller_number"] or "") or None})


async def select_events(
    db: Connection, call_id: UUID, kinds: Sequence[str] | None, after_seq: int, most: int
) -> list[EventLine]:
    """Events in the order of their numbers. kinds: only these types."""
    return [EventLine(**row) for row in await db.fetch(_SELECT_EVENTS, call_id, after_seq, kinds, most)]


async def select_utterances(db: Connection, call_id: UUID) -> list[dict[str, Any]]:
    """What was said, in order: speaker, text, start_ms, end_ms each, and word_ms where the vendor told."""
    row = await db.fetchrow("SELECT words, word_times FROM call_words WHERE call_id = $1", call_id)
    return [] if row is None else with_word_times(row["words"], row["word_times"])


def _where(wanted: CallFilter) -> tuple[str, list[Any]]:
    """The condition and its parameters. It names only what is asked for, so that PostgreSQL finds the index for it. The
    carriers are listed, because the index on the carrier's id begins with the carrier. The direction is no parameter,
    because the indexes of one direction are partial."""
    conditions = (
        ("c.workspace_id = ", wanted.workspace_id), ("c.agent_id = ", wanted.agent_id), ("c.status = ", wanted.status),
        ("c.caller_number = ", wanted.caller_number),
        ("c.carrier IN ('twilio', 'telnyx') AND c.carrier_call_id = ", wanted.carrier_call_id),
        ("c.created_at >= ", wanted.since), ("c.created_at < ", wanted.until),
    )  # fmt: skip
    asked = [(condition, value) for condition, value in conditions if value is not None]
    texts = [f"{condition}${place}" for place, (condition, _) in enumerate(asked, 1)]
    if wanted.direction is not None:
        texts.append(_DIRECTIONS[wanted.direction])
    if wanted.agent_id is not None and wanted.workspace_id is None:
        # The index on the agent begins with the workspace.
        texts.append(f"c.workspace_id = (SELECT workspace_id FROM agents WHERE id = ${len(asked) + 1})")
        asked.append(("", wanted.agent_id))
    return " AND ".join(texts) or "true", [value for _, value in asked]
