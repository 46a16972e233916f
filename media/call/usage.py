"""What a call consumes, counted as it happens."""

from dataclasses import dataclass

from media.providers.ports import TokenUsage
from shared.events import Usage


@dataclass(slots=True)
class Counter:
    """Running totals of one call, in the units that providers bill. stt_ms: of the streams before this one."""

    stt_ms: int = 0
    llm_requests: int = 0
    llm_prompt_tokens: int = 0
    llm_completion_tokens: int = 0
    tts_characters: int = 0
    tts_ms: float = 0.0
    heard_ms: float = 0.0

    @classmethod
    def going_on(cls, usage: Usage) -> "Counter":
        """Counts on from what the call consumed before."""
        return cls(
            usage.stt_ms,
            usage.llm_requests,
            usage.llm_prompt_tokens,
            usage.llm_completion_tokens,
            usage.tts_characters,
            usage.tts_ms,
            usage.heard_ms,
        )

    def tokens(self, usage: TokenUsage) -> None:
        """One model request was counted by its provider (or estimated)."""
        self.llm_prompt_tokens += usage.prompt
        self.llm_completion_tokens += usage.completion

    def total(self, call_ms: int, audio_ms: int) -> Usage:
        """The totals of a call of that length, in whose stream so much caller audio was received."""
        return Usage(
            call_ms=call_ms,
            stt_ms=self.stt_ms + audio_ms,
            llm_requests=self.llm_requests,
            llm_prompt_tokens=self.llm_prompt_tokens,
            llm_completion_tokens=self.llm_completion_tokens,
            tts_characters=self.tts_characters,
            tts_ms=round(self.tts_ms),
            heard_ms=round(self.heard_ms),
        )
