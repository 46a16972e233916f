"""All calls of the account, their status changes, and the resulting callbacks."""

import asyncio
from collections import deque
from datetime import UTC, datetime

from simulator.carrier.network.line import Line
from simulator.carrier.network.phone_network import UnansweredReason
from simulator.carrier.network.twilio.model import Status, TwilioCall
from simulator.carrier.network.twilio.recorder import Recorder
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks

# Number of ended calls whose audio stays in memory, at about 1 MB per minute.
_MAX_ENDED_LINES = 50
# Number of ended calls that can be fetched.
_MAX_ENDED_CALLS = 20_000

STATUS_BY_REASON: dict[UnansweredReason, tuple[Status, int]] = {
    "busy": ("busy", 486),
    "rejected": ("busy", 603),
    "no_answer": ("no-answer", 487),
    "cancelled": ("canceled", 487),
    "unknown_number": ("failed", 404),
    "failed": ("failed", 500),
}


class CallRegistry:
    """The account's calls and their states.

    Attributes:
        calls: Calls by id, in the order of their start.
    """

    def __init__(self, webhooks: TwilioWebhooks, recorder: Recorder) -> None:
        self.calls: dict[str, TwilioCall] = {}
        self._webhooks, self._recorder = webhooks, recorder
        self._ended: deque[TwilioCall] = deque()
        self._watchers: set[asyncio.Task[None]] = set()

    def open(self, call: TwilioCall) -> None:
        """Add a call."""
        self.calls[call.sid] = call

    def ringing(self, call: TwilioCall) -> None:
        """Set the status to ringing."""
        self._set_status(call, "ringing")
        self._webhooks.progress(call, "ringing")

    def answered(self, call: TwilioCall, line: Line) -> None:
        """Set the status to in-progress. From now on, the end of the line interrupts the call."""
        call.line = line
        call.answered = datetime.now(UTC)
        self._set_status(call, "in-progress")
        watcher = asyncio.create_task(_stop_when_over(call, line), name="watch")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        self._webhooks.progress(call, "answered")

    def finish(self, call: TwilioCall, status: Status, sip_code: int = 200) -> None:
        """Set the final status. Does nothing if the call already has one."""
        if call.over:
            return
        if call.line is not None:
            call.line.hang_up()
        call.ended = datetime.now(UTC)
        call.sip_code = sip_code
        self._set_status(call, status)
        self._recorder.finish(call)
        self._webhooks.progress(call, "completed")
        self._ended.append(call)
        if len(self._ended) > _MAX_ENDED_LINES:
            self._ended[-_MAX_ENDED_LINES - 1].line = None
        if len(self._ended) > _MAX_ENDED_CALLS:
            self.calls.pop(self._ended.popleft().sid, None)

    def _set_status(self, call: TwilioCall, status: Status) -> None:
        call.status = status
        call.updated = datetime.now(UTC)


async def _stop_when_over(call: TwilioCall, line: Line) -> None:
    await line.over.wait()
    call.stop.set()
