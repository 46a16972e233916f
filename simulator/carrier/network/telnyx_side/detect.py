"""Answering machine detection: what is told about whoever answered."""

import asyncio

from simulator.carrier.network.line import Line
from simulator.carrier.network.telnyx_side.events import Webhooks
from simulator.carrier.network.telnyx_side.leg import Leg, tell
from simulator.carrier.network.world import Reached

_LOOK_S = 0.01


class Detector:
    """Knows it from the world, and says so when a real one could. listens_s: how long that takes, in media time."""

    def __init__(self, webhooks: Webhooks, listens_s: float) -> None:
        self._webhooks, self._listens_s = webhooks, listens_s

    def listen(self, leg: Leg, line: Line, reached: Reached, kind: str) -> None:
        """The events follow; none after the call's end."""
        if kind != "disabled":
            leg.spawn(self._listen(leg, line, reached, kind), "telnyx detection")

    async def _listen(self, leg: Leg, line: Line, reached: Reached, kind: str) -> None:
        premium = kind.startswith("premium")
        if not await _heard(line, self._listens_s):
            return
        human = "human_residence" if premium else "human"
        name = "call.machine.premium" if premium else "call.machine"
        tell(self._webhooks, leg, f"{name}.detection.ended", result="machine" if reached.machine else human)
        if not reached.machine or kind in ("detect", "detect_words"):
            return
        if await _heard(line, reached.greeting_s):
            beep = "ended" if kind == "greeting_end" else "beep_detected"
            tell(self._webhooks, leg, f"{name}.greeting.ended", result=beep)


async def _heard(line: Line, seconds: float) -> bool:
    """Waits until the line is so old in media time; False when it's over before."""
    while line.at_ms < seconds * 1_000:
        if line.over.is_set():
            return False
        await asyncio.sleep(_LOOK_S)
    return not line.over.is_set()
