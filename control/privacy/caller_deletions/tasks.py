"""The job that deletes all data that a workspace holds about a caller. It can be killed and repeated at any point."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from control.agent_tests.service import delete_cases_of_calls
from control.audit.service import Actor, record_change
from control.calls.deletion import service as calls
from control.calls.deletion.rules import CallerNumber, DeletedCall
from control.calls.live.service import MediaAssignment
from control.campaigns.service import delete_recipients_with_number, has_recipient_with_number
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.idempotency.service import forget_responses
from control.integrations.caller_records.service import delete_caller_records
from control.media_requests.service import delete_call_runs
from control.messages.service import delete_messages, find_calls_of_number
from control.outbound_webhooks.service import delete_call_events
from control.privacy.caller_deletions import queries
from control.privacy.caller_deletions.service import CallerDeletions, DeleteCallerJob, enqueue_deletion, make_change
from control.privacy.exports.service import withdraw_exports
from control.privacy.rules import CallerDeletion
from shared.bus.client import BusUnavailable
from shared.secrets import UnsealError
from shared.storage import Storage, StorageUnavailable

# Number of calls deleted in one transaction.
BATCH: Final = 100
# Seconds until a deletion checks again for items that have not ended, such as a running call.
WAIT_S: Final = 30.0

# Clears stored webhooks that contain the number and one of these calls' carrier ids. Returns the number of cleared
# webhooks and the number of webhooks that are still unprocessed.
ClearPayloads = Callable[[Pool, str, Sequence[str]], Awaitable[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class _Deletion:
    """The deletion that a job runs, with the unsealed number."""

    deletion: CallerDeletion
    caller: CallerNumber


def make_caller_deletion_job(
    pool: Pool,
    deletions: CallerDeletions,
    media_assignment: MediaAssignment,
    storage: Storage,
    clear_payloads: ClearPayloads,
) -> JobHandler:
    """Return the job that deletes a caller's data.

    Args:
        clear_payloads: Clears the payloads of inbound webhooks.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, DeleteCallerJob)
        found = await _load(pool, deletions, job.deletion_id)
        if found is None:
            return
        try:
            is_over = await _delete_calls(pool, media_assignment, found)
            is_over = await _delete_others(pool, storage, clear_payloads, found) and is_over
            if is_over:
                # Exports that were requested during the deletion contain data that was deleted since.
                counts = {
                    "exports": await withdraw_exports(pool, storage, found.caller.workspace_id, datetime.now(UTC))
                }
                async with pool.transaction() as db:
                    await enter_platform(db)
                    await queries.add_counts(db, found.deletion.id, counts)
        except BusUnavailable:
            raise JobFailed("bus unavailable") from None
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None
        async with pool.transaction() as db:
            await enter_platform(db)
            if is_over:
                await _finish(db, found.deletion.id, datetime.now(UTC))
            else:
                await enqueue_deletion(db, found.deletion.id, delay_s=WAIT_S)

    return run


async def _load(pool: Pool, deletions: CallerDeletions, deletion_id: UUID) -> _Deletion | None:
    """Load the deletion, or return None if it is finished."""
    async with pool.transaction() as db:
        await enter_platform(db)
        found = await queries.select_open(db, deletion_id)
    if found is None:
        return None
    try:
        number = deletions.open_number(found.sealed_number)
    except UnsealError:
        raise JobFailed("the number is sealed with an unknown key", is_permanent=True) from None
    deletion = found.deletion
    return _Deletion(deletion, CallerNumber(deletion.workspace_id, number, deletion.caller))


async def _delete_calls(pool: Pool, media_assignment: MediaAssignment, found: _Deletion) -> bool:
    """Delete the caller's calls in batches. Return whether no open call is left."""
    while True:
        async with pool.transaction() as db:
            await enter_platform(db)
            closed, is_any_open = await _find_calls(db, found)
        if not closed:
            return not is_any_open
        # Forget the conversations before deleting the rows: if this step fails, the rows still name the conversations.
        await media_assignment.forget_conversations(closed)
        async with pool.transaction() as db:
            await enter_platform(db)
            counts = Counter(await calls.delete_contents(db, found.caller, closed, datetime.now(UTC)))
            counts["messages"] = await delete_messages(db, found.caller.workspace_id, closed)
            counts["webhook_events"] = await delete_call_events(db, found.caller.workspace_id, closed)
            counts["tool_runs"] = await delete_call_runs(db, found.caller.workspace_id, closed)
            counts["test_cases"] = await delete_cases_of_calls(db, found.caller.workspace_id, closed)
            await queries.add_counts(db, found.deletion.id, counts)


async def _find_calls(db: Connection, found: _Deletion) -> tuple[list[UUID], bool]:
    """Return the ids of the next ended calls, and whether other calls are still open."""
    caller, until = found.caller, found.deletion.requested_at
    of_number = await calls.find_calls_of_number(db, caller, until, BATCH)
    called_back = await find_calls_of_number(db, caller.workspace_id, caller.number, until, BATCH)
    running = {call_id for call_id, is_open in of_number if is_open}
    running |= set(await calls.list_open_calls(db, caller.workspace_id, called_back))
    wanted = {call_id for call_id, _ in of_number} | set(called_back)
    return sorted(wanted - running), bool(running)


async def _delete_others(pool: Pool, storage: Storage, clear_payloads: ClearPayloads, found: _Deletion) -> bool:
    """Delete data that does not belong to a call. Return False if the deletion has to wait."""
    caller = found.caller
    async with pool.transaction() as db:
        await enter_platform(db)
        counts = Counter(await calls.delete_mentions(db, caller))
        counts["stored_responses"] = await forget_responses(db, caller.number)
        counts.update(await delete_caller_records(db, caller.workspace_id, caller.number))
        counts["campaign_recipients"] = await delete_recipients_with_number(db, caller.workspace_id, caller.number)
        deleted = await calls.list_deleted_calls(db, caller)
    counts["exports"] = await withdraw_exports(pool, storage, caller.workspace_id, found.deletion.requested_at)
    counts["webhooks"], still_open = await clear_payloads(pool, caller.number, _carrier_ids(deleted))
    async with pool.transaction() as db:
        await enter_platform(db)
        await queries.add_counts(db, found.deletion.id, counts)
        is_recorded = await calls.has_unfinished_deletions(db, [call.id for call in deleted])
        is_called = await has_recipient_with_number(db, caller.workspace_id, caller.number)
    return not still_open and not is_recorded and not is_called


def _carrier_ids(deleted: Iterable[DeletedCall]) -> list[str]:
    return [name for call in deleted for name in (call.carrier_call_id, call.session) if name]


async def _finish(db: Connection, deletion_id: UUID, now: datetime) -> None:
    """Finish the deletion. The audit log and the workspace's list prove what was deleted, when, and for whom."""
    done = await queries.finish(db, deletion_id, now)
    if done is not None:
        await record_change(db, Actor("system"), make_change("caller.deleted", done))
