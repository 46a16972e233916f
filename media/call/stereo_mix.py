"""The two sides of a call on one clock: caller left, agent right as heard. Pure."""

from dataclasses import dataclass, field

import numpy as np

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS, SILENCE

# The latest stretch is not written yet, because a mark may still correct what was heard in it.
SETTLE_MS = 500.0
# Caller audio may arrive this much later than it was spoken, because a silent socket is dropped after this time. Until
# then missing audio is not written as silence.
LATE_MS = 10_000.0
# If audio has arrived in time for this long after inserted silence, the missing audio will no longer arrive in a burst.
BURST_MS = 1_000.0
# Agent audio is joined without a gap if it agrees with the clock within this.
SEAM_MS = 60.0
# The caller's channel is filled with silence if the carrier sent nothing for longer than this.
GAP_MS = 200.0
# The caller's channel may be this far ahead of the clock (jitter). Audio further ahead came in a burst that was too
# long to be corrected.
AHEAD_MS = 150.0


@dataclass(slots=True)
class _Padding:
    """Inserted silence, in bytes of its channel. `tried_at` is when it was inserted, or last shortened."""

    start: int
    stop: int
    tried_at: float


@dataclass(slots=True)
class _Channel:
    """One side, mu-law. `padding` is inserted silence that may still be removed."""

    ulaw: bytearray = field(default_factory=bytearray)
    padding: list[_Padding] = field(default_factory=list)

    @property
    def ms(self) -> float:
        """The length of the channel."""
        return len(self.ulaw) / BYTES_PER_MS

    @property
    def known_ms(self) -> float:
        """How much of the channel can no longer change, whatever arrives."""
        return (self.padding[0].start if self.padding else len(self.ulaw)) / BYTES_PER_MS

    def pad(self, ms: float, now: float) -> None:
        """Append silence for missing audio."""
        start = len(self.ulaw)
        self.ulaw += SILENCE * round(ms * BYTES_PER_MS)
        self.padding.append(_Padding(start, len(self.ulaw), now))

    def shorten(self, ms: float, now: float) -> None:
        """Remove this much of the inserted silence, the latest first, because the audio after it was only late.

        Silence that was followed by BURST_MS of timely audio stays. The length of a burst does not help, because it
        equals the stall before it.
        """
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
        """Remove and return this many bytes from the beginning, with silence if there are fewer."""
        taken = bytes(self.ulaw[:size])
        del self.ulaw[:size]
        self.padding = [part for part in self.padding if part.stop > size]
        for part in self.padding:
            part.start, part.stop = max(0, part.start - size), part.stop - size
        return taken + SILENCE * (size - len(taken))


class StereoMix:
    """Two mu-law channels on one clock. `take` returns 16-bit stereo PCM in order, each moment once.

    Attributes:
        is_displaced: The caller's channel has been ahead of the clock, perhaps until the end, so words are later in it
            than on the clock.
    """

    def __init__(self, start_ms: float = 0.0) -> None:
        """Create the mix. `start_ms` is where both channels begin on the call's clock."""
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
        """Append caller audio that was received at `now`. Silence fills a gap that the carrier left.

        Audio that was only late arrives in a burst after the gap and would push the caller's channel ahead of the
        clock. The inserted silence is then removed as far as necessary.
        """
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
        """Return up to where nothing can change: audio may arrive late, and marks correct what was heard."""
        return max(min(now - SETTLE_MS, self._taken_ms + self._left.known_ms), now - LATE_MS)

    def add_agent(self, ulaw: bytes, at_ms: float) -> None:
        """Append agent audio that the caller heard from `at_ms` on, as far as marks show.

        After a stall, marks arrive together, each as if its audio had sounded just now. Inserted silence before it is
        removed.
        """
        right, end_ms = self._right, at_ms + len(ulaw) / BYTES_PER_MS
        gap_ms = at_ms - self._taken_ms - right.ms
        if gap_ms > SEAM_MS:
            right.pad(gap_ms, end_ms)
        right.ulaw += ulaw
        ahead_ms = self._taken_ms + right.ms - end_ms
        if right.padding:
            right.shorten(ahead_ms if ahead_ms > SEAM_MS else 0.0, end_ms)

    def drop_ahead(self, now: float) -> float:
        """Drop the oldest audio of a side that is more than AHEAD_MS ahead of the clock, for readers that must not fall
        behind.

        Such audio came so late that silence was taken in its place. Returns the dropped ms of both sides together.
        """
        dropped = 0
        for side in (self._left, self._right):
            ahead_ms = self._taken_ms + side.ms - now
            if ahead_ms > AHEAD_MS:
                dropped += len(side.cut(round(ahead_ms * BYTES_PER_MS)))
        return dropped / BYTES_PER_MS

    def take_sides(self, upto_ms: float) -> tuple[bytes, bytes]:
        """Return the caller's and the agent's mu-law up to that moment, of equal length; each moment once."""
        size = round((upto_ms - self._taken_ms) * BYTES_PER_MS)
        if size <= 0:
            return b"", b""
        self._taken_ms += size / BYTES_PER_MS
        return self._left.cut(size), self._right.cut(size)

    def take(self, upto_ms: float) -> bytes:
        """Return interleaved 16-bit PCM of everything up to that moment that was not taken before."""
        left, right = self.take_sides(upto_ms)
        size = len(left)
        if not size:
            return b""
        both = np.empty((size, 2), dtype="<i2")
        both[:, 0] = np.frombuffer(mulaw.decode(left), dtype="<i2")
        both[:, 1] = np.frombuffer(mulaw.decode(right), dtype="<i2")
        return both.tobytes()
