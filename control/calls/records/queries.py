"""SQL for calls' rows: new calls, states, lists for people, and the index of words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.agents.variables import PlannedCall
from control.calls.records.callers import Attestation, identify_caller, known_number
from control.calls.records.details import decode_details, decode_record, encode_details
from control.calls.records.refusals import REFUSALS, RefusalReason
from control.calls.records.reports import CallFilter, CallReport, CallSummary, EventLine
from control.calls.records.running_calls import StreamFollowed
from control.calls.records.state import CallState, Direction
from control.calls.records.word_times import with_word_times
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page, unknown_cursor
from control.db.pool import Connection
from control.platform.rules import CURRENCY

STATE_COLUMNS: Final = """
    id, workspace_id, agent_id, created_at, is_test, direction, carrier, carrier_call_id, caller_number, status,
    end_reason, end_detail, media_node, started_at, answered_at, ended_at, duration_seconds, recording_key,
    recording_seconds, transcription, details
"""
_CALL: Final = f"{STATE_COLUMNS}, agent_version, called_number, variables"


# --- New calls -------------------------------------------------------------------------------------------------------

# Serializes transactions that count a workspace's calls in order to add one.
_LOCK_WORKSPACE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('calls ' || $1::text, 0))"
# An inbound call. If the carrier's id is stored already, that call's row is returned. The call is refused as blocked,
# with reason $13, if the workspace blocks one of the names $15 of its caller. It is refused as over_limit if $14 or
# more calls of the workspace are open. A call that is refused for one of the reasons $17 counts as busy. A transferred
# call counts as open until the carrier reports its end, or the transfer's time limit has passed; it began within the
# longest call and the longest transfer (6 h).
_INSERT_RINGING: Final = f"""
    WITH existing AS (SELECT {_CALL} FROM calls WHERE carrier = $8 AND carrier_call_id = $9),
    open AS (
        SELECT (SELECT count(*) FROM calls
                WHERE workspace_id = $2 AND status IN ('queued', 'ringing', 'in_progress'))
             + (SELECT count(*) FROM calls
                WHERE workspace_id = $2 AND end_reason = 'transferred'
                  AND created_at > $12::timestamptz - interval '6 hours'
                  AND calls.transfer_until::timestamptz > $12::timestamptz) AS calls
    ),
    decision AS (
        SELECT CASE WHEN EXISTS (SELECT FROM blocked_callers
                                 WHERE workspace_id = $2 AND caller = ANY($15)) THEN 'blocked'
                    WHEN $13::text IS NOT NULL THEN $13
                    WHEN $14::integer <= open.calls THEN 'over_limit' END AS refused
        FROM open
    ),
    created AS (
        INSERT INTO calls (id, workspace_id, agent_id, agent_version, phone_number_id, direction, is_test, carrier,
                           carrier_call_id, caller_number, called_number, status, end_detail, created_at, started_at,
                           ended_at, details)
        SELECT $1::uuid, $2::uuid, $3::uuid, $4::integer, $5::uuid, $6, $7::boolean, $8, $9, nullif($10::text, ''), $11,
               CASE WHEN refused = ANY($17) THEN 'busy' WHEN refused IS NOT NULL THEN 'failed' ELSE 'ringing' END,
               refused, $12::timestamptz, $12, CASE WHEN refused IS NOT NULL THEN $12::timestamptz END,
               jsonb_strip_nulls(jsonb_build_object('attestation', $16::text))
               || CASE WHEN refused IS NULL THEN '{{}}'::jsonb
                       ELSE jsonb_build_object('refused', refused, 'end_by', 'control') END
        FROM decision WHERE NOT EXISTS (SELECT FROM existing)
        ON CONFLICT (carrier, carrier_call_id) WHERE carrier_call_id IS NOT NULL DO NOTHING
        RETURNING {_CALL}
    )
    SELECT *, false AS is_new FROM existing UNION ALL SELECT *, true FROM created
"""
# Reasons after which a refused call counts as busy.
_BUSY: Final = [reason for reason, refusal in REFUSALS.items() if refusal.status == "busy"]
# An outbound call that is to be placed.
_INSERT_QUEUED: Final = """
    INSERT INTO calls (id, workspace_id, agent_id, agent_version, phone_number_id, direction, is_test, carrier,
                       caller_number, called_number, status, created_at, variables, metadata)
    VALUES ($1, $2, $3, $4, $5, 'outbound', $6, $7, $8, $9, 'queued', $10, $11, $12)
"""
# A test call that a browser begins. It rings until the browser has opened its socket.
_INSERT_BROWSER_CALL: Final = """
    INSERT INTO calls (id, workspace_id, agent_id, agent_version, direction, is_test, carrier, status, created_at,
                       started_at, variables, metadata)
    VALUES ($1, $2, $3, $4, 'inbound', true, 'browser', 'ringing', $5, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call to insert.

    Attributes:
        max_open: Maximum number of open calls of the workspace, including this call; None for no check.
        refused: Why the call is refused, if already decided.
        variables, metadata: Values of an outbound call.
        pseudonyms: Pseudonyms of the caller, under which the caller may be blocked.
        attestation: Of the caller's number.
    """

    id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    agent_version: int | None
    number_id: UUID | None
    direction: Direction
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    caller_number: str
    called_number: str
    at: datetime
    max_open: int | None = None
    refused: RefusalReason | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    pseudonyms: Sequence[str] = ()
    attestation: Attestation | None = None

    def to_planned(self) -> PlannedCall:
        """Returns the call for which a plan is made, at the time of its insertion."""
        return PlannedCall(
            at=self.at,
            id=str(self.id),
            direction=self.direction,
            caller=self.caller_number,
            called=self.called_number,
            variables=self.variables,
        )


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call's state, its agent, the called number and its variables.

    Attributes:
        is_new: The statement inserted the call.
    """

    state: CallState
    agent_id: UUID | None
    agent_version: int | None
    called_number: str
    variables: Mapping[str, str]
    is_new: bool = False

    def to_planned(self, at: datetime) -> PlannedCall:
        """Returns the call for which a plan is made. A dialed call leaves a message if its row says so.

        Args:
            at: When the plan is made.
        """
        return PlannedCall(
            at=at,
            id=str(self.state.id),
            direction=self.state.direction,
            caller=self.state.caller_number,
            called=self.called_number,
            variables=self.variables,
            leaves_message=self.state.details.leaves_message or self.state.details.placing_at is None,
            call_screening=self.state.details.call_screening,
        )


async def lock_workspace(db: Connection, workspace_id: UUID) -> None:
    """Serializes transactions that count this workspace's calls in order to add one."""
    await db.execute(_LOCK_WORKSPACE, str(workspace_id))


async def insert_ringing(db: Connection, new: NewCall) -> StoredCall | None:
    """Inserts an inbound call, ringing or refused. If the carrier's id is stored already, returns the existing call.

    The workspace must be locked: otherwise two calls could take the same slot.

    Returns:
        None if a call of another workspace has this id.
    """
    row = await db.fetchrow(
        _INSERT_RINGING,
        *(new.id, new.workspace_id, new.agent_id, new.agent_version, new.number_id, new.direction, new.is_test),
        *(new.carrier, new.carrier_call_id, new.caller_number, new.called_number, new.at, new.refused, new.max_open),
        [identify_caller(new.caller_number), *new.pseudonyms],
        new.attestation,
        _BUSY,
    )
    return _call(row)


async def insert_queued(db: Connection, new: NewCall) -> None:
    """Inserts an outbound call that is to be placed."""
    await db.execute(
        _INSERT_QUEUED,
        *(new.id, new.workspace_id, new.agent_id, new.agent_version, new.number_id, new.is_test),
        *(new.carrier, new.caller_number, new.called_number, new.at, new.variables, new.metadata),
    )


async def insert_browser_call(db: Connection, new: NewCall) -> None:
    """Inserts a test call that a browser begins; it has no numbers."""
    columns = (new.id, new.workspace_id, new.agent_id, new.agent_version, new.at, new.variables, new.metadata)
    await db.execute(_INSERT_BROWSER_CALL, *columns)


# --- One call, for its next change -----------------------------------------------------------------------------------

# One call by the carrier's id.
_SELECT_BY_CARRIER_ID: Final = f"SELECT {_CALL} FROM calls WHERE carrier = $1 AND carrier_call_id = $2"
_LOCK_BY_CARRIER_ID: Final = f"{_SELECT_BY_CARRIER_ID} FOR UPDATE"
# A call by our id, unless its row has another carrier id and another session: Telnyx's ids of a call may change, but
# its session does not.
_SELECT_UNCLAIMED: Final = f"""
    SELECT {_CALL} FROM calls
    WHERE id = $1 AND carrier = $2
      AND (carrier_call_id IS NULL OR carrier_call_id = $3 OR details #>> '{{carrier,session}}' = $4)
"""
_LOCK_UNCLAIMED: Final = f"{_SELECT_UNCLAIMED} FOR UPDATE"
_LOCK_BY_ID: Final = f"SELECT {_CALL} FROM calls WHERE id = $1 FOR UPDATE"


async def select_stored_call(
    db: Connection, carrier: str, carrier_call_id: str, call_id: UUID | None = None, session_id: str = ""
) -> StoredCall | None:
    """Returns the same call as `lock_call`, but without a lock."""
    row = await db.fetchrow(_SELECT_BY_CARRIER_ID, carrier, carrier_call_id)
    if row is None and call_id is not None:
        row = await db.fetchrow(_SELECT_UNCLAIMED, call_id, carrier, carrier_call_id, session_id or None)
    return _call(row)


async def lock_call(
    db: Connection, carrier: str, carrier_call_id: str, call_id: UUID | None = None, session_id: str = ""
) -> StoredCall | None:
    """Locks and returns the call with the carrier's id.

    Otherwise, the call with our id, if its row has no other carrier id or has the same session.
    """
    row = await db.fetchrow(_LOCK_BY_CARRIER_ID, carrier, carrier_call_id)
    if row is None and call_id is not None:
        row = await db.fetchrow(_LOCK_UNCLAIMED, call_id, carrier, carrier_call_id, session_id or None)
    return _call(row)


async def lock_one(db: Connection, call_id: UUID) -> StoredCall | None:
    """Locks and returns the call with our id."""
    return _call(await db.fetchrow(_LOCK_BY_ID, call_id))


def _call(row: Any) -> StoredCall | None:
    if row is None:
        return None
    return StoredCall(
        state=state_from_row(row),
        agent_id=row["agent_id"],
        agent_version=row["agent_version"],
        called_number=row["called_number"] or "",
        variables=row["variables"],
        is_new=row.get("is_new", False),
    )


def state_from_row(row: Any) -> CallState:
    """Returns the state from a row that has at least STATE_COLUMNS."""
    values = {column.name: row[column.name] for column in fields(CallState)}
    details, caller_number = decode_details(values["details"]), values["caller_number"] or ""
    return CallState(**{**values, "details": details, "caller_number": caller_number})


# --- Several calls and their states ----------------------------------------------------------------------------------

# Several calls, locked in the order of their ids, so that two transactions cannot deadlock.
_LOCK_STATES: Final = f"SELECT {STATE_COLUMNS} FROM calls WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
# Writes the changeable columns of several calls. Each parameter is an array with one value per call.
_UPDATE_STATES: Final = """
    UPDATE calls c
    SET carrier_call_id = n.carrier_call_id, status = n.status, end_reason = n.end_reason, end_detail = n.end_detail,
        media_node = n.media_node, started_at = n.started_at, answered_at = n.answered_at, ended_at = n.ended_at,
        duration_seconds = n.duration_seconds, recording_key = n.recording_key,
        recording_seconds = n.recording_seconds, transcription = n.transcription, details = n.details
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                $8::timestamptz[], $9::timestamptz[], $10::integer[], $11::text[], $12::numeric[], $13::text[],
                $14::jsonb[])
        AS n (id, carrier_call_id, status, end_reason, end_detail, media_node, started_at, answered_at, ended_at,
              duration_seconds, recording_key, recording_seconds, transcription, details)
    WHERE c.id = n.id
"""
_UPDATED: Final = (
    "carrier_call_id", "status", "end_reason", "end_detail", "media_node", "started_at", "answered_at", "ended_at",
    "duration_seconds", "recording_key", "recording_seconds", "transcription",
)  # fmt: skip
# Writes what calls $1 are charged: $2.
_UPDATE_COSTS: Final = """
    UPDATE calls c SET cost_total = n.cost FROM unnest($1::uuid[], $2::numeric[]) AS n (id, cost)
    WHERE c.id = n.id AND c.cost_total IS DISTINCT FROM round(n.cost, 6)
"""


async def lock_states(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, CallState]:
    """Locks these calls and returns the states of those that exist."""
    rows = await db.fetch(_LOCK_STATES, sorted(set(call_ids)))
    return {row["id"]: state_from_row(row) for row in rows}


async def update_states(db: Connection, states: Sequence[CallState]) -> None:
    """Writes the changeable columns of these calls, whose rows must be locked."""
    if not states:
        return
    columns = ([getattr(state, name) for state in states] for name in _UPDATED)
    details = [encode_details(state.details) for state in states]
    await db.execute(_UPDATE_STATES, [state.id for state in states], *columns, details)


async def update_costs(db: Connection, costs: Mapping[UUID, Decimal]) -> None:
    """Writes what these calls are charged. Their rows must be locked."""
    await db.execute(_UPDATE_COSTS, list(costs), list(costs.values()))


# --- Media streams ---------------------------------------------------------------------------------------------------

# The number of a call's next media stream; no row for a call that is over.
_INCREMENT_LEG: Final = """
    UPDATE calls SET details = jsonb_set(details, '{leg}', to_jsonb(coalesce((details->>'leg')::integer, 0) + 1))
    WHERE id = $1 AND status IN ('queued', 'ringing', 'in_progress') AND coalesce((details->>'leg')::integer, 0) = $2
    RETURNING (details->>'leg')::integer
"""
_LATER_LEG: Final = """
    SELECT (details->>'leg')::integer FROM calls
    WHERE id = $1 AND status IN ('queued', 'ringing', 'in_progress') AND (details->>'leg')::integer > $2
"""
# The media node of a call's stream.
_APPEND_LEG: Final = """
    UPDATE calls SET media_node = $3, details = jsonb_set(
        details, '{legs}', coalesce(details->'legs', '[]')
        || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'leg', $2::integer, 'node_id', $3::text, 'at', now(), 'stream', nullif($4::text, '')))))
    WHERE id = $1
"""


async def increment_leg(db: Connection, call_id: UUID, after: int) -> int:
    """Counts the media stream that follows stream `after` of the call.

    Returns its number, or -1 if the call is over. Raises StreamFollowed.
    """
    leg = await db.fetchval(_INCREMENT_LEG, call_id, after)
    if leg is not None:
        return int(leg)
    later = await db.fetchval(_LATER_LEG, call_id, after)
    if later is not None:
        raise StreamFollowed(int(later))
    return -1


async def append_leg(db: Connection, call_id: UUID, leg: int, node_id: str, stream: str = "") -> None:
    """Stores the media node that the call's stream was assigned to.

    Args:
        stream: The carrier's id of the stream, if any.
    """
    await db.execute(_APPEND_LEG, call_id, leg, node_id, stream)


# --- Calls, as people read them --------------------------------------------------------------------------------------

# A call's turns are made of these events.
TURN_EVENTS: Final = ("caller.said", "agent.said", "person.said", "turn.latency", "tool.ran")
# cost_total: what is billed of the call's price, which is cost_list.
_BILLED: Final = "round(c.cost_total * billed_share(c.workspace_id, c.created_at), 6)"
# Earlier versions stored a start as the carrier rounded it, which may be before the creation.
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
# One call. If $2 is not null, only a call of workspace $2.
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
# Open calls of all workspaces, and of workspace $2, the longest first. There are two statements, because a statement
# with a condition on a null parameter would not use the index on workspace and status.
_SELECT_ALL_OPEN: Final = f"""
    SELECT {SUMMARY_COLUMNS} FROM calls c {NAME_JOINS} WHERE c.status IN ('queued', 'ringing', 'in_progress')
    ORDER BY c.created_at, c.id LIMIT $1
"""
_SELECT_OPEN: Final = f"""
    SELECT {SUMMARY_COLUMNS} FROM calls c {NAME_JOINS}
    WHERE c.workspace_id = $2 AND c.status IN ('queued', 'ringing', 'in_progress')
    ORDER BY c.created_at, c.id LIMIT $1
"""
# Events of call $1 after number $2, in order; $3: only these types.
_SELECT_EVENTS: Final = """
    SELECT seq, event_type, event_data, at AS timestamp FROM call_events
    WHERE call_id = $1 AND seq > $2 AND ($3::text[] IS NULL OR event_type = ANY($3)) ORDER BY seq LIMIT $4
"""


async def select_calls(db: Connection, wanted: CallFilter, page: PageRequest) -> ListPage[CallSummary]:
    """Returns a page of calls, newest first. Raises Invalid (code cursor_unknown).

    The inner query finds the page's ids in the index, so that the rows before a deep page are not read.
    """
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
    """Returns the number of matching calls, at most `most`."""
    where, values = _where(wanted)
    total: int = await db.fetchval(
        f"SELECT count(*) FROM (SELECT FROM calls c WHERE {where} LIMIT ${len(values) + 1}) counted", *values, most
    )
    return total


async def select_report(db: Connection, workspace_id: UUID | None, call_id: UUID) -> CallReport | None:
    """Returns a call without its turns; None if it does not exist."""
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
    """Returns calls that are not over, the longest first.

    Args:
        workspace_id: None for all workspaces.
    """
    if workspace_id is None:
        rows = await db.fetch(_SELECT_ALL_OPEN, most)
    else:
        rows = await db.fetch(_SELECT_OPEN, most, workspace_id)
    return [make_summary(row) for row in rows]


def make_summary(row: Mapping[str, Any]) -> CallSummary:
    """Returns the summary of a row with SUMMARY_COLUMNS.

    Rows of earlier releases hold the carrier's word for a withheld number.
    """
    values = {column.name: row[column.name] for column in fields(CallSummary)}
    return CallSummary(**{**values, "caller_number": known_number(row["caller_number"] or "") or None})


async def select_events(
    db: Connection, call_id: UUID, kinds: Sequence[str] | None, after_seq: int, most: int
) -> list[EventLine]:
    """Returns events of the call in the order of their numbers.

    Args:
        kinds: Only these types.
    """
    return [EventLine(**row) for row in await db.fetch(_SELECT_EVENTS, call_id, after_seq, kinds, most)]


async def select_utterances(db: Connection, call_id: UUID) -> list[dict[str, Any]]:
    """Returns the utterances in order, each with speaker, text, start_ms, end_ms, and word_ms if the vendor reported
    it.
    """
    row = await db.fetchrow("SELECT words, word_times FROM call_words WHERE call_id = $1", call_id)
    return [] if row is None else with_word_times(row["words"], row["word_times"])


def _where(wanted: CallFilter) -> tuple[str, list[Any]]:
    """Returns the condition and its parameters.

    The condition contains only what is filtered, so that PostgreSQL finds the matching index. The carriers are listed,
    because the index on the carrier's id begins with the carrier. The direction is not a parameter, because the indexes
    of one direction are partial.
    """
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


_SELECT_UTTERANCES: Final = "SELECT words, word_times FROM call_words WHERE workspace_id = $1 AND call_id = $2"


async def select_utterances_of(db: Connection, workspace_id: UUID, call_id: UUID) -> Sequence[Mapping[str, Any]]:
    """Returns the utterances of a call as stored."""
    row = await db.fetchrow(_SELECT_UTTERANCES, workspace_id, call_id)
    return [] if row is None else with_word_times(row["words"], row["word_times"])


# --- Calls that are found by the words of their transcripts ----------------------------------------------------------

_FOUND: Final = "search_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
_SELECT_FOUND: Final = f"""
    SELECT {SUMMARY_COLUMNS}
    FROM (SELECT * FROM {_FOUND} OFFSET $14) found JOIN calls c ON c.id = found.call_id {NAME_JOINS}
    ORDER BY
"""


async def search_calls(db: Connection, wanted: CallFilter, page: PageRequest) -> ListPage[CallSummary]:
    """Returns a page of calls found by their words, newest first. Raises Invalid (code cursor_unknown)."""
    cursor = await _find_cursor(db, wanted, page)
    most = page.offset + page.limit + 1
    direction = "" if page.is_backwards else "DESC"
    rows = await db.fetch(
        f"{_SELECT_FOUND} c.created_at {direction}, c.id {direction}",
        *_search_values(wanted, cursor, page, most),
        page.offset,
    )
    return cut_page([make_summary(row) for row in rows], page)


async def _find_cursor(db: Connection, wanted: CallFilter, page: PageRequest) -> Sequence[Any]:
    """Returns the creation time and the id of the call next to the page."""
    if page.cursor is None:
        return None, None
    row = await db.fetchrow(CALL_ORDER.find, page.cursor, wanted.workspace_id)
    if row is None:
        raise unknown_cursor(page)
    return tuple(row.values())


def _search_values(wanted: CallFilter, cursor: Sequence[Any], page: PageRequest, most: int) -> tuple[Any, ...]:
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


# Where the next page begins. Skipped while another worker processes it.
_LOCK_PROGRESS: Final = "SELECT below FROM call_search_progress FOR UPDATE SKIP LOCKED"
# The page of $2 calls below $1, and which of them are over and have a transcript, by the same rules as the trigger. The
# rows are locked in the same order as everywhere else. Otherwise a transcript that is deleted in the meantime could be
# indexed as it was at the start, because the deletion's trigger finds nothing to delete yet.
_INDEX_PAGE: Final = """
    WITH page AS (SELECT id FROM calls WHERE id < $1 ORDER BY id DESC LIMIT $2),
    indexed AS (
        INSERT INTO call_search (call_id, workspace_id, created_at, words)
        SELECT c.id, c.workspace_id, c.created_at, to_tsvector('simple', left(c.transcription, 200000))
        FROM page JOIN calls c ON c.id = page.id
        WHERE c.transcription <> '' AND c.status NOT IN ('queued', 'ringing', 'in_progress')
        ORDER BY c.id FOR SHARE OF c
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM page ORDER BY id
"""
_UPDATE_PROGRESS: Final = "UPDATE call_search_progress SET below = $1"
_DELETE_PROGRESS: Final = "DELETE FROM call_search_progress"


async def index_older_calls(db: Connection, most: int) -> int:
    """Indexes the next page of older calls for search, newest first. Needs platform scope.

    Returns:
        The number of processed calls; 0 when none are left.
    """
    below = await db.fetchval(_LOCK_PROGRESS)
    if below is None:
        return 0
    page = await db.fetch(_INDEX_PAGE, below, most)
    if len(page) < most:
        await db.execute(_DELETE_PROGRESS)
    else:
        await db.execute(_UPDATE_PROGRESS, page[0]["id"])
    return len(page)


# --- Calls for the worker's duties -----------------------------------------------------------------------------------

# Calls created since $1 that are over and whose seconds differ from the ledger; up to $2. The ledger begins with the
# first price, so earlier calls are not charged.
_SELECT_UNCHARGED: Final = """
    SELECT c.id FROM calls c
    WHERE c.created_at >= greatest($1, (SELECT min(valid_from) FROM price_versions))
      AND c.status NOT IN ('queued', 'ringing', 'in_progress')
      AND c.duration_seconds <> (SELECT coalesce(sum(u.quantity), 0) FROM usage_records u
                                 WHERE u.workspace_id = c.workspace_id AND u.at = c.created_at AND u.call_id = c.id
                                   AND u.resource_type = 'call_minutes')
    ORDER BY c.created_at, c.id LIMIT $2
"""


async def select_uncharged(db: Connection, since: datetime, most: int) -> list[UUID]:
    """Returns up to `most` calls that are over and not charged correctly. Needs platform scope."""
    return [row["id"] for row in await db.fetch(_SELECT_UNCHARGED, since, most)]


# Workspaces and days (UTC) of the creation of open calls.
_SELECT_OPEN_DAYS: Final = """
    SELECT DISTINCT workspace_id, (created_at AT TIME ZONE 'UTC')::date AS day FROM calls
    WHERE status IN ('queued', 'ringing', 'in_progress')
"""


async def select_open_days(db: Connection) -> list[tuple[UUID, date]]:
    """Returns the workspaces and creation days of all calls that are not over."""
    return [(row["workspace_id"], row["day"]) for row in await db.fetch(_SELECT_OPEN_DAYS)]


# Calls of campaigns that are over although their attempts are not, because a program of the previous version ended
# them.
_SELECT_UNSETTLED: Final = """
    SELECT a.call_id FROM campaign_attempts a JOIN calls c ON c.id = a.call_id
    WHERE a.finished_at IS NULL AND a.started_at < $1 AND c.status NOT IN ('queued', 'ringing', 'in_progress')
    ORDER BY a.started_at LIMIT $2
"""


async def select_unsettled(db: Connection, before: datetime, most: int) -> list[UUID]:
    """Returns ids of up to `most` such calls that were placed before `before`. Needs platform scope."""
    return [row["call_id"] for row in await db.fetch(_SELECT_UNSETTLED, before, most)]
