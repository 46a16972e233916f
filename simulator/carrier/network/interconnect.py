"""A call between numbers of two carriers. It connects the calling side's phone with the called side's caller."""

from collections import deque

from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.mulaw import SILENT_FRAME

# Maximum number of frames that one end may be ahead of the other. Older frames are dropped.
_MAX_AHEAD = 10


class InterconnectEnd:
    """A party that plays what the other end hears, one or two frames later.

    Attributes:
        ended: Whether the call has ended.
    """

    def __init__(self) -> None:
        self.ended = False
        self.other: InterconnectEnd | None = None
        self._frames: deque[bytes] = deque(maxlen=_MAX_AHEAD)

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Pass the heard frame to the other end. Returns what the other end heard."""
        if self.other is not None:
            self.other.queue(heard)
        return PartyOutput(self._frames.popleft() if self._frames else SILENT_FRAME, hang_up=self.ended)

    def queue(self, frame: bytes) -> None:
        """Queue this end's next 20 ms."""
        self._frames.append(frame)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Do nothing, because audio is passed on when it plays."""

    def cleared(self, at_ms: float) -> None:
        """Do nothing, because discarded audio never plays."""


def make_interconnect() -> tuple[InterconnectEnd, InterconnectEnd]:
    """Return two connected ends."""
    near, far = InterconnectEnd(), InterconnectEnd()
    near.other, far.other = far, near
    return near, far
