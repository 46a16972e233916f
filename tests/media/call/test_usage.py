"""Counting what a call consumes."""

from media.call.usage import UsageCounter
from media.providers.ports import TokenUsage
from shared.events import CallUsage


def test_totals_are_rounded_once_at_the_end() -> None:
    counter = UsageCounter(stt_ms=4_000, llm_requests=2, tts_characters=30)
    for _ in range(3):
        counter.tts_ms += 0.375
        counter.heard_ms += 0.25
    assert counter.total(5_000, 1_500) == CallUsage(
        call_ms=5_000, stt_ms=5_500, llm_requests=2, tts_characters=30, tts_ms=1, heard_ms=1
    )


def test_counted_and_estimated_tokens_add_up() -> None:
    counter = UsageCounter()
    counter.add_tokens(TokenUsage(100, 7))
    counter.add_tokens(TokenUsage(120, 9, estimated=True))
    total = counter.total(0, 0)
    assert (total.llm_prompt_tokens, total.llm_completion_tokens) == (220, 16)
