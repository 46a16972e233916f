"""The second way back from a media stream.

When our side closes a stream, Twilio goes on with the next instruction (docs: error 31921). Of a connection that breaks
(31903) no page says so: such a call could stay silent for hours. So Twilio also reports each stream's end (`<Stream
statusCallback>`), and a job has it ask for the instructions that it has not asked for.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.calls.job_support import decode_payload, load_state, utc_now
from control.calls.state import CallState
from control.carriers.model import CarrierRefused, CarrierUnavailable
from control.carriers.registry import CallRedirection
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.webhooks.addresses import CONTINUE
from control.webhooks.inbox.store import is_stored
from control.webhooks.ports import WebhookServices
from control.webhooks.twilio.form import TwilioForm, continue_event_id, parse_iso_time
from shared.bus.client import BusUnavailable

CHECK_STREAM: Final = "calls.check_stream"
# Twilio asks for the next instruction within a second.
CHECK_AFTER_S: Final = 2.0
# Later nothing is done: the caller has hung up, or Twilio asked while the database was unavailable.
LATEST_S: Final = 40.0
# CallStatus of a call that is over at Twilio (docs: voice/api/call-resource).
_OVER: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
log = structlog.get_logger()


class CheckStreamJob(msgspec.Struct, frozen=True):
    """Payload of the job. leg: of the stream that ended. ended_at: seconds since the epoch. language: the agent's
    locale."""

    call_id: UUID
    leg: int
    ended_at: float
    language: str = "en"


def continue_path(call_id: UUID | None, leg: int, language: str) -> str:
    """Where Twilio asks what comes after a stream: path and query. The language is part of it, so that an announcement
    needs no look-up when something is unavailable."""
    return f"{CONTINUE}?call={call_id or ''}&leg={leg}&language={language}"


async def enqueue_stream_check(db: Connection, form: TwilioForm, now: datetime) -> None:
    """Does nothing for the report that a stream has begun."""
    if form["StreamEvent"] in ("stream-stopped", "stream-error") and form.call_id is not None:
        job = CheckStreamJob(form.call_id, form.leg, parse_iso_time(form["Timestamp"], now).timestamp(), form.language)
        await enqueue(db, CHECK_STREAM, msgspec.json.encode(job), delay_s=CHECK_AFTER_S)


def make_stream_check_job(pool: Pool, services: WebhookServices) -> JobHandler:
    """Redirects a call to its next instruction, unless it is over, or Twilio asked for that itself."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, CheckStreamJob)
        call = await load_state(pool, job.call_id)
        is_late = utc_now().timestamp() - job.ended_at > LATEST_S
        if call is None or is_late or not await _is_stuck(pool, call, job):
            return
        if await _is_live(services, call):
            raise JobFailed("a node reports the call")
        await _redirect(services, call, job)

    return run


async def _is_stuck(pool: Pool, call: CallState, job: CheckStreamJob) -> bool:
    """Whether the call is up, and nothing followed the stream: neither another one nor a request for instructions."""
    is_over = call.carrier_call_id is None or call.details.carrier.unknown.get("status") in _OVER
    if is_over or call.details.leg != job.leg:
        return False
    async with pool.transaction() as db:
        await enter_platform(db)
        return not await is_stored(db, "twilio", continue_event_id(call.carrier_call_id or "", job.leg))


async def _is_live(services: WebhookServices, call: CallState) -> bool:
    """Whether a node still has the call; a dead one seems to for some seconds (shared/bus/live.py). Without Redis
    nobody knows, and a call that is up is better asked for once too often."""
    try:
        return not call.is_final and bool(await services.media_assignment.find_live([call.id]))
    except BusUnavailable:
        return False


async def _redirect(services: WebhookServices, call: CallState, job: CheckStreamJob) -> None:
    try:
        twilio = services.carriers.get("twilio")
        if isinstance(twilio, CallRedirection):
            log.warning("call.redirected", carrier="twilio", call_id=str(call.id), leg=job.leg)
            await twilio.redirect(call.carrier_call_id or "", continue_path(job.call_id, job.leg, job.language))
    except CarrierRefused as refused:
        if not refused.call_ended:
            raise JobFailed(f"refused: {refused.code}", is_permanent=True) from None
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
