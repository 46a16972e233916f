"""Chooses what the agent says when an answer is late. Pure; times are in ms on the call's clock."""

from collections import deque
from typing import Final

from media.call.call_language import CallLanguage
from media.tools.fillers import late_fillers
from shared.plan import LimitsPlan

# After the first filler of a wait, this much silence precedes the next one.
NEXT_AFTER_MS: Final = 4_000.0
# Answers that always take a little longer are not late, because a filler before each of them would annoy the caller.
# The filler then comes up to MOST_PATIENCE_MS later, PATIENCE_MARGIN_MS after the quickest of the last USUAL_OF
# answers.
USUAL_OF: Final = 3
PATIENCE_MARGIN_MS: Final = 300.0
MOST_PATIENCE_MS: Final = 800.0


class LateFiller:
    """The fillers of one call. No filler comes twice in a row."""

    def __init__(self, limits: LimitsPlan, language: CallLanguage) -> None:
        """Create the fillers. A filler comes after at most half of the agent's limit of silence."""
        self._after_ms = limits.filler_s * 1000
        self._longest_ms = limits.reply_s * 1000 / 2 if limits.reply_s else float("inf")
        self._language = language
        self._waits = 0  # the number of waits in which a filler was said
        self._count = 0  # the number of fillers in this wait
        self._usual: deque[float] = deque(maxlen=USUAL_OF)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All fillers that may be said, the first one first."""
        first, more = late_fillers(self._language.tag)
        return (*first, *more)

    def choose(self, silent_ms: float) -> str:
        """Return what to say after this much silence in which an answer is due, or an empty text while it is short."""
        if not self._after_ms or silent_ms < self._limit_ms():
            return ""
        first, more = late_fillers(self._language.tag)
        if self._count == 0 or not more:
            return first[(self._waits + self._count) % len(first)]
        return more[(self._count - 1) % len(more)]

    def said(self) -> None:
        """Record that the chosen filler is said."""
        self._count += 1

    def answered(self, latency_ms: float) -> None:
        """Record an answer that began to sound `latency_ms` after it was due."""
        self._usual.append(latency_ms)
        self.wait_over()

    def wait_over(self) -> None:
        """Record the end of a wait."""
        self._waits += bool(self._count)
        self._count = 0

    def _limit_ms(self) -> float:
        if self._count:
            return min(NEXT_AFTER_MS, self._longest_ms)
        usual = min(self._usual) + PATIENCE_MARGIN_MS if len(self._usual) == USUAL_OF else 0.0
        return min(max(self._after_ms, usual), self._after_ms + MOST_PATIENCE_MS, self._longest_ms)
