"""Puts frames that arrive out of order back in order, for a carrier that numbers them but does not sort them."""

from collections import deque
from collections.abc import Sequence

from media.telephony.wire import Heard


class JitterBuffer:
    """Frames in by their number, frames out in ascending order, none twice.

    A frame that comes in its turn is handed on at once. One that comes early is held until the missing ones are
    there, or until more than `bound` frames wait: then the gap is given up. The first number is taken to be 1;
    a stream that starts further on than the bound reaches (or at 0) starts where it starts.

    Counters: `lost` numbers given up on, `late` frames that came after that and were dropped, `duplicates` dropped.
    """

    def __init__(self, bound: int = 5) -> None:
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self._bound = bound
        self._next = -1  # the number whose turn it is; negative before the first frame
        self._held: dict[int, Heard] = {}
        self._gaps: deque[range] = deque(maxlen=16)  # the latest ones given up on, to tell late from duplicate

    def push(self, number: int, frame: Heard) -> Sequence[Heard]:
        """Takes one frame with its number (>= 0); returns those whose turn has come."""
        if number == self._next and not self._held:
            self._next = number + 1
            return (frame,)
        return self._unordered(number, frame)

    def flush(self) -> Sequence[Heard]:
        """Returns all that is held, in order; the gaps between count as lost."""
        frames: list[Heard] = []
        while self._held:
            self._give_up_gap()
            frames += self._release()
        return frames

    def _unordered(self, number: int, frame: Heard) -> Sequence[Heard]:
        if self._next < 0:
            self._next = 1 if 1 <= number <= 1 + self._bound else number
        if number < self._next or number in self._held:
            self._drop(number)
            return ()
        self._held[number] = frame
        if number != self._next and len(self._held) > self._bound:
            self._give_up_gap()
        return self._release()

    def _drop(self, number: int) -> None:
        if any(number in gap for gap in self._gaps):
            self.late += 1
        else:
            self.duplicates += 1

    def _give_up_gap(self) -> None:
        first = min(self._held)
        self.lost += first - self._next
        self._gaps.append(range(self._next, first))
        self._next = first

    def _release(self) -> Sequence[Heard]:
        frames: list[Heard] = []
        while (frame := self._held.pop(self._next, None)) is not None:
            frames.append(frame)
            self._next += 1
        return frames
