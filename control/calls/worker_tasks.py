"""The worker's tasks for calls: dialling, hang-up, recordings, analyses, lost calls, and the events of media."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from control.analytics.rollup import WorkspaceDay, mark_days
from control.calls import read_uncharged, store, store_reaper, store_search
from control.calls.analysis.analysis_job import ANALYSIS_LIMITS
from control.calls.analysis.queue import ANALYSE_CALL
from control.calls.campaign_calls import SETTLED_AT_ONCE, settle_unsettled
from control.calls.carrier_reports import FETCH_RECORDING
from control.calls.dial_job import make_dial_job
from control.calls.dial_queue import PLACE_CALL, DialQueue
from control.calls.do_not_call import CANCELED_AT_ONCE, cancel_listed
from control.calls.event_batch import JOIN_RECORDINGS
from control.calls.event_consumer import EventCounts, consume_events
from control.calls.hangup import HANG_UP
from control.calls.hangup_job import make_hangup_job
from control.calls.media_assignment import MediaAssignment
from control.calls.orphans import OrphanSearch
from control.calls.price_job import READ_PRICE, make_price_job
from control.calls.reaper import CallWatch, reap_calls
from control.calls.recording_discard import DISCARD_RECORDINGS, make_discard_recordings_job
from control.calls.recording_jobs import make_fetch_recording_job, make_join_recordings_job
from control.calls.recording_redaction import REDACT_RECORDINGS, make_redact_recordings_job
from control.calls.recording_start import START_RECORDING, make_start_recording_job
from control.calls.service import Calls
from control.calls.spend_alarms import SpendAlarms
from control.calls.staff_end import END_CALLS, make_end_calls_job
from control.calls.state_changes import charge_calls
from control.calls.transfer_end import END_TRANSFER, make_end_transfer_job
from control.calls.warm_transfer_job import make_end_target_job
from control.calls.warm_transfers import END_TARGET
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.duties import AnyDuty, Duty, OutsideDuty, WorkerTasks
from control.db.jobs import JobHandler, JobLimits
from control.db.pool import Connection, Pool
from shared.bus.client import BusClient
from shared.storage import Storage

# A recording may have hundreds of megabytes. The timeout is longer than all attempts of the download and the upload.
_LIMITS: Final = {
    FETCH_RECORDING: JobLimits(timeout_s=900.0, concurrency=2),
    REDACT_RECORDINGS: JobLimits(timeout_s=900.0, concurrency=2),
    ANALYSE_CALL: ANALYSIS_LIMITS,
}
# Calls that a program of the version before ended are charged within so long; a rolling upgrade takes less.
UNCHARGED_FOR: Final = timedelta(days=1)
CHARGED_AT_ONCE: Final = 200
# Takes about a second, in which a late event of one of these calls would wait.
INDEXED_AT_ONCE: Final = 500
# Takes how many alarms of each kind were raised within 24 hours.
ReportAlarms = Callable[[Mapping[str, int]], None]


def calls_tasks(
    pool: Pool,
    *,
    calls: Calls,
    carriers: Carriers,
    pacer: CallPacer,
    media_assignment: MediaAssignment,
    storage: Storage,
    event_reader: BusClient,
    counts: EventCounts,
    delete_at_carrier: bool,
    alarms: SpendAlarms,
    report_alarms: ReportAlarms,
    analyse_call: JobHandler,
    ends_unknown_calls: bool = False,
) -> WorkerTasks:
    """event_reader: a client whose timeout is longer than a blocking read. counts: of consumed events.
    delete_at_carrier: deletes a recording at the carrier once it is in our storage. report_alarms: takes the alarms of
    the last 24 hours, counted by kind. analyse_call: see make_analysis_job. ends_unknown_calls: see OrphanSearch."""

    async def raise_alarms(db: Connection, now: datetime) -> int:
        raised = await alarms.raise_due(db, now)
        report_alarms(await alarms.count_of_day(db, now))
        return raised

    async def orphaned_calls(pool: Pool, now: datetime) -> int:
        return await OrphanSearch(pool, media_assignment, ends_unknown_calls).end_orphans(list(carriers), now)

    duties: list[AnyDuty] = [
        *_RECORD_DUTIES,
        _lost_calls(media_assignment),
        OutsideDuty("orphaned_calls", 60, orphaned_calls, 1 << 30),
        Duty("spend_alarms", 30, raise_alarms, 1 << 30),
    ]
    handlers: dict[str, JobHandler] = {
        ANALYSE_CALL: analyse_call,
        PLACE_CALL: make_dial_job(pool, calls, carriers, DialQueue(pool, pacer)),
        HANG_UP: make_hangup_job(pool, carriers, media_assignment),
        **_carrier_jobs(pool, calls, carriers),
        **_recording_jobs(pool, carriers, storage, delete_at_carrier),
    }
    consume = partial(
        consume_events,
        pool,
        event_reader,
        media_assignment.forget_conversations,
        authority=media_assignment.authority,
        counts=counts,
    )
    return WorkerTasks(handlers, duties, {"events": consume}, _LIMITS)


def _lost_calls(media_assignment: MediaAssignment) -> OutsideDuty:
    watch = CallWatch()
    return OutsideDuty("lost_calls", 10, lambda pool, now: reap_calls(pool, media_assignment, watch, now), 1 << 30)


def _recording_jobs(pool: Pool, carriers: Carriers, storage: Storage, delete_at_carrier: bool) -> dict[str, JobHandler]:
    return {
        DISCARD_RECORDINGS: make_discard_recordings_job(pool, carriers, storage),
        FETCH_RECORDING: make_fetch_recording_job(pool, carriers, storage, delete=delete_at_carrier),
        REDACT_RECORDINGS: make_redact_recordings_job(pool, storage),
        JOIN_RECORDINGS: make_join_recordings_job(pool, storage),
    }


def _carrier_jobs(pool: Pool, calls: Calls, carriers: Carriers) -> dict[str, JobHandler]:
    return {
        END_CALLS: make_end_calls_job(pool),
        READ_PRICE: make_price_job(pool, carriers, calls.platform),
        START_RECORDING: make_start_recording_job(pool, carriers),
        END_TARGET: make_end_target_job(pool, carriers),
        END_TRANSFER: make_end_transfer_job(pool, calls, carriers),
    }


async def mark_running(db: Connection, now: datetime) -> int:
    """Has the days of running calls rolled up with what they consumed so far; returns how many."""
    days = [WorkspaceDay(workspace_id, day) for workspace_id, day in await store_reaper.select_open_days(db)]
    await mark_days(db, days)
    return len(days)


async def index_older(db: Connection, now: datetime) -> int:
    """Makes calls searchable that were over before the table of their words was there; returns how many were looked
    at."""
    return await store_search.index_older_calls(db, INDEXED_AT_ONCE)


async def charge_uncharged(db: Connection, now: datetime) -> int:
    """Charges calls that are over and have no minutes in the ledger; returns how many."""
    found = await read_uncharged.select_uncharged(db, now - UNCHARGED_FOR, CHARGED_AT_ONCE)
    calls = await store.lock_states(db, found)
    await charge_calls(db, list(calls.values()))
    return len(calls)


# Bring what follows from calls up to date.
_RECORD_DUTIES: Final = (
    Duty("running_calls", 300, mark_running, 1 << 30),
    Duty("call_search", 60, index_older, INDEXED_AT_ONCE),
    Duty("uncharged_calls", 300, charge_uncharged, CHARGED_AT_ONCE),
    Duty("unsettled_attempts", 60, settle_unsettled, SETTLED_AT_ONCE),
    Duty("listed_calls", 10, cancel_listed, CANCELED_AT_ONCE),
)
