"""Fills the silence while a tool keeps the caller waiting. Pure; times are in ms on the call's clock."""

from typing import Final

from media.call.call_language import CallLanguage
from media.tools.fillers import more_fillers
from shared.plan import LimitsPlan

# The caller hears nothing for this long before the first filler, and between two.
FIRST_AFTER_MS: Final = 2_500.0
NEXT_AFTER_MS: Final = 4_000.0


class SilenceFiller:
    """Measures the silence from what was *heard* of both sides, and chooses what the agent says into it.

    silent_since: the last sound of either side.
    """

    def __init__(self, limits: LimitsPlan, language: CallLanguage, now: float) -> None:
        """limits: a filler comes after half of the agent's limit of silence at the latest, to sound in time."""
        own = [limit * 1000 for limit in (limits.reply_s, limits.idle_nudge_s) if limit]
        self._longest_ms = min(own, default=float("inf")) / 2
        self._language = language
        self._count = 0
        self._chosen_at = self.silent_since = now

    def heard(self, now: float) -> None:
        """The agent or the caller sounded until now."""
        self.silent_since = now

    def tool_ended(self) -> None:
        """No tool runs any more: the next one begins with its own words."""
        self._count = 0

    def choose(self, now: float, words: str) -> str:
        """Returns what to say now; "" while the silence is short. words: the tool's own filler."""
        after_ms = min(NEXT_AFTER_MS if self._count else FIRST_AFTER_MS, self._longest_ms)
        if now - max(self.silent_since, self._chosen_at) < after_ms:
            return ""
        self._chosen_at = now
        choices = (words, *more_fillers(self._language.tag))
        self._count += 1
        return choices[(self._count - 1) % len(choices)]
