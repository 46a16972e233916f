"""SQL for runs of tools, and for the row of the call that sends the request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.media_requests.handlers import RunningCall

# Longer than any call can be resumed (four hours).
RETENTION: Final = timedelta(hours=24)
# A call is still `ringing` here if media has answered it but the carrier has not reported the answer yet.
_RUNNING: Final = """
    SELECT c.id, c.workspace_id, c.agent_id, c.direction, c.is_test, coalesce(c.caller_number, '') AS caller,
           coalesce(c.called_number, '') AS called, w.name AS workspace_name, w.timezone
    FROM calls c JOIN workspaces w ON w.id = c.workspace_id
    WHERE c.id = $1 AND c.workspace_id = $2 AND c.agent_id = $3
      AND c.status IN ('queued', 'ringing', 'in_progress') AND w.deleted_at IS NULL
"""
# Begins a run, or takes over an abandoned run if the run may be repeated ($6). Returns no row if another process has or
# had the run.
_CLAIM: Final = """
    INSERT INTO tool_runs AS r (call_id, run_id, workspace_id, name, lease_until)
    VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval)
    ON CONFLICT (call_id, run_id) DO UPDATE SET lease_until = excluded.lease_until, attempt = r.attempt + 1
    WHERE $6::boolean AND r.name = excluded.name AND r.finished_at IS NULL AND r.lease_until < clock_timestamp()
    RETURNING r.attempt
"""
_SELECT: Final = """
    SELECT name, finished_at IS NOT NULL AS is_finished, lease_until < clock_timestamp() AS is_abandoned, outcome
    FROM tool_runs WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3
"""
_RENEW: Final = """
    UPDATE tool_runs SET lease_until = clock_timestamp() + $5::interval
    WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3 AND attempt = $4 AND finished_at IS NULL
"""
_FINISH: Final = """
    UPDATE tool_runs SET finished_at = clock_timestamp(), ok = $5, outcome = $6
    WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3 AND attempt = $4 AND finished_at IS NULL
"""
_DELETE_OLD: Final = """
    DELETE FROM tool_runs WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM tool_runs WHERE started_at < $1 ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


@dataclass(frozen=True, slots=True)
class RunKey:
    """Identity of a run.

    Attributes:
        run_id: Unique within the call; two calls may use one id.
    """

    workspace_id: UUID
    call_id: UUID
    run_id: str


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A stored run of a request that has an effect.

    Attributes:
        name: Name of the request.
        is_abandoned: Whether the run is unfinished and no process renews its lease.
        outcome: Sealed outcome of a finished run.
    """

    name: str
    is_finished: bool
    is_abandoned: bool
    outcome: bytes | None


async def select_running_call(db: Connection, call_id: UUID, workspace_id: UUID, agent_id: UUID) -> RunningCall | None:
    """Return a call with its workspace, in one query, or None unless the call is in progress.

    The call must belong to this workspace and agent.
    """
    row = await db.fetchrow(_RUNNING, call_id, workspace_id, agent_id)
    return None if row is None else RunningCall(**row)


async def claim_run(db: Connection, key: RunKey, name: str, lease: timedelta, *, takes_over: bool) -> int | None:
    """Claim a run. Return the number of the caller's attempt, or None if another process has the run.

    Args:
        takes_over: Whether to claim an abandoned run.
    """
    attempt: int | None = await db.fetchval(_CLAIM, key.call_id, key.run_id, key.workspace_id, name, lease, takes_over)
    return attempt


async def select_run(db: Connection, key: RunKey) -> StoredRun | None:
    """Return a run, or None if it never began."""
    row = await db.fetchrow(_SELECT, key.workspace_id, key.call_id, key.run_id)
    return None if row is None else StoredRun(**row)


async def renew_run(db: Connection, key: RunKey, attempt: int, lease: timedelta) -> None:
    """Extend the lease of a run. A lease of zero abandons the run."""
    await db.execute(_RENEW, key.workspace_id, key.call_id, key.run_id, attempt, lease)


async def finish_run(db: Connection, key: RunKey, attempt: int, ok: bool, outcome: bytes) -> None:
    """Store the outcome of an attempt, unless another attempt took over."""
    await db.execute(_FINISH, key.workspace_id, key.call_id, key.run_id, attempt, ok, outcome)


async def delete_old_runs(db: Connection, now: datetime, limit: int) -> int:
    """Delete up to `limit` runs older than RETENTION, oldest first. Return how many. Needs platform scope."""
    status = await db.execute(_DELETE_OLD, now - RETENTION, limit)
    return int(status.split()[-1])


async def delete_runs_of_calls(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Delete the runs of these calls. Return how many. Needs platform scope."""
    status = await db.execute(
        "DELETE FROM tool_runs WHERE workspace_id = $1 AND call_id = ANY($2::uuid[])", workspace_id, call_ids
    )
    return int(status.split()[-1])
