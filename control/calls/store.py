"""SQL of calls' rows: how they come to be, and their state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.calls.model import Direction, Why
from control.calls.state import State
from control.db.pool import Connection

OPEN: Final = "('queued', 'ringing', 'in_progress')"
# How many a workspace has: those that are not over, and those whose caller was put through while the carrier has not
# told their end. The latter began within the longest call and the longest transfer.
COUNT_OPEN: Final = f"""
    ((SELECT count(*) FROM calls WHERE workspace_id = {{workspace}} AND status IN {OPEN})
     + (SELECT count(*) FROM calls WHERE workspace_id = {{workspace}} AND end_reason = 'transferred'
        AND created_at > {{now}}::timestamptz - interval '6 hours'
        AND (details->'put_through'->>'until')::timestamptz > {{now}}::timestamptz))
"""
COLUMNS: Final = ", ".join(field.name for field in fields(State))
# What `update_states` writes, with the types of its columns.
_WRITTEN: Final = {
    "carrier_call_id": "text", "status": "text", "end_reason": "text", "end_detail": "text", "media_node": "text",
    "started_at": "timestamptz", "answered_at": "timestamptz", "ended_at": "timestamptz",
    "duration_seconds": "integer", "recording_key": "text", "recording_seconds": "numeric", "transcription": "text",
    "details": "jsonb",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be. most: open calls that the workspace may have, this one included; None: not counted here.

    refused: why it is not let in, if that is known already.
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
    caller: str
    called: str
    at: datetime
    most: int | None = None
    refused: Why | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A call with whom it is between. is_new: this very question made it."""

    state: State
    agent_id: UUID | None
    agent_version: int | None
    caller: str
    called: str
    is_new: bool = False


_ROW: Final = f"{COLUMNS}, agent_id, agent_version, caller_number, called_number"
_INSERT: Final = f"""
    WITH here AS (SELECT {_ROW} FROM calls WHERE carrier = $8 AND carrier_call_id = $9),
    let AS (
        SELECT coalesce($13::text, CASE WHEN $14::integer <= (
            {COUNT_OPEN.format(workspace="$2", now="$12")}) THEN 'over_limit' END) AS refused
    ),
    made AS (
        INSERT INTO calls (id, workspace_id, agent_id, agent_version, phone_number_id, direction, is_test, carrier,
                           carrier_call_id, caller_number, called_number, status, end_detail, created_at, started_at,
                           ended_at, details)
        SELECT $1::uuid, $2::uuid, $3::uuid, $4::integer, $5::uuid, $6, $7::boolean, $8, $9, $10, $11,
               CASE WHEN let.refused = 'over_limit' THEN 'busy' WHEN let.refused IS NOT NULL THEN 'failed'
                    ELSE 'ringing' END,
               let.refused, $12::timestamptz, $12, CASE WHEN let.refused IS NOT NULL THEN $12::timestamptz END,
               CASE WHEN let.refused IS NULL THEN '{{}}'::jsonb
                    ELSE jsonb_build_object('refused', let.refused, 'end_by', 'control') END
        FROM let WHERE NOT EXISTS (SELECT FROM here)
        ON CONFLICT (carrier, carrier_call_id) WHERE carrier_call_id IS NOT NULL DO NOTHING
        RETURNING {_ROW}
    )
    SELECT *, false AS is_new FROM here UNION ALL SELECT *, true FROM made
"""


async def lock_workspace(db: Connection, workspace_id: UUID) -> None:
    """Whoever counts this workspace's calls in order to add one waits until this transaction ends."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('calls ' || $1::text, 0))", str(workspace_id))


async def insert_ringing(db: Connection, new: NewCall) -> Row | None:
    """An inbound call, ringing or refused; the one that is there already if the carrier's id is known. The workspace
    must be locked, or two would count the same free place. None: another workspace's call has this id."""
    row = await db.fetchrow(
        _INSERT, new.id, new.workspace_id, new.agent_id, new.agent_version, new.number_id, new.direction, new.is_test,
        new.carrier, new.carrier_call_id, new.caller, new.called, new.at, new.refused, new.most,
    )  # fmt: skip
    return None if row is None else _row(row)


async def insert_queued(db: Connection, new: NewCall) -> None:
    """An outbound call that is to be placed."""
    await db.execute(
        """
        INSERT INTO calls (id, workspace_id, agent_id, agent_version, phone_number_id, direction, is_test, carrier,
                           caller_number, called_number, status, created_at)
        VALUES ($1, $2, $3, $4, $5, 'outbound', $6, $7, $8, $9, 'queued', $10)
        """,
        new.id, new.workspace_id, new.agent_id, new.agent_version, new.number_id, new.is_test, new.carrier, new.caller,
        new.called, new.at,
    )  # fmt: skip


async def lock_call(db: Connection, carrier: str, carrier_call_id: str, call_id: UUID | None = None) -> Row | None:
    """One by its carrier's id, or else by ours if that row has no other id of the carrier; held until this
    transaction ends."""
    row = await db.fetchrow(
        f"SELECT {_ROW} FROM calls WHERE carrier = $1 AND carrier_call_id = $2 FOR UPDATE", carrier, carrier_call_id
    )
    if row is None and call_id is not None:
        row = await db.fetchrow(
            f"SELECT {_ROW} FROM calls WHERE id = $1 AND carrier = $2 "
            "AND (carrier_call_id IS NULL OR carrier_call_id = $3) FOR UPDATE",
            call_id, carrier, carrier_call_id,
        )  # fmt: skip
    return None if row is None else _row(row)


async def lock_one(db: Connection, call_id: UUID) -> Row | None:
    """One by our id; held until this transaction ends."""
    row = await db.fetchrow(f"SELECT {_ROW} FROM calls WHERE id = $1 FOR UPDATE", call_id)
    return None if row is None else _row(row)


async def select_call(db: Connection, carrier: str, carrier_call_id: str) -> Row | None:
    """One by its carrier's id."""
    row = await db.fetchrow(
        f"SELECT {_ROW} FROM calls WHERE carrier = $1 AND carrier_call_id = $2", carrier, carrier_call_id
    )
    return None if row is None else _row(row)


async def lock_states(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, State]:
    """Those that there are; held, in an order that keeps two who do so from waiting for each other for ever."""
    rows = await db.fetch(
        f"SELECT {COLUMNS} FROM calls WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", sorted(set(call_ids))
    )
    return {row["id"]: State(**row) for row in rows}


async def update_states(db: Connection, states: Sequence[State]) -> None:
    """Writes all of several that may have changed; their rows must be held."""
    if not states:
        return
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_WRITTEN.values(), 2))
    sets = ", ".join(f"{name} = n.{name}" for name in _WRITTEN)
    await db.execute(
        f"UPDATE calls c SET {sets} FROM unnest($1::uuid[], {arrays}) AS n (id, {', '.join(_WRITTEN)}) "
        "WHERE c.id = n.id",
        [state.id for state in states],
        *([getattr(state, name) for state in states] for name in _WRITTEN),
    )


async def next_leg(db: Connection, call_id: UUID) -> int:
    """Counts a further media stream of a call that is not over; -1 when it is."""
    leg = await db.fetchval(
        f"""
        UPDATE calls SET details = jsonb_set(details, '{{leg}}', to_jsonb(coalesce((details->>'leg')::integer, 0) + 1))
        WHERE id = $1 AND status IN {OPEN} RETURNING (details->>'leg')::integer
        """,
        call_id,
    )
    return -1 if leg is None else int(leg)


async def note_node(db: Connection, call_id: UUID, leg: int, node_id: str, stream: str = "") -> None:
    """Which media node has the call's stream. stream: by which its end is known."""
    await db.execute(
        """
        UPDATE calls SET media_node = $3, details = jsonb_set(
            details, '{legs}', coalesce(details->'legs', '[]')
            || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
                'leg', $2::integer, 'node_id', $3::text, 'at', now(), 'stream', nullif($4::text, '')))))
        WHERE id = $1
        """,
        call_id,
        leg,
        node_id,
        stream,
    )


def _row(row: Any) -> Row:
    names = {field.name for field in fields(State)}
    state = State(**{name: value for name, value in row.items() if name in names})
    return Row(
        state, row["agent_id"], row["agent_version"], row["caller_number"] or "", row["called_number"] or "",
        row.get("is_new", False),
    )  # fmt: skip
