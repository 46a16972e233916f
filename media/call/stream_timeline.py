"""Places caller audio in time: finds missing audio and drops audio that arrived twice."""

from array import array
from typing import Final

from media.audio.framer import FRAME_MS

# Marks audio that came before and must be dropped.
DUPLICATE: Final = -1
# If a caller's audio is missing for this long, the caller is silent for turn-taking. Shorter gaps are jitter.
PAUSE_MS: Final = 200.0
# The maximum filled length of a longer gap. Turn-taking needs no more, because by then the turn has ended by the clock.
LONGEST_GAP_MS: Final = 2_000
# Timestamps that are behind by more than this have restarted: a socket may not be silent, and a burst not last, that
# long.
LONGEST_DELAY_MS: Final = 15_000
LONGEST_BURST_MS: Final = 1_000.0
# The number of pieces of audio that are remembered to recognize copies: 1.3 s. Only a hash of 8 bytes is stored for
# each, because the pieces themselves take 18 KB per call, which exceeds the caches with hundreds of calls.
_REMEMBERED: Final = 64
# The hash of bytes is never -1.
_NO_PIECE: Final = -1


class StreamTimeline:
    """Follows the carrier's timestamps and, if no audio arrives, the call's clock. Pure. All times are in ms.

    A gap in the timestamps is filled as far as the clock shows that time has passed, because timestamps may jump. Audio
    from the past is not a gap: it was late. It is passed on, unless it came before with the same timestamp.
    """

    __slots__ = (
        "_bytes_per_ms",
        "_expected",
        "_late_at",
        "_late_since",
        "_latest",
        "_least_offset",
        "_pieces",
        "filled_until",
        "heard_at",
    )

    def __init__(self, bytes_per_ms: int, now: float) -> None:
        """Create the timeline of a stream whose encoding has `bytes_per_ms`.

        `heard_at` is when audio arrived last, on the call's clock. `filled_until` is up to when `fill` returned silence
        after it.
        """
        self._bytes_per_ms = bytes_per_ms
        self.heard_at = now
        self.filled_until = now
        # Since when audio has been late, and the value of `_expected` at that time.
        self._late_since, self._late_at = now, 0.0
        # The timestamp of the next audio if nothing is missing. No timestamp can be as far behind as this initial
        # value.
        self._expected = float("inf")
        # The clock's lead over `_expected` without any delay: the minimum so far.
        self._least_offset = float("inf")
        self._pieces = array("q", [_NO_PIECE]) * _REMEMBERED  # a ring buffer
        self._latest = 0

    def take(self, payload: bytes, at_ms: int, now: float) -> int:
        """Process audio in the stream's encoding with its timestamp. This is the frame path.

        Returns the number of frames of silence that are missing before it, or DUPLICATE.
        """
        expected = self._expected
        missing = 0
        if -FRAME_MS < at_ms - expected < FRAME_MS:
            self._expected = expected = expected + len(payload) // self._bytes_per_ms
        else:
            missing = self._out_of_step(payload, at_ms, now)
            if missing == DUPLICATE:
                return DUPLICATE
            expected = self._expected
        self.heard_at = now
        self._least_offset = min(self._least_offset, now - expected)
        self._latest = latest = (self._latest + 1) % _REMEMBERED
        self._pieces[latest] = hash(payload) ^ at_ms
        return missing

    def fill(self, now: float) -> int:
        """Return how many frames of silence have passed since audio arrived last, each frame once; 0 while it is only
        late."""
        if now - self.heard_at < PAUSE_MS:
            return 0
        since = max(self.heard_at, self.filled_until)
        missing = int((now - since) // FRAME_MS)
        self.filled_until = since + missing * FRAME_MS
        self._expected += missing * FRAME_MS
        return missing

    def _out_of_step(self, payload: bytes, at_ms: int, now: float) -> int:
        """Handle an unexpected timestamp: move `_expected`, and return the result of `take`."""
        gap = at_ms - self._expected
        end = at_ms + len(payload) // self._bytes_per_ms
        if gap > 0:
            return self._fill_gap(gap, end, now)
        if gap > -LONGEST_DELAY_MS:
            if self._is_copy(payload, at_ms):
                return DUPLICATE
            if self._late_at != self._expected:
                self._late_since, self._late_at = now, self._expected
            if now - self._late_since < LONGEST_BURST_MS:
                self._expected = max(self._expected, end)
                return 0
        self._expected, self._least_offset = end, now - end
        return 0

    def _fill_gap(self, gap: float, end: int, now: float) -> int:
        """Return the frames of silence for a gap. The rest, less than a frame, is left for the next gap."""
        passed = now - self._least_offset - (end - gap)
        missing = int(max(0.0, min(gap, passed, LONGEST_GAP_MS)) // FRAME_MS)
        rest = gap - missing * FRAME_MS
        self._expected = end - rest if rest < FRAME_MS else end
        return missing

    def _is_copy(self, payload: bytes, at_ms: int) -> bool:
        """Return whether this audio came before. Its bytes count, too, because some clients send useless timestamps."""
        return hash(payload) ^ at_ms in self._pieces
