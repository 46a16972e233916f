"""Detects ended media streams that Twilio did not follow up.

If our side closes a stream, Twilio requests the next instruction (docs: error 31921). Twilio does not document what
follows a broken connection (31903), and such a call could stay silent for hours. Twilio therefore also reports the end
of each stream (`<Stream statusCallback>`), and a job makes Twilio request the instruction if it has not done so.
"""

from datetime import UTC, datetime
from typing import Final

import structlog

from control.calls.live.service import MediaAssignment
from control.calls.records.service import load_state
from control.calls.records.state import CallState
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.carriers.service import CallRedirection, Carriers
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Pool
from control.db.scope import enter_platform
from control.http.services import Services
from control.inbound_webhooks.queries import is_stored
from control.inbound_webhooks.twilio.calls import CheckStreamJob, continue_path
from control.inbound_webhooks.twilio.wire import continue_event_id
from shared.bus.client import BusUnavailable

# Seconds after which the job does nothing: by then the caller has hung up, or Twilio requested the instruction while
# the database was unavailable.
LATEST_S: Final = 40.0
# CallStatus of a call that has ended at Twilio (docs: voice/api/call-resource).
_OVER: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
log = structlog.get_logger()


def make_stream_check_job(pool: Pool, services: Services) -> JobHandler:
    """Return the handler that redirects a call to its next instruction.

    The job does nothing if the call has ended or Twilio has requested the instruction.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, CheckStreamJob)
        call = await load_state(pool, job.call_id)
        is_late = datetime.now(UTC).timestamp() - job.ended_at > LATEST_S
        if call is None or is_late or not await _is_stuck(pool, call, job):
            return
        if await _may_be_live(services, call, job):
            raise JobFailed("a node may have the call")
        await _redirect(services, call, job)

    return run


async def _is_stuck(pool: Pool, call: CallState, job: CheckStreamJob) -> bool:
    """Return whether the call is active and neither another stream nor a request for instructions followed the
    stream."""
    is_over = call.carrier_call_id is None or call.details.carrier.unknown.get("status") in _OVER
    if is_over or call.details.leg != job.leg:
        return False
    async with pool.transaction() as db:
        await enter_platform(db)
        return not await is_stored(db, "twilio", continue_event_id(call.carrier_call_id or "", job.leg))


async def _may_be_live(services: Services, call: CallState, job: CheckStreamJob) -> bool:
    """Return whether a node may still have the call. A dead node appears alive for some seconds (shared/bus/live.py).

    If Redis is unavailable, this is unknown. A stream that Twilio has stopped then counts as not live, and a stream
    with an error as possibly live.
    """
    if call.is_final:
        return False
    try:
        return bool(await services[MediaAssignment].find_live([call.id]))
    except BusUnavailable:
        return job.is_error


async def _redirect(services: Services, call: CallState, job: CheckStreamJob) -> None:
    """Redirect the call, unless it is being transferred.

    A transfer shows that Twilio requested the instruction while the database was unavailable. Transfer legs that
    returned to the agent have ended and do not count.
    """
    carrier_call_id = call.carrier_call_id or ""
    try:
        twilio = services[Carriers].get("twilio")
        if not isinstance(twilio, CallRedirection):
            return
        if await twilio.count_dialed(carrier_call_id) <= len(call.details.returns):
            await twilio.redirect(carrier_call_id, continue_path(job.call_id, job.leg, job.language))
            log.warning("call.redirected", carrier="twilio", call_id=str(call.id), leg=job.leg)
    except CarrierRefused as refused:
        if not refused.call_ended:
            raise JobFailed(f"refused: {refused.code}", is_permanent=True) from None
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
