"""The worker's tasks for calls: dialling, hang-up, recordings, analyses, lost calls, and the events of media."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from control.calls.analysis.service import ANALYSE_CALL
from control.calls.analysis.tasks import ANALYSIS_LIMITS
from control.calls.carrier_reports.service import READ_PRICE
from control.calls.carrier_reports.tasks import make_price_job
from control.calls.changes.tasks import CHARGED_AT_ONCE, SETTLED_AT_ONCE, charge_uncharged, settle_unsettled
from control.calls.events.tasks import EventCounts, consume_events
from control.calls.live.service import END_CALLS, HANG_UP, MediaAssignment
from control.calls.live.tasks import make_end_calls_job, make_hangup_job
from control.calls.lost.service import CallWatch, OrphanSearch, reap_calls
from control.calls.outbound.service import CANCELED_AT_ONCE, PLACE_CALL, CallRequest, cancel_listed
from control.calls.outbound.tasks import DialQueue, make_dial_job
from control.calls.recordings.service import (
    DISCARD_RECORDINGS,
    FETCH_RECORDING,
    JOIN_RECORDINGS,
    REDACT_RECORDINGS,
    START_RECORDING,
)
from control.calls.recordings.tasks import (
    make_discard_recordings_job,
    make_fetch_recording_job,
    make_join_recordings_job,
    make_redact_recordings_job,
    make_start_recording_job,
)
from control.calls.records.tasks import INDEXED_AT_ONCE, index_older, mark_running
from control.calls.service import Calls
from control.calls.spend_alarms.service import SpendAlarms
from control.calls.transfers.service import END_TARGET, END_TRANSFER
from control.calls.transfers.tasks import make_end_target_job, make_end_transfer_job
from control.campaigns.tasks import CampaignCall, PlaceCall
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.duties import AnyDuty, Duty, OutsideDuty, WorkerTasks
from control.db.jobs import JobHandler, JobLimits
from control.db.pool import Connection, Pool
from control.platform.audit import Actor
from shared.bus.client import BusClient
from shared.storage import Storage

# A recording may have hundreds of megabytes. The timeout is longer than all attempts of the download and the upload.
_LIMITS: Final = {
    FETCH_RECORDING: JobLimits(timeout_s=900.0, concurrency=2),
    REDACT_RECORDINGS: JobLimits(timeout_s=900.0, concurrency=2),
    ANALYSE_CALL: ANALYSIS_LIMITS,
}
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


# Bring what follows from calls up to date.
_RECORD_DUTIES: Final = (
    Duty("running_calls", 300, mark_running, 1 << 30),
    Duty("call_search", 60, index_older, INDEXED_AT_ONCE),
    Duty("uncharged_calls", 300, charge_uncharged, CHARGED_AT_ONCE),
    Duty("unsettled_attempts", 60, settle_unsettled, SETTLED_AT_ONCE),
    Duty("listed_calls", 10, cancel_listed, CANCELED_AT_ONCE),
)


def make_campaign_placer(calls: Calls) -> PlaceCall:
    """What the dispatcher places calls by. It raises what Calls.place raises."""

    async def place(db: Connection, call: CampaignCall, now: datetime) -> UUID:
        request = CallRequest(
            workspace_id=call.workspace_id,
            agent_id=call.agent_id,
            number=call.phone_number,
            is_test=False,
            variables=call.variables,
            agent_version=call.agent_version,
            number_ids=call.number_ids,
        )
        return await calls.place(db, Actor("system"), request, now)

    return place
