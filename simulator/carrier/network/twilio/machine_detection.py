"""Answering machine detection (docs: voice/answering-machine-detection): results and their timing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from simulator.carrier.clock import Clock
from simulator.carrier.network.phone_network import AnsweredPhone
from simulator.carrier.network.twilio.model import StatusCallback, TwilioCall
from simulator.carrier.network.twilio.webhooks import TwilioWebhooks

_HUMAN_S = 0.8
_MACHINE_S = 1.6


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """The settings of detection.

    Attributes:
        to_message_end: Whether to wait for the end of a machine's greeting (DetectMessageEnd).
    """

    to_message_end: bool
    asynchronous: bool
    callback: StatusCallback


async def detect_machine(
    call: TwilioCall,
    reached: AnsweredPhone,
    detection: MachineDetection,
    webhooks: TwilioWebhooks,
    make_clock: Callable[[], Clock],
) -> None:
    """Set `answered_by` after the detection's media time, and send the callback of asynchronous detection.

    Does nothing if the line ends first.
    """
    answered_by, after_s = "human", _HUMAN_S
    if reached.machine and detection.to_message_end:
        answered_by, after_s = "machine_end_beep", reached.greeting_s
    elif reached.machine:
        answered_by, after_s = "machine_start", _MACHINE_S
    clock = make_clock()
    over = asyncio.ensure_future(reached.line.over.wait())
    heard = asyncio.ensure_future(clock.wait_until(clock.now() + after_s))
    try:
        await asyncio.wait({over, heard}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
        heard.cancel()
    if reached.line.over.is_set():
        return
    call.answered_by = answered_by
    fields = [*webhooks.fields(call), ("MachineDetectionDuration", str(round(after_s * 1_000)))]
    if detection.asynchronous:
        webhooks.send_callback(detection.callback, fields, call.phone)
