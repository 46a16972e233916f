"""Fallback between voices."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from media.providers.chain.tts import TextToSpeechChain
from media.providers.cleanup import close_stream
from media.providers.ports import ProviderError, ProviderSlow, SpeechChunk, TimedWord
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeTextToSpeech
from tests.media.providers.virtual import now, run

TEXT = "We are open from nine to five. "
WORDS = TEXT.split()
CONNECTION_ERROR = ProviderError("a", "socket closed")
WORD_MS = 300


def audio(ms: float) -> bytes:
    return b"\x00" * int(ms * 8)


def say(words: str, start: int = 0) -> SpeechChunk:
    """Returns a chunk with 300 ms per word. start: number of words before it in this stream."""
    timed = [TimedWord(word, at * WORD_MS, (at + 1) * WORD_MS) for at, word in enumerate(words.split(), start=start)]
    return SpeechChunk(audio(len(timed) * WORD_MS), tuple(timed))


async def stream_text(*pieces: str | float | Exception) -> AsyncIterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            raise piece


class ChainHarness:
    """A chain over scripted voices, and the failures that it reported."""

    def __init__(self, *voices: FakeTextToSpeech) -> None:
        self.failed: list[ProviderFailed] = []
        self.voices = voices
        self.chain = TextToSpeechChain(voices, self.failed.append)

    async def speak(self, *pieces: str | float | Exception) -> list[SpeechChunk]:
        return [chunk async for chunk in self.chain.stream(stream_text(*pieces or (TEXT,)), "en")]


def spoken_words(speech: Sequence[SpeechChunk]) -> list[TimedWord]:
    return [word for chunk in speech for word in chunk.words]


def length_ms(speech: Sequence[SpeechChunk]) -> float:
    return sum(len(chunk.audio) for chunk in speech) / 8


def test_first_voice_s_audio_is_passed_on_unchanged() -> None:
    pieces = [say("We are open"), say("from nine to five.", 3)]
    harness = ChainHarness(FakeTextToSpeech("a", *pieces), FakeTextToSpeech("b"))
    speech = run(harness.speak())
    assert [chunk is piece for chunk, piece in zip(speech, pieces, strict=True)] == [True, True]
    assert harness.failed == []


def test_a_failure_before_the_first_audio_loses_nothing() -> None:
    b = FakeTextToSpeech("b", say(TEXT))
    harness = ChainHarness(FakeTextToSpeech("a", CONNECTION_ERROR), b)
    assert spoken_words(run(harness.speak())) == list(say(TEXT).words)
    assert b.texts == [TEXT]
    assert harness.failed == [ProviderFailed("tts", "a", "socket closed", "b", "first_unit", "error")]


def test_next_voice_continues_at_the_first_word_that_did_not_sound() -> None:
    b = FakeTextToSpeech("b", say("from nine to five."))
    speech = run(ChainHarness(FakeTextToSpeech("a", say("We are open"), CONNECTION_ERROR), b).speak())
    assert b.texts == ["from nine to five. "]
    words = spoken_words(speech)
    assert [word.text for word in words] == WORDS
    assert [word.start_ms for word in words] == [at * WORD_MS for at in range(len(WORDS))]


def test_a_word_cut_in_the_middle_is_repeated_whole() -> None:
    cut = SpeechChunk(audio(750), say("We are open").words)
    b = FakeTextToSpeech("b", say("open from nine to five."))
    run(ChainHarness(FakeTextToSpeech("a", cut, CONNECTION_ERROR), b).speak())
    assert b.texts == ["open from nine to five. "]


def test_later_text_is_streamed_to_the_next_voice() -> None:
    b = FakeTextToSpeech("b", say("open from nine to five."))
    harness = ChainHarness(FakeTextToSpeech("a", say("We are"), CONNECTION_ERROR, reads=1), b)
    run(harness.speak("We are ", "open from ", 1.0, "nine to ", "five."))
    assert b.texts == ["open from nine to five."]


def test_without_timings_progress_is_estimated_from_the_audio() -> None:
    """At the typical 65 ms a character, "We are open " takes 780 ms."""
    b = FakeTextToSpeech("b", say("from nine to five."))
    speech = run(
        ChainHarness(FakeTextToSpeech("a", SpeechChunk(audio(800)), CONNECTION_ERROR, times_words=False), b).speak()
    )
    assert b.texts == ["from nine to five. "]
    words = spoken_words(speech)
    assert [word.text for word in words] == WORDS  # the first voice's words have estimated timings
    assert words[2].end_ms == 780
    assert words[3].start_ms == 800


def test_a_voice_s_pace_is_measured_in_its_first_speech() -> None:
    async def main() -> None:
        await harness.speak("Good morning to you. ")
        await harness.speak()

    slow_speech = SpeechChunk(audio(21 * 130))  # twice the typical length
    a = FakeTextToSpeech("a", slow_speech, times_words=False)
    b = FakeTextToSpeech("b", say("open from nine to five."))
    harness = ChainHarness(a, b)
    play_script = a.stream

    async def fail_second_speech(text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        if len(a.texts) == 0:
            async for chunk in play_script(text, language):
                yield chunk
        else:
            a.texts.append(await anext(text))
            yield SpeechChunk(audio(1000))
            raise CONNECTION_ERROR

    a.stream = fail_second_speech  # type: ignore[method-assign]
    run(main())
    assert b.texts == ["open from nine to five. "]


def test_a_second_voice_without_timings_gets_estimated_timings() -> None:
    b = FakeTextToSpeech("b", SpeechChunk(audio(600)), SpeechChunk(audio(600)), times_words=False)
    speech = run(ChainHarness(FakeTextToSpeech("a", say("We are open"), CONNECTION_ERROR), b).speak())
    words = spoken_words(speech)
    assert [word.text for word in words] == WORDS
    assert words[3].start_ms == 900
    assert words[-1].end_ms == pytest.approx(length_ms(speech))


def test_no_audio_for_two_seconds_is_a_failure() -> None:
    async def main() -> None:
        assert length_ms(await harness.speak()) == len(WORDS) * WORD_MS
        assert now() == 2.0

    a = FakeTextToSpeech("a", None)
    harness = ChainHarness(a, FakeTextToSpeech("b", say(TEXT)))
    run(main())
    assert harness.failed == [ProviderFailed("tts", "a", "no data for 2 s", "b", "first_unit", "late", 2_000)]
    assert a.closed == 1


def test_the_last_voice_gets_more_time() -> None:
    assert run(ChainHarness(FakeTextToSpeech("a", 7.5, say(TEXT))).speak()) == [say(TEXT)]
    with pytest.raises(ProviderSlow, match="no data for 8 s"):
        run(ChainHarness(FakeTextToSpeech("a", None)).speak())


def test_a_voice_that_never_reads_its_text_is_a_failure() -> None:
    harness = ChainHarness(FakeTextToSpeech("a", None, reads=0), FakeTextToSpeech("b", say(TEXT)))
    assert spoken_words(run(harness.speak())) == list(say(TEXT).words)


def test_a_stall_in_mid_speech_is_a_failure() -> None:
    async def main() -> None:
        await harness.speak()
        assert now() == pytest.approx(0.9)
        assert b.texts == ["from nine to five. "]

    b = FakeTextToSpeech("b", say("from nine to five."))
    harness = ChainHarness(FakeTextToSpeech("a", say("We are open"), None), b)
    run(main())


def test_a_slow_text_is_not_a_failure_of_the_voice() -> None:
    harness = ChainHarness(FakeTextToSpeech("a", say(TEXT)), FakeTextToSpeech("b", say(TEXT)))
    run(harness.speak("We ", 60.0, "are open from nine to five."))
    assert harness.failed == []


def test_a_slow_consumer_is_not_a_failure_of_the_voice() -> None:
    async def main() -> None:
        async for _ in harness.chain.stream(stream_text(TEXT), "en"):
            await asyncio.sleep(60.0)

    harness = ChainHarness(
        FakeTextToSpeech("a", say("We are open"), 0.5, say("from nine to five.", 3)), FakeTextToSpeech("b")
    )
    run(main())
    assert harness.failed == []


def test_no_voice_is_used_without_speakable_text() -> None:
    harness = ChainHarness(FakeTextToSpeech("a", CONNECTION_ERROR))
    assert run(harness.speak("", " ", "...")) == []
    assert harness.voices[0].texts == []


def test_no_audio_for_a_speakable_text_is_a_failure() -> None:
    harness = ChainHarness(FakeTextToSpeech("a"), FakeTextToSpeech("b", say(TEXT)))
    assert spoken_words(run(harness.speak())) == list(say(TEXT).words)
    assert [failed.reason for failed in harness.failed] == ["no audio"]


def test_a_voice_that_stops_before_the_end_of_the_text_is_a_failure() -> None:
    b = FakeTextToSpeech("b", say("from nine to five."))
    harness = ChainHarness(FakeTextToSpeech("a", say("We are open"), reads=1), b)
    run(harness.speak("We are open ", "from nine to five."))
    assert b.texts == ["from nine to five."]


def test_when_all_failed_the_last_error_is_raised() -> None:
    harness = ChainHarness(FakeTextToSpeech("a", CONNECTION_ERROR), FakeTextToSpeech("b", ProviderError("b", "gone")))
    with pytest.raises(ProviderError, match="gone"):
        run(harness.speak())
    assert [failed.next for failed in harness.failed] == ["b", ""]


def test_a_failure_after_the_last_word_uses_no_other_voice() -> None:
    b = FakeTextToSpeech("b", say("five."))
    harness = ChainHarness(FakeTextToSpeech("a", say(TEXT), CONNECTION_ERROR), b)
    assert length_ms(run(harness.speak())) == len(WORDS) * WORD_MS
    assert b.texts == []
    assert harness.failed == [ProviderFailed("tts", "a", "socket closed", "", "stream", "error")]


def test_an_error_of_the_text_is_raised_after_the_text_before_it_was_spoken() -> None:
    async def main() -> None:
        chunks = []
        with pytest.raises(ProviderError, match="model"):
            async for chunk in harness.chain.stream(stream_text(TEXT, ProviderError("model", "cut")), "en"):
                chunks.append(chunk)
        assert spoken_words(chunks) == list(say(TEXT).words)

    harness = ChainHarness(FakeTextToSpeech("a", say(TEXT)), FakeTextToSpeech("b"))
    run(main())
    assert harness.failed == []


def test_closing_the_stream_closes_voice_and_text() -> None:
    async def main() -> None:
        closed = []

        async def text() -> AsyncIterator[str]:
            try:
                yield TEXT
                await asyncio.sleep(3600)
            finally:
                closed.append("text")

        a = FakeTextToSpeech("a", say("We are open"), None, reads=1)
        stream = TextToSpeechChain([a], print).stream(text(), "en")
        await anext(stream)
        await close_stream(stream)
        assert (a.closed, closed) == (1, ["text"])
        assert now() == 0.0

    run(main())


def test_cancelling_while_waiting_closes_everything() -> None:
    async def main() -> None:
        task = asyncio.create_task(harness.speak("We ", 3600.0))
        await asyncio.sleep(5.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert a.closed == 1

    a = FakeTextToSpeech("a", say(TEXT))
    harness = ChainHarness(a)
    run(main())


def test_chain_needs_its_text_as_its_most_demanding_voice_does() -> None:
    demanding = FakeTextToSpeech("b", times_words=False, streams_text=False)
    chain = TextToSpeechChain([FakeTextToSpeech("a"), demanding], print)
    assert (chain.streams_text, chain.times_words) == (False, False)
    assert TextToSpeechChain([FakeTextToSpeech("a")], print).streams_text
