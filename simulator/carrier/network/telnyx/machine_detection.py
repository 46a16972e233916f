"""Answering machine detection (docs: voice/programmable-voice/answering-machine-detection)."""

import asyncio

from simulator.carrier.network.line import Line
from simulator.carrier.network.phone_network import AnsweredPhone
from simulator.carrier.network.telnyx.events import TelnyxWebhooks
from simulator.carrier.network.telnyx.leg import Leg, publish_event

_POLL_S = 0.01


class MachineDetector:
    """Publishes whether a machine answered, after the time that real detection takes.

    Args:
        webhooks: Delivers the event.
        listens_s: Duration of the detection in media time.
    """

    def __init__(self, webhooks: TelnyxWebhooks, listens_s: float) -> None:
        self._webhooks, self._listens_s = webhooks, listens_s

    def start(self, leg: Leg, line: Line, reached: AnsweredPhone, kind: str) -> None:
        """Start detection. Nothing is published after the call's end."""
        if kind != "disabled":
            leg.spawn(self._detect(leg, line, reached, kind), "telnyx detection")

    async def _detect(self, leg: Leg, line: Line, reached: AnsweredPhone, kind: str) -> None:
        premium = kind.startswith("premium")
        if not await _wait_on_line(line, self._listens_s):
            return
        human = "human_residence" if premium else "human"
        name = "call.machine.premium" if premium else "call.machine"
        publish_event(self._webhooks, leg, f"{name}.detection.ended", result="machine" if reached.machine else human)
        if not reached.machine or kind in ("detect", "detect_words"):
            return
        if await _wait_on_line(line, reached.greeting_s):
            beep = "ended" if kind == "greeting_end" else "beep_detected"
            publish_event(self._webhooks, leg, f"{name}.greeting.ended", result=beep)


async def _wait_on_line(line: Line, seconds: float) -> bool:
    """Wait until the line has been up this long in media time. Returns False if the line ends first."""
    while line.at_ms < seconds * 1_000:
        if line.over.is_set():
            return False
        await asyncio.sleep(_POLL_S)
    return not line.over.is_set()
