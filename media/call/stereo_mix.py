"""The two sides of a call on one clock: caller left, agent right as heard. Pure."""

from dataclasses import dataclass, field

import numpy as np

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS, SILENCE

# The newest stretch is not written yet: a mark may still correct what was heard in it.
SETTLE_MS = 500.0
# Caller audio may come so much later than it was spoken: a silent socket is dropped after this time. Until then what is
# missing is not written as silence.
LATE_MS = 10_000.0
# Audio that has come in its time for so long after inserted silence shows that what is missing there will not come in a
# burst any more.
BURST_MS = 1_000.0
# Agent audio is joined without a gap as long as the clock agrees within this.
SEAM_MS = 60.0
# The caller's channel is filled with silence when the carrier sent nothing for longer than this.
GAP_MS = 200.0
# The caller's channel may run so far ahead of the clock: jitter. What lies further ahead came in a burst that was too
# long to be put right.
AHEAD_MS = 150.0


@dataclass(slots=True)
class _Padding:
    """Inserted silence, in bytes of its channel. tried_at: when it was inserted, or shortened last."""

    start: int
    stop: int
    tried_at: float


@dataclass(slots=True)
class _Channel:
    """One side, mu-law. padding: inserted silence that may still be removed."""

    ulaw: bytearray = field(default_factory=bytearray)
    padding: list[_Padding] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """Its length."""
        return len(self.ulaw) / BYTES_PER_MS

    @property
    def known_ms(self) -> float:
        """How much of it cannot change any more, whatever comes."""
        return (self.padding[0].start if self.padding else len(self.ulaw)) / BYTES_PER_MS

    def pad(self, ms: float, now: float) -> None:
        """Appends silence for what is missing."""
        start = len(self.ulaw)
        self.ulaw += SILENCE * round(ms * BYTES_PER_MS)
        self.padding.append(_Padding(start, len(self.ulaw), now))

    def shorten(self, ms: float, now: float) -> None:
        """Removes so much of the inserted silence, the latest first: the audio after it was only late. What audio in
        its time has followed for BURST_MS stays for good. The length of a burst tells nothing, for it is as long as the
        stall before it."""
        surplus = round(ms * BYTES_PER_MS)
        while surplus > 0 and self.padding:
            last = self.padding[-1]
            removed = min(surplus, last.stop - last.start)
            del self.ulaw[last.start : last.start + removed]
            surplus -= removed
            last.stop, last.tried_at = last.stop - removed, now
            if last.start == last.stop:
                self.padding.pop()
        if self.padding and now - self.padding[-1].tried_at >= BURST_MS:
            self.padding.clear()

    def cut(self, size: int) -> bytes:
        """Takes so many bytes from its beginning, silence if there are no more."""
        taken = bytes(self.ulaw[:size])
        del self.ulaw[:size]
        self.padding = [part for part in self.padding if part.stop > size]
        for part in self.padding:
            part.start, part.stop = max(0, part.start - size), part.stop - size
        return taken + SILENCE * (size - len(taken))


class StereoMix:
    """Two mu-law channels on one clock. `take` returns 16-bit stereo PCM in order, each moment once.

    is_displaced: the caller's channel has been ahead of the clock, and may be so to the end: what was said is later in
    it than the clock tells.
    """

    def __init__(self, start_ms: float = 0.0) -> None:
        """start_ms: where both channels begin on the call's clock."""
        self._left, self._right = _Channel(), _Channel()
        self._taken_ms = start_ms
        self.is_displaced = False

    @property
    def taken_ms(self) -> float:
        """The end of the audio that was taken, in ms on the call's clock."""
        return self._taken_ms

    @property
    def caller_ms(self) -> float:
        """Where the caller's channel ends on the call's clock."""
        return self._taken_ms + self._left.ms

    @property
    def end_ms(self) -> float:
        """Where the longer channel ends on the call's clock."""
        return self._taken_ms + max(self._left.ms, self._right.ms)

    def add_caller(self, ulaw: bytes, now: float) -> None:
        """Appends caller audio received at `now`; a gap that the carrier left is filled with silence.

        Audio that was only late comes in a burst after the gap and would push the caller's channel ahead of the clock:
        the inserted silence is then removed as far as needed."""
        left = self._left
        missing = now - len(ulaw) / BYTES_PER_MS - self._taken_ms - left.ms
        if missing > GAP_MS:
            left.pad(missing, now)
        elif missing < -AHEAD_MS:
            self.is_displaced = True
        left.ulaw += ulaw
        if left.padding:
            left.shorten(self._taken_ms + left.ms - now, now)

    def settled_ms(self, now: float) -> float:
        """Up to where nothing can change any more: audio may still come late, and marks correct what was heard."""
        return max(min(now - SETTLE_MS, self._taken_ms + self._left.known_ms), now - LATE_MS)

    def add_agent(self, ulaw: bytes, at_ms: float) -> None:
        """Appends agent audio that the caller heard from `at_ms` on, as far as marks tell. After a stall they come at
        once, each as if its audio had sounded just now: silence that was inserted before it is removed."""
        right, end_ms = self._right, at_ms + len(ulaw) / BYTES_PER_MS
        gap_ms = at_ms - self._taken_ms - right.ms
        if gap_ms > SEAM_MS:
            right.pad(gap_ms, end_ms)
        right.ulaw += ulaw
        ahead_ms = self._taken_ms + right.ms - end_ms
        if right.padding:
            right.shorten(ahead_ms if ahead_ms > SEAM_MS else 0.0, end_ms)

    def drop_ahead(self, now: float) -> float:
        """Drops the oldest audio of a side that is more than AHEAD_MS ahead of the clock: it came so late that silence
        was taken in its place. Returns how many ms of both sides together. For readers that must not fall behind."""
        dropped = 0
        for side in (self._left, self._right):
            ahead_ms = self._taken_ms + side.ms - now
            if ahead_ms > AHEAD_MS:
                dropped += len(side.cut(round(ahead_ms * BYTES_PER_MS)))
        return dropped / BYTES_PER_MS

    def take_sides(self, upto_ms: float) -> tuple[bytes, bytes]:
        """Returns the caller's and the agent's mu-law, of equal length, up to that moment; each moment once."""
        size = round((upto_ms - self._taken_ms) * BYTES_PER_MS)
        if size <= 0:
            return b"", b""
        self._taken_ms += size / BYTES_PER_MS
        return self._left.cut(size), self._right.cut(size)

    def take(self, upto_ms: float) -> bytes:
        """Returns interleaved 16-bit PCM of everything up to that moment that was not taken before."""
        left, right = self.take_sides(upto_ms)
        size = len(left)
        if not size:
            return b""
        both = np.empty((size, 2), dtype="<i2")
        both[:, 0] = np.frombuffer(mulaw.decode(left), dtype="<i2")
        both[:, 1] = np.frombuffer(mulaw.decode(right), dtype="<i2")
        return both.tobytes()
