"""A word in which a voice breaks off is said whole by the next one, and not heard before if it was not played yet."""

import pytest

from media.providers.chain.whole_words import MARGIN_S
from media.providers.ports import ProviderError, SpeechChunk
from tests.media.providers.chain.test_tts import (
    CONNECTION_ERROR,
    TEXT,
    WORD_MS,
    WORDS,
    ChainHarness,
    audio,
    length_ms,
    say,
    spoken_words,
    stream_text,
)
from tests.media.providers.fakes import FakeTextToSpeech
from tests.media.providers.virtual import now, run

REST = "from nine to five. "
# Half of "from", with the word's time; and all that comes after it.
HALF = SpeechChunk(audio(WORD_MS / 2), say(REST, 3).words[:1])
AFTER_HALF = SpeechChunk(audio(3.5 * WORD_MS), say(REST, 3).words[1:])


def test_half_a_word_that_was_not_played_is_not_heard() -> None:
    b = FakeTextToSpeech("b", say(REST))
    speech = run(ChainHarness(FakeTextToSpeech("a", say("We are open"), HALF, CONNECTION_ERROR), b).speak())
    assert b.texts == [REST]
    assert [word.text for word in spoken_words(speech)] == WORDS
    assert length_ms(speech) == len(WORDS) * WORD_MS


@pytest.mark.parametrize("rest", [AFTER_HALF, CONNECTION_ERROR])
def test_half_a_word_goes_out_before_a_gap_is_heard(rest: SpeechChunk | ProviderError) -> None:
    async def main() -> None:
        times = [now() async for _ in harness.chain.stream(stream_text(TEXT), "en")]
        assert times[:2] == [0.0, pytest.approx(3 * WORD_MS / 1_000 - MARGIN_S)]

    b = FakeTextToSpeech("b", say(REST))
    harness = ChainHarness(FakeTextToSpeech("a", say("We are open"), HALF, 0.8, rest), b)
    run(main())
    assert b.texts == ([REST] if rest is CONNECTION_ERROR else [])


def test_all_audio_of_a_voice_that_works_is_heard_in_whole_words() -> None:
    speech = run(ChainHarness(FakeTextToSpeech("a", say("We are open"), HALF, AFTER_HALF)).speak())
    assert length_ms(speech) == len(WORDS) * WORD_MS
    assert [word.text for word in spoken_words(speech)] == WORDS
    assert [len(chunk.audio) / 8 for chunk in speech] == [3 * WORD_MS, 4 * WORD_MS]


def test_a_voice_without_word_times_is_cut_at_words_once_its_pace_is_known() -> None:
    """At 1,300 ms for all, "We are open from " takes 713 ms."""

    async def main() -> None:
        for expected in ([600, 300, 400], [600, 113, 587]):
            pieces = [length_ms([chunk]) async for chunk in harness.chain.stream(stream_text(TEXT), "en")]
            assert pieces == pytest.approx(expected, abs=1)

    harness = ChainHarness(
        FakeTextToSpeech("a", *(SpeechChunk(audio(ms)) for ms in (600, 300, 400)), times_words=False)
    )
    run(main())
