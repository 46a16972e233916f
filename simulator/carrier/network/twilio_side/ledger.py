"""All calls of the account, and the steps of a call's life with what the customer is told at each."""

import asyncio
from collections import deque
from datetime import UTC, datetime

from simulator.carrier.network.line import Line
from simulator.carrier.network.twilio_side.model import Call, Status
from simulator.carrier.network.twilio_side.recorder import Recorder
from simulator.carrier.network.twilio_side.webhooks import Webhooks
from simulator.carrier.network.world import Reason

# How many ended calls keep their sound, which weighs a megabyte a minute.
_LINES_KEPT = 50
# How many ended calls are kept at all.
_CALLS_KEPT = 20_000

REASONS: dict[Reason, tuple[Status, int]] = {
    "busy": ("busy", 486),
    "rejected": ("busy", 603),
    "no_answer": ("no-answer", 487),
    "cancelled": ("canceled", 487),
    "unknown_number": ("failed", 404),
    "failed": ("failed", 500),
}


class Ledger:
    """calls: by id, in the order they began."""

    def __init__(self, webhooks: Webhooks, recorder: Recorder) -> None:
        self.calls: dict[str, Call] = {}
        self._webhooks, self._recorder = webhooks, recorder
        self._ended: deque[Call] = deque()
        self._watchers: set[asyncio.Task[None]] = set()

    def open(self, call: Call) -> None:
        """A call exists from now on."""
        self.calls[call.sid] = call

    def ringing(self, call: Call) -> None:
        """It rings at the other end."""
        self._become(call, "ringing")
        self._webhooks.progress(call, "ringing")

    def answered(self, call: Call, line: Line) -> None:
        """The phone is off the hook; from now on the end of its line stops whatever is done with the call."""
        call.line = line
        call.answered = datetime.now(UTC)
        self._become(call, "in-progress")
        watcher = asyncio.create_task(_stop_when_over(call, line), name="watch")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        self._webhooks.progress(call, "answered")

    def finish(self, call: Call, status: Status, sip_code: int = 200) -> None:
        """The final status; a second one is ignored."""
        if call.over:
            return
        if call.line is not None:
            call.line.hang_up()
        call.ended = datetime.now(UTC)
        call.sip_code = sip_code
        self._become(call, status)
        self._recorder.finish(call)
        self._webhooks.progress(call, "completed")
        self._ended.append(call)
        if len(self._ended) > _LINES_KEPT:
            self._ended[-_LINES_KEPT - 1].line = None
        if len(self._ended) > _CALLS_KEPT:
            self.calls.pop(self._ended.popleft().sid, None)

    def _become(self, call: Call, status: Status) -> None:
        call.status = status
        call.updated = datetime.now(UTC)


async def _stop_when_over(call: Call, line: Line) -> None:
    await line.over.wait()
    call.stop.set()
