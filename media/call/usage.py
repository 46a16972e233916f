"""Adds up what a call consumed, for its last event and its checkpoints."""

from collections import Counter
from typing import Final

from shared.events import CallUsage, Event, UsageRecorded, UsageUnit

# The field to which each unit is added.
_FIELDS: Final[dict[UsageUnit, str]] = {
    "ms": "stt_ms",
    "prompt_tokens": "llm_prompt_tokens",
    "cached_tokens": "llm_prompt_tokens",
    "cache_write_tokens": "llm_prompt_tokens",
    "completion_tokens": "llm_completion_tokens",
    "characters": "tts_characters",
}


class UsageTotals:
    """Adds up one call's usage events, and counts what only the call can measure.

    Attributes:
        llm_requests: The number of requests by replies, however many models each took.
        tts_ms: The length of received speech.
        heard_ms: The length of played speech.
    """

    __slots__ = ("_recorded", "heard_ms", "llm_requests", "tts_ms")

    def __init__(self, before: CallUsage | None = None) -> None:
        """Create the totals. `before` is what the call consumed in its earlier streams."""
        before = before or CallUsage()
        self.llm_requests = before.llm_requests
        self.tts_ms = float(before.tts_ms)
        self.heard_ms = float(before.heard_ms)
        self._recorded = Counter({field: getattr(before, field) for field in _FIELDS.values()})

    def add(self, event: Event) -> None:
        """Add an emitted event. Only usage events count."""
        if isinstance(event, UsageRecorded):
            self._recorded[_FIELDS[event.unit]] += event.quantity

    def total(self, call_ms: int) -> CallUsage:
        """Return the totals of a call of this length."""
        return CallUsage(
            call_ms=call_ms,
            llm_requests=self.llm_requests,
            tts_ms=round(self.tts_ms),
            heard_ms=round(self.heard_ms),
            **self._recorded,
        )
