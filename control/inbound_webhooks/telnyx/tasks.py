"""The job that acts on a media node's report of a stream's end, whether or not Telnyx also reports it."""

from datetime import UTC, datetime

from control.calls.live.service import MediaAssignment, StreamEndedJob
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.inbound_webhooks.service import WebhookParts
from control.inbound_webhooks.telnyx.calls import TelnyxCalls
from shared.bus.client import BusUnavailable
from shared.errors import Unavailable


def make_stream_end_job(parts: WebhookParts) -> JobHandler:
    """Return the handler that hangs up or transfers a call whose conversation has ended.

    Without an outcome, the job does nothing: Telnyx must notice the loss of a stream before another stream can start.
    """
    calls, media = TelnyxCalls(parts), parts.services[MediaAssignment]

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, StreamEndedJob)
        try:
            if await media.wait_for_outcome(job.call_id, None, 0, leg=job.leg) is None:
                return
            await calls.receive_stream_end(job, datetime.now(UTC))
        except (BusUnavailable, Unavailable, TimeoutError) as failure:
            raise JobFailed(type(failure).__name__) from None

    return run
