"""The job that looks up the outcome of a booking, a move or a cancellation.

If a vendor does not answer three times or a process dies, a row stays with an unknown outcome. The job queries the
vendor well after the call's deadline (20 s), and is retried until the vendor answers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from control.db.jobs import JobFailed, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.db.transaction import in_transaction
from control.integrations.actions.queries import select_connection
from control.integrations.actions.rules import ActiveConnection, make_run_key
from control.integrations.bookings.calendar_requests import GET_APPOINTMENT, READ_APPOINTMENT, CalendarRequests
from control.integrations.bookings.service import AppointmentOutcome, SettleAppointmentJob, finish_appointment
from control.integrations.caller_records import queries as caller_records_queries
from control.integrations.caller_records.queries import UnsettledAppointment
from control.integrations.caller_records.rules import Appointment, AppointmentStatus
from shared.errors import Conflict, Problem, Unavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _State:
    """An appointment with an unknown outcome and the data to settle it.

    Attributes:
        before: The appointment that is moved. None for a booking or a cancellation.
    """

    found: UnsettledAppointment
    connection: ActiveConnection | None
    before: Appointment | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The outcome of a change.

    Attributes:
        external_id: The appointment that was booked or moved. None if the change had no effect.
    """

    external_id: str | None


class AppointmentSettlement:
    """Handles the job `integrations.settle_appointment`.

    Args:
        pool: Database pool. Each method opens its own transactions.
    """

    def __init__(self, pool: Pool, requests: CalendarRequests) -> None:
        self._pool, self._requests = pool, requests

    async def run(self, payload: bytes) -> None:
        """Settle a change. Raises JobFailed while the vendor does not answer, so that the job is retried."""
        job = decode_payload(payload, SettleAppointmentJob)
        try:
            await self._settle(job)
        except Unavailable:
            raise JobFailed("database or vendor unavailable") from None
        except Conflict as error:  # outcome_unknown, or the connection is being reconnected
            raise JobFailed(error.code) from None
        except Problem as error:
            raise JobFailed(error.code, is_permanent=True) from None

    async def _settle(self, job: SettleAppointmentJob) -> None:
        async def read(db: Connection) -> _State | None:
            await enter_workspace(db, job.workspace_id)
            found = await caller_records_queries.select_unsettled_appointment(db, job.workspace_id, job.appointment_id)
            if found is None:
                return None
            moved = found.appointment.moves
            before = (
                None if moved is None else await caller_records_queries.select_appointment(db, job.workspace_id, moved)
            )
            connection = await select_connection(db, job.workspace_id, found.appointment.integration_id)
            return _State(found, connection, before)

        state = await in_transaction(self._pool, read)
        if state is None:
            return
        found, connection, before = state.found, state.connection, state.before
        wanted = READ_APPOINTMENT if found.cancellation or found.appointment.moves else GET_APPOINTMENT
        if connection is None or connection.type_config.action(wanted) is None:
            log.warning("appointment.unsettled", appointment_id=str(job.appointment_id))
            return
        outcome = await self._ask(connection, found, before)
        await in_transaction(self._pool, lambda db: _store(db, job, found, outcome))
        log.info("appointment.settled", call_id=str(found.call_id), is_booked=outcome.external_id is not None)

    async def _ask(
        self, connection: ActiveConnection, found: UnsettledAppointment, before: Appointment | None
    ) -> _Outcome:
        appointment = found.appointment
        if found.cancellation:
            there = await self._requests.read(connection, appointment.external_id or "")
            return _Outcome(None if there is None else there.external_id)
        if appointment.moves is None:
            return _Outcome(await self._requests.find_by_key(connection, make_run_key(found.call_id, found.run_id)))
        if before is None or before.external_id is None:
            return _Outcome(None)
        there = await self._requests.read(connection, before.external_id)
        is_moved = there is not None and there.starts_at == appointment.starts_at
        return _Outcome(before.external_id if is_moved else None)


async def _store(db: Connection, job: SettleAppointmentJob, found: UnsettledAppointment, outcome: _Outcome) -> None:
    await enter_workspace(db, job.workspace_id)
    now = datetime.now(UTC)
    if found.cancellation is None:
        status: AppointmentStatus = "failed" if outcome.external_id is None else "booked"
        finished = AppointmentOutcome(job.workspace_id, found.call_id, found.appointment, status, outcome.external_id)
        await finish_appointment(db, finished, now)
    elif outcome.external_id is None:
        await caller_records_queries.cancel_appointment(db, job.workspace_id, job.appointment_id, now)
    else:
        await caller_records_queries.clear_change(db, job.workspace_id, job.appointment_id, found.cancellation)
