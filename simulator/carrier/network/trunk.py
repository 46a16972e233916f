"""A call from one carrier into the other (or into itself): each side's phone is the other side's call."""

from collections import deque

from simulator.carrier.mulaw import SILENT_FRAME
from simulator.carrier.stream import Step

# How far one side may run ahead of the other before the oldest sound is lost.
_MOST_AHEAD = 10


class TrunkEnd:
    """A party that says what the other end hears, a beat or two later. gone: the other end is over, and so is this."""

    def __init__(self) -> None:
        self.gone = False
        self.other: TrunkEnd | None = None
        self._frames: deque[bytes] = deque(maxlen=_MOST_AHEAD)

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """Hands over what is heard, says what the other end heard."""
        if self.other is not None:
            self.other.say(heard)
        return Step(self._frames.popleft() if self._frames else SILENT_FRAME, hang_up=self.gone)

    def say(self, frame: bytes) -> None:
        """This end's next 20 ms."""
        self._frames.append(frame)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """What is to come is handed over when it sounds."""

    def cleared(self, at_ms: float) -> None:
        """What does not sound is not handed over."""


def trunk() -> tuple[TrunkEnd, TrunkEnd]:
    """Both ends."""
    near, far = TrunkEnd(), TrunkEnd()
    near.other, far.other = far, near
    return near, far
