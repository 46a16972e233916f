"""What a call consumes, counted as it happens."""

from dataclasses import dataclass

from media.providers.ports import TokenUsage
from shared.events import CallUsage


@dataclass(slots=True)
class UsageCounter:
    """Running totals of one call, in the units that providers bill. stt_ms: of the streams before this one."""

    stt_ms: int = 0
    llm_requests: int = 0
    llm_prompt_tokens: int = 0
    llm_completion_tokens: int = 0
    tts_characters: int = 0
    tts_ms: float = 0.0
    heard_ms: float = 0.0

    @classmethod
    def continued(cls, usage: CallUsage) -> "UsageCounter":
        """Makes a counter that continues from what the call consumed before."""
        return cls(
            stt_ms=usage.stt_ms,
            llm_requests=usage.llm_requests,
            llm_prompt_tokens=usage.llm_prompt_tokens,
            llm_completion_tokens=usage.llm_completion_tokens,
            tts_characters=usage.tts_characters,
            tts_ms=usage.tts_ms,
            heard_ms=usage.heard_ms,
        )

    def add_tokens(self, usage: TokenUsage) -> None:
        """Adds one model request, counted by its provider or estimated."""
        self.llm_prompt_tokens += usage.prompt
        self.llm_completion_tokens += usage.completion

    def total(self, call_ms: int, audio_ms: int) -> CallUsage:
        """Returns the totals. call_ms: length of the call. audio_ms: caller audio received on this stream."""
        return CallUsage(
            call_ms=call_ms,
            stt_ms=self.stt_ms + audio_ms,
            llm_requests=self.llm_requests,
            llm_prompt_tokens=self.llm_prompt_tokens,
            llm_completion_tokens=self.llm_completion_tokens,
            tts_characters=self.tts_characters,
            tts_ms=round(self.tts_ms),
            heard_ms=round(self.heard_ms),
        )
