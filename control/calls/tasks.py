"""The worker's tasks for calls: dialing, hang-up, recordings, analyses, lost calls, and the events of media."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from control.agents.plans.service import AgentLookup
from control.calls.analysis.service import ANALYZE_CALL
from control.calls.analysis.tasks import ANALYSIS_LIMITS
from control.calls.carrier_reports.service import READ_PRICE
from control.calls.carrier_reports.tasks import make_price_job
from control.calls.changes.tasks import CHARGED_AT_ONCE, SETTLED_AT_ONCE, charge_uncharged, settle_unsettled
from control.calls.events.tasks import EventCounts, consume_events
from control.calls.live.service import END_CALLS, HANG_UP, MediaAssignment
from control.calls.live.tasks import make_end_calls_job, make_hangup_job
from control.calls.lost.rules import CallWatch
from control.calls.lost.service import OrphanSearch, reap_calls
from control.calls.outbound.service import CANCELED_AT_ONCE, PLACE_CALL, CallPlacement, cancel_listed
from control.calls.outbound.tasks import DialQueue, make_dial_job
from control.calls.recordings.service import (
    DELETE_RECORDINGS,
    FETCH_RECORDING,
    JOIN_RECORDINGS,
    REDACT_RECORDINGS,
    START_RECORDING,
)
from control.calls.recordings.tasks import (
    make_delete_recordings_job,
    make_fetch_recording_job,
    make_join_recordings_job,
    make_redact_recordings_job,
    make_start_recording_job,
)
from control.calls.records.tasks import INDEXED_AT_ONCE, index_older, mark_running
from control.calls.spend_alarms.service import SpendAlarms
from control.calls.transfers.service import END_TARGET, END_TRANSFER
from control.calls.transfers.tasks import make_end_target_job, make_end_transfer_job
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.duties import AnyDuty, Duty, OutsideDuty, WorkerTasks
from control.db.jobs import JobHandler, JobLimits
from control.db.pool import Connection, Pool
from control.platform.service import Platform
from shared.bus.client import BusClient
from shared.storage import Storage

# A recording may have hundreds of megabytes. The timeout is longer than all attempts of the download and the upload.
_LIMITS: Final = {
    FETCH_RECORDING: JobLimits(timeout_s=900.0, concurrency=2),
    REDACT_RECORDINGS: JobLimits(timeout_s=900.0, concurrency=2),
    ANALYZE_CALL: ANALYSIS_LIMITS,
}
# Receives the number of alarms of each kind within 24 hours.
ReportAlarms = Callable[[Mapping[str, int]], None]


def calls_tasks(
    pool: Pool,
    *,
    placement: CallPlacement,
    agents: AgentLookup,
    platform: Platform,
    carriers: Carriers,
    pacer: CallPacer,
    media_assignment: MediaAssignment,
    storage: Storage,
    event_reader: BusClient,
    counts: EventCounts,
    delete_at_carrier: bool,
    alarms: SpendAlarms,
    report_alarms: ReportAlarms,
    analyze_call: JobHandler,
    ends_unknown_calls: bool = False,
) -> WorkerTasks:
    """Returns the jobs, duties and loops of all nouns of calls.

    Args:
        platform: Holds the prices for the estimate of a carrier's extras.
        event_reader: A client whose timeout is longer than a blocking read.
        counts: Counts consumed events.
        delete_at_carrier: Deletes a recording at the carrier once it is in our storage.
        report_alarms: Receives the alarms of the last 24 hours, counted by kind.
        analyze_call: See `make_analysis_job`.
        ends_unknown_calls: See `OrphanSearch`.
    """
    watch = CallWatch()

    async def raise_alarms(db: Connection, now: datetime) -> int:
        raised = await alarms.raise_due(db, now)
        report_alarms(await alarms.count_of_day(db, now))
        return raised

    async def lost_calls(pool: Pool, now: datetime) -> int:
        return await reap_calls(pool, media_assignment, watch, now)

    async def orphaned_calls(pool: Pool, now: datetime) -> int:
        return await OrphanSearch(pool, media_assignment, ends_unknown_calls).end_orphans(list(carriers), now)

    duties: list[AnyDuty] = [
        Duty("running_calls", 300, mark_running, 1 << 30),
        Duty("call_search", 60, index_older, INDEXED_AT_ONCE),
        Duty("uncharged_calls", 300, charge_uncharged, CHARGED_AT_ONCE),
        Duty("unsettled_attempts", 60, settle_unsettled, SETTLED_AT_ONCE),
        Duty("listed_calls", 10, cancel_listed, CANCELED_AT_ONCE),
        OutsideDuty("lost_calls", 10, lost_calls, 1 << 30),
        OutsideDuty("orphaned_calls", 60, orphaned_calls, 1 << 30),
        Duty("spend_alarms", 30, raise_alarms, 1 << 30),
    ]
    handlers: dict[str, JobHandler] = {
        ANALYZE_CALL: analyze_call,
        PLACE_CALL: make_dial_job(pool, placement, carriers, DialQueue(pool, pacer)),
        HANG_UP: make_hangup_job(pool, carriers, media_assignment),
        END_CALLS: make_end_calls_job(pool),
        READ_PRICE: make_price_job(pool, carriers, platform),
        END_TARGET: make_end_target_job(pool, carriers),
        END_TRANSFER: make_end_transfer_job(pool, agents, carriers),
        START_RECORDING: make_start_recording_job(pool, carriers),
        DELETE_RECORDINGS: make_delete_recordings_job(pool, carriers, storage),
        FETCH_RECORDING: make_fetch_recording_job(pool, carriers, storage, delete=delete_at_carrier),
        REDACT_RECORDINGS: make_redact_recordings_job(pool, storage),
        JOIN_RECORDINGS: make_join_recordings_job(pool, storage),
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
