"""Calls through REST (docs: voice/api/call-resource): queued, ringing, in progress, executing their documents."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from simulator.carrier.network.line import Line
from simulator.carrier.network.phone_network import AnsweredPhone, NotAnswered, PhoneNetwork
from simulator.carrier.network.twilio.call_registry import STATUS_BY_REASON, CallRegistry
from simulator.carrier.network.twilio.machine_detection import MachineDetection, detect_machine
from simulator.carrier.network.twilio.model import DocumentSource, StatusCallback, TwilioCall
from simulator.carrier.network.twilio.recorder import Recorder
from simulator.carrier.network.twilio.twiml_executor import (
    CallInterrupted,
    CallRejected,
    TwimlExecutor,
    run_unless_interrupted,
)
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The parameters of a call.

    Attributes:
        record: The recording's callback; None for no recording.
    """

    source: DocumentSource
    timeout_s: float = 60.0
    time_limit_s: float = 14_400.0
    detection: MachineDetection | None = None
    record: StatusCallback | None = None
    record_dual: bool = False


class OutboundCalls:
    """Places calls at up to `calls_per_second`."""

    def __init__(
        self,
        network: PhoneNetwork,
        registry: CallRegistry,
        webhooks: TwilioWebhooks,
        recorder: Recorder,
        make_executor: Callable[[TwilioCall, Callable[[], Line]], TwimlExecutor],
        calls_per_second: float | None,
    ) -> None:
        self._network, self._registry, self._webhooks, self._recorder = (
            network,
            registry,
            webhooks,
            recorder,
        )
        self._make_executor = make_executor
        self._gap_s = 1 / calls_per_second if calls_per_second else 0.0
        self._next = 0.0

    async def place(self, call: TwilioCall, call_request: CallRequest) -> None:
        """Run a call to its final status."""
        try:
            reached = await run_unless_interrupted(call, self._ring(call, call_request))
        except NotAnswered as failure:
            return self._registry.finish(call, *STATUS_BY_REASON[failure.reason])
        except CallInterrupted:
            return self._registry.finish(call, "canceled", 487)
        timer = asyncio.get_running_loop().call_later(call_request.time_limit_s, reached.line.hang_up)
        try:
            await self._run_answered(call, call_request, reached)
        finally:
            timer.cancel()
            self._registry.finish(call, "completed")
            await reached.line.closed()

    async def _ring(self, call: TwilioCall, call_request: CallRequest) -> AnsweredPhone:
        await self._wait_for_slot()
        self._webhooks.progress(call, "initiated")
        ringing = partial(self._registry.ringing, call)
        return await self._network.ring_phone(
            call.caller,
            call.called,
            timeout_s=call_request.timeout_s,
            ringing=ringing,
            carrier="twilio",
            call_id=call.sid,
        )

    async def _run_answered(self, call: TwilioCall, call_request: CallRequest, reached: AnsweredPhone) -> None:
        self._registry.answered(call, reached.line)
        if call_request.record is not None:
            self._recorder.start(call, "OutboundAPI", dual=call_request.record_dual, callback=call_request.record)
        async with asyncio.TaskGroup() as tasks:
            detection_task: asyncio.Task[None] | None = None
            if call_request.detection is not None:
                detecting = detect_machine(
                    call, reached, call_request.detection, self._webhooks, self._network.make_clock
                )
                detection_task = tasks.create_task(detecting)
                if not call_request.detection.asynchronous:
                    await detection_task
            with suppress(CallRejected):
                await self._make_executor(call, lambda: reached.line).run(call_request.source)
            if detection_task is not None:
                detection_task.cancel()

    async def _wait_for_slot(self) -> None:
        """Wait until the account's rate allows the next call."""
        now = asyncio.get_running_loop().time()
        begins = max(now, self._next)
        self._next = begins + self._gap_s
        await asyncio.sleep(begins - now)
