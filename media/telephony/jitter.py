"""Sorts frames that arrive out of order, for a carrier that numbers its frames but does not send them in order."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from media.telephony.codec import InboundAudio

# After this many consecutive frames with old numbers (half a second), the carrier has restarted its numbers.
RESTART_AFTER: Final = 25


class JitterBuffer:
    """Accepts numbered frames and returns them in ascending order, each once.

    The expected frame is returned at once. An early frame is held until the missing frames arrive, or until more than
    `bound` frames are held; then the gap is skipped. The first number should be 1. A stream that starts at 0 or beyond
    `bound` starts with the number of its first frame. If a carrier restarts its numbers, the buffer restarts after
    RESTART_AFTER frames; otherwise, all later frames would be dropped.

    Attributes:
        lost: The number of skipped frames.
        late: The number of dropped frames that arrived after they were skipped.
        duplicates: The number of dropped duplicate frames.
    """

    __slots__ = ("_behind", "_behind_at", "_bound", "_gaps", "_held", "_next", "duplicates", "late", "lost")

    def __init__(self, bound: int = 5) -> None:
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self._bound = bound
        self._next = -1  # the expected number; negative before the first frame
        self._held: dict[int, InboundAudio] = {}
        self._gaps: deque[range] = deque(
            maxlen=16
        )  # the latest skipped numbers, to distinguish late frames from duplicates
        self._behind = 0  # consecutive old frames while `_next` equals `_behind_at`
        self._behind_at = -1

    def push(self, number: int, frame: InboundAudio) -> Sequence[InboundAudio]:
        """Accept a frame with its number (>= 0). Return the frames that are now in order."""
        if number == self._next and not self._held:
            self._next = number + 1
            return (frame,)
        return self._unordered(number, frame)

    def flush(self) -> Sequence[InboundAudio]:
        """Return all held frames in order. The gaps between them count as lost."""
        frames: list[InboundAudio] = []
        while self._held:
            self._skip_gap()
            frames += self._take_ready()
        return frames

    def _unordered(self, number: int, frame: InboundAudio) -> Sequence[InboundAudio]:
        if self._next < 0:
            self._next = 1 if 1 <= number <= 1 + self._bound else number
        if number in self._held or (number < self._next and not self._begins_again()):
            self._drop(number)
            return ()
        if number < self._next:
            self.lost += len(self._held)
            self._held.clear()
            self._gaps.clear()
            self._next = number
        self._held[number] = frame
        if number != self._next and len(self._held) > self._bound:
            self._skip_gap()
        return self._take_ready()

    def _begins_again(self) -> bool:
        if self._behind_at != self._next:
            self._behind, self._behind_at = 0, self._next
        self._behind += 1
        return self._behind > RESTART_AFTER

    def _drop(self, number: int) -> None:
        if any(number in gap for gap in self._gaps):
            self.late += 1
        else:
            self.duplicates += 1

    def _skip_gap(self) -> None:
        first = min(self._held)
        self.lost += first - self._next
        self._gaps.append(range(self._next, first))
        self._next = first

    def _take_ready(self) -> Sequence[InboundAudio]:
        frames: list[InboundAudio] = []
        while (frame := self._held.pop(self._next, None)) is not None:
            frames.append(frame)
            self._next += 1
        return frames
