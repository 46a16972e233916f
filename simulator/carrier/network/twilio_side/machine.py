"""Answering machine detection: what Twilio finds out about who answered, and when."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from simulator.carrier.network.twilio_side.model import Call, Callback
from simulator.carrier.network.twilio_side.webhooks import Webhooks
from simulator.carrier.network.world import Reached
from simulator.carrier.pace import Pace

_HUMAN_S = 0.8
_MACHINE_S = 1.6


@dataclass(frozen=True, slots=True)
class Detection:
    """What was asked for. to_the_end: a machine's greeting is waited for (DetectMessageEnd)."""

    to_the_end: bool
    asynchronous: bool
    callback: Callback


async def detect(
    call: Call, reached: Reached, detection: Detection, webhooks: Webhooks, pace: Callable[[], Pace]
) -> None:
    """Waits for the verdict, in media time, notes it, and tells it when asked to. No verdict on a line that is over."""
    verdict, after_s = "human", _HUMAN_S
    if reached.machine and detection.to_the_end:
        verdict, after_s = "machine_end_beep", reached.greeting_s
    elif reached.machine:
        verdict, after_s = "machine_start", _MACHINE_S
    clock = pace()
    over = asyncio.ensure_future(reached.line.over.wait())
    heard = asyncio.ensure_future(clock.until(clock.now() + after_s))
    try:
        await asyncio.wait({over, heard}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
        heard.cancel()
    if reached.line.over.is_set():
        return
    call.answered_by = verdict
    fields = [*webhooks.fields(call), ("MachineDetectionDuration", str(round(after_s * 1_000)))]
    if detection.asynchronous:
        webhooks.tell(detection.callback, fields)
