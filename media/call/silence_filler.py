"""Fills the silence while a tool keeps the caller waiting. Pure; times are in ms on the call's clock."""

from typing import Final

from media.call.call_language import CallLanguage
from media.tools.fillers import more_fillers
from shared.plan import LimitsPlan

# How long the caller hears nothing before the first filler. NEXT_AFTER_MS is the time between two fillers.
FIRST_AFTER_MS: Final = 2_500.0
NEXT_AFTER_MS: Final = 4_000.0


class SilenceFiller:
    """Measures the silence from what was *heard* of both sides, and chooses what the agent says to fill it.

    Attributes:
        silent_since: The last sound of either side.
    """

    def __init__(self, limits: LimitsPlan, language: CallLanguage, now: float) -> None:
        """Create the filler. A filler comes after at most half of the limit of silence in `limits`, so that it sounds
        in time."""
        own = [limit * 1000 for limit in (limits.reply_s, limits.idle_nudge_s) if limit]
        self._longest_ms = min(own, default=float("inf")) / 2
        self._language = language
        self._count = 0
        self._chosen_at = self.silent_since = now

    def heard(self, now: float) -> None:
        """Record that the agent or the caller was audible until now."""
        self.silent_since = now

    def tool_ended(self) -> None:
        """Record that no tool is running any longer. The next tool begins with its own words."""
        self._count = 0

    def choose(self, now: float, words: str) -> str:
        """Return what to say now, or an empty text while the silence is short. `words` is the tool's own filler."""
        after_ms = min(NEXT_AFTER_MS if self._count else FIRST_AFTER_MS, self._longest_ms)
        if now - max(self.silent_since, self._chosen_at) < after_ms:
            return ""
        self._chosen_at = now
        choices = (words, *more_fillers(self._language.tag))
        self._count += 1
        return choices[(self._count - 1) % len(choices)]
