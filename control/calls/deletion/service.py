"""Deletes calls and their contents: by a purge, by retention, or on a caller's request. Needs platform scope."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.calls.blocked_callers import queries as blocked_callers_queries
from control.calls.deletion import queries
from control.calls.deletion.rules import CallerNumber, DeletedCall
from control.calls.recordings.service import DELETE_RECORDINGS, deletion_payload, enqueue_recording_deletion
from control.calls.records import queries as records_queries
from control.calls.records.details import CallDetails, CarrierReport
from control.calls.records.state import CallState, accounting_day
from control.db.jobs import has_unfinished, retry_failed
from control.db.pool import Connection
from control.do_not_call.service import keep_pseudonym

# Facts of a carrier's report that survive a deletion. The cost is needed to correct the ledger, and the session
# identifies the call's later events.
_KEPT_FACTS: Final = ("cost",)
MOST_DELETED: Final = 20_000


async def delete_workspace_calls(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` calls with their words and events. Returns the number of calls.

    Usage records and daily figures stay, because they contain no personal data.
    """
    return await queries.delete_calls(db, workspace_id, most)


async def find_calls_of_number(
    db: Connection, caller: CallerNumber, until: datetime, most: int
) -> list[tuple[UUID, bool]]:
    """Finds up to `most` calls of each direction from or to the number, created before `until`.

    Each call comes with whether it is still open.
    """
    return await queries.select_of_number(db, caller.workspace_id, caller.number, until, most)


async def list_open_calls(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> list[UUID]:
    """Returns the calls among these that are not over."""
    return await queries.select_open(db, workspace_id, call_ids)


async def list_deleted_calls(db: Connection, caller: CallerNumber) -> list[DeletedCall]:
    """Returns up to MOST_DELETED calls that have the pseudonym in place of the number."""
    return await queries.select_deleted(db, caller.workspace_id, caller.pseudonym, MOST_DELETED)


async def delete_recordings(db: Connection, call_ids: Sequence[UUID], now: datetime) -> int:
    """Enqueues the jobs that delete the recordings of these calls, in our storage and at the carrier.

    Returns the number of calls.
    """
    states = await records_queries.lock_states(db, call_ids)
    found = [state for state in states.values() if has_recordings(state) and not state.details.deletes_recordings]
    await records_queries.update_states(
        db, [replace(call, details=replace(call.details, recordings_deleted_at=now)) for call in found]
    )
    for call in found:
        await enqueue_recording_deletion(db, call.id)
    return len(found)


async def delete_words(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes transcripts and summaries of these calls. Returns the number of calls.

    Sentiment and success stay, because they contain no words of the call. So the figures of these days stay the same if
    they are computed again.
    """
    return await queries.delete_words(db, workspace_id, call_ids)


async def delete_events(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the events of these calls. Returns the number of events."""
    return await queries.delete_events(db, workspace_id, call_ids)


async def delete_contents(
    db: Connection, caller: CallerNumber, call_ids: Sequence[UUID], now: datetime
) -> Mapping[str, int]:
    """Deletes all data about the caller that these calls hold. The calls are over.

    The pseudonym replaces the number, and jobs delete the recordings.

    Returns:
        The numbers of calls, transcripts, events and recorded calls.
    """
    states = await records_queries.lock_states(db, call_ids)
    recorded = [state.id for state in states.values() if has_recordings(state)]
    await records_queries.update_states(
        db, [replace(call, details=_without_caller(call.details, now)) for call in states.values()]
    )
    for call_id in states:
        await enqueue_recording_deletion(db, call_id)
    words = await delete_words(db, caller.workspace_id, call_ids)
    await queries.delete_judgments(db, caller.workspace_id, call_ids)
    await mark_days(db, {WorkspaceDay(call.workspace_id, accounting_day(call)) for call in states.values()})
    events = await delete_events(db, caller.workspace_id, call_ids)
    await queries.replace_number(db, caller.workspace_id, call_ids, caller.number, caller.pseudonym)
    return {"calls": len(states), "transcripts": words, "events": events, "recordings": len(recorded)}


async def delete_mentions(db: Connection, caller: CallerNumber) -> Mapping[str, int]:
    """Deletes the number from other people's calls that were transferred to it, and from the codes that verified it.

    If the number is blocked or on the do-not-call list, these entries stay under the pseudonym.
    """
    workspace_id, number = caller.workspace_id, caller.number
    return {
        "transfers": await queries.delete_transfer_target(db, workspace_id, number),
        "phone_codes": await queries.delete_phone_codes(db, workspace_id, number),
        "blocked_callers": await blocked_callers_queries.replace_caller(db, workspace_id, number, caller.pseudonym),
        "do_not_call": await keep_pseudonym(db, workspace_id, number, caller.pseudonym),
    }


async def has_unfinished_deletions(db: Connection, call_ids: Sequence[UUID]) -> bool:
    """Returns whether recordings of these calls still have to be deleted."""
    return await has_unfinished(db, DELETE_RECORDINGS, [deletion_payload(call_id) for call_id in call_ids])


async def retry_deletions(db: Connection) -> int:
    """Enqueues deletions of recordings again that failed too often. Returns the number of jobs."""
    return await retry_failed(db, DELETE_RECORDINGS)


def has_recordings(call: CallState) -> bool:
    """Returns whether a recording of the call is stored or was reported."""
    details = call.details
    return bool(call.recording_key or details.recordings or details.carrier_recordings)


def _without_caller(details: CallDetails, now: datetime) -> CallDetails:
    report = details.carrier
    facts = {name: value for name, value in report.unknown.items() if name in _KEPT_FACTS}
    carrier: CarrierReport = replace(report, unknown=facts)
    transfer = details.transfer and replace(details.transfer, number="", unknown={})
    return replace(
        details, carrier=carrier, transfer=transfer, recordings_deleted_at=now, contents_deleted_at=now, unknown={}
    )
