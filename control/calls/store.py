"""SQL of calls' rows: how they are created, and their states."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.agents.variables import PlannedCall
from control.calls.caller_identity import identify_caller
from control.calls.details import decode_details, encode_details
from control.calls.model import Attestation, Direction, RefusalReason, StreamFollowed
from control.calls.state import CallState
from control.db.pool import Connection

STATE_COLUMNS: Final = """
    id, workspace_id, agent_id, created_at, is_test, direction, carrier, carrier_call_id, status, end_reason,
    end_detail, media_node, started_at, answered_at, ended_at, duration_seconds, recording_key, recording_seconds,
    transcription, details
"""
_CALL: Final = f"{STATE_COLUMNS}, agent_version, caller_number, called_number, variables"

# Serialises transactions that count a workspace's calls in order to add one.
_LOCK_WORKSPACE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('calls ' || $1::text, 0))"

# An inbound call, unless the carrier's id is stored already: then that call's row. The call is refused as blocked when
# the workspace blocks one of the names $15 of its caller, with reason $13, or as over_limit when $14 or more calls of
# the workspace are open. A transferred call counts as open until the carrier reports its end, or the transfer's bound
# has passed; it began within the longest call and the longest transfer (6 h).
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
               CASE WHEN refused = 'over_limit' THEN 'busy' WHEN refused IS NOT NULL THEN 'failed' ELSE 'ringing' END,
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

# An outbound call that is to be placed.
_INSERT_QUEUED: Final = """
    INSERT INTO calls (id, workspace_id, agent_id, agent_version, phone_number_id, direction, is_test, carrier,
                       caller_number, called_number, status, created_at, variables, metadata)
    VALUES ($1, $2, $3, $4, $5, 'outbound', $6, $7, $8, $9, 'queued', $10, $11, $12)
"""

# One call by the carrier's id.
_SELECT_BY_CARRIER_ID: Final = f"SELECT {_CALL} FROM calls WHERE carrier = $1 AND carrier_call_id = $2"
_LOCK_BY_CARRIER_ID: Final = f"{_SELECT_BY_CARRIER_ID} FOR UPDATE"

# One call by our id, unless its row has another id of the carrier, and another session: Telnyx's ids of a call may
# change, its session does not.
_SELECT_UNCLAIMED: Final = f"""
    SELECT {_CALL} FROM calls
    WHERE id = $1 AND carrier = $2
      AND (carrier_call_id IS NULL OR carrier_call_id = $3 OR details #>> '{{carrier,session}}' = $4)
"""
_LOCK_UNCLAIMED: Final = f"{_SELECT_UNCLAIMED} FOR UPDATE"
_LOCK_BY_ID: Final = f"SELECT {_CALL} FROM calls WHERE id = $1 FOR UPDATE"

# Several calls, locked in the order of their ids, so that two transactions cannot deadlock.
_LOCK_STATES: Final = f"SELECT {STATE_COLUMNS} FROM calls WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"

# Writes the changeable columns of several calls; each parameter is an array with one value a call.
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

# What calls $1 are charged: $2.
_UPDATE_COSTS: Final = """
    UPDATE calls c SET cost_total = n.cost FROM unnest($1::uuid[], $2::numeric[]) AS n (id, cost)
    WHERE c.id = n.id AND c.cost_total IS DISTINCT FROM round(n.cost, 6)
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call to insert. max_open: open calls that the workspace may have, this one included; None: not counted here.
    refused: why it is refused, if that is known already. variables, metadata: of an outbound call. pseudonyms: of the
    caller, by which the caller may be blocked. attestation: of the caller's number."""

    id: UUID
    workspace_id: UUID
    agent_id: UUID | None
    agent_version: int | None
    number_id: UUID | None
    direction: Direction
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    caller: str
    called: str
    at: datetime
    max_open: int | None = None
    refused: RefusalReason | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    pseudonyms: Sequence[str] = ()
    attestation: Attestation | None = None

    def to_planned(self) -> PlannedCall:
        """What a plan is made for, at the time of the call's insertion."""
        return PlannedCall(
            at=self.at,
            id=str(self.id),
            direction=self.direction,
            caller=self.caller,
            called=self.called,
            variables=self.variables,
        )


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call's state, its agent, its two numbers and its variables. is_new: the statement inserted it."""

    state: CallState
    agent_id: UUID | None
    agent_version: int | None
    caller: str
    called: str
    variables: Mapping[str, str]
    is_new: bool = False

    def to_planned(self, at: datetime) -> PlannedCall:
        """What a plan is made for. at: when it is made. A dialled call leaves a message if that was stored with it."""
        return PlannedCall(
            at=at,
            id=str(self.state.id),
            direction=self.state.direction,
            caller=self.caller,
            called=self.called,
            variables=self.variables,
            leaves_message=self.state.details.leaves_message or self.state.details.placing_at is None,
            call_screening=self.state.details.call_screening,
        )


async def lock_workspace(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count this workspace's calls in order to add one."""
    await db.execute(_LOCK_WORKSPACE, str(workspace_id))


async def insert_ringing(db: Connection, new: NewCall) -> StoredCall | None:
    """Inserts an inbound call, ringing or refused; returns the existing one if the carrier's id is stored. None: a call
    of another workspace has this id. The workspace must be locked: otherwise two calls could take the same slot."""
    row = await db.fetchrow(
        _INSERT_RINGING,
        *(new.id, new.workspace_id, new.agent_id, new.agent_version, new.number_id, new.direction, new.is_test),
        *(new.carrier, new.carrier_call_id, new.caller, new.called, new.at, new.refused, new.max_open),
        [identify_caller(new.caller), *new.pseudonyms],
        new.attestation,
    )
    return _call(row)


async def insert_queued(db: Connection, new: NewCall) -> None:
    """Inserts an outbound call that is to be placed."""
    await db.execute(
        _INSERT_QUEUED,
        *(new.id, new.workspace_id, new.agent_id, new.agent_version, new.number_id, new.is_test),
        *(new.carrier, new.caller, new.called, new.at, new.variables, new.metadata),
    )


async def lock_call(
    db: Connection, carrier: str, carrier_call_id: str, call_id: UUID | None = None, session_id: str = ""
) -> StoredCall | None:
    """One by the carrier's id, else by ours if that row has no other id of the carrier, or the same session; locked."""
    row = await db.fetchrow(_LOCK_BY_CARRIER_ID, carrier, carrier_call_id)
    if row is None and call_id is not None:
        row = await db.fetchrow(_LOCK_UNCLAIMED, call_id, carrier, carrier_call_id, session_id or None)
    return _call(row)


async def lock_one(db: Connection, call_id: UUID) -> StoredCall | None:
    """One by our id; locked."""
    return _call(await db.fetchrow(_LOCK_BY_ID, call_id))


async def select_call(
    db: Connection, carrier: str, carrier_call_id: str, call_id: UUID | None = None, session_id: str = ""
) -> StoredCall | None:
    """Like `lock_call`, not locked."""
    row = await db.fetchrow(_SELECT_BY_CARRIER_ID, carrier, carrier_call_id)
    if row is None and call_id is not None:
        row = await db.fetchrow(_SELECT_UNCLAIMED, call_id, carrier, carrier_call_id, session_id or None)
    return _call(row)


async def lock_states(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, CallState]:
    """Those of these calls that exist; locked."""
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


async def increment_leg(db: Connection, call_id: UUID, after: int) -> int:
    """Counts the media stream that follows stream `after` of the call; returns its number, -1 when the call is over.
    Raises StreamFollowed."""
    leg = await db.fetchval(_INCREMENT_LEG, call_id, after)
    if leg is not None:
        return int(leg)
    later = await db.fetchval(_LATER_LEG, call_id, after)
    if later is not None:
        raise StreamFollowed(int(later))
    return -1


async def append_leg(db: Connection, call_id: UUID, leg: int, node_id: str, stream: str = "") -> None:
    """Stores which media node the call's stream was assigned to. stream: the carrier's id of it, if it has one."""
    await db.execute(_APPEND_LEG, call_id, leg, node_id, stream)


def state_from_row(row: Any) -> CallState:
    """row: at least STATE_COLUMNS."""
    values = {one.name: row[one.name] for one in fields(CallState)}
    return CallState(**{**values, "details": decode_details(values["details"])})


def _call(row: Any) -> StoredCall | None:
    if row is None:
        return None
    return StoredCall(
        state=state_from_row(row),
        agent_id=row["agent_id"],
        agent_version=row["agent_version"],
        caller=row["caller_number"] or "",
        called=row["called_number"] or "",
        variables=row["variables"],
        is_new=row.get("is_new", False),
    )
