"""Fallback between voices."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from media.providers.chain.speak import SpeakChain
from media.providers.closing import close_stream
from media.providers.ports import ProviderError, ProviderSlow, Spoken, TimedWord
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeSpeak
from tests.media.providers.virtual import now, run

TEXT = "We are open from nine to five. "
WORDS = TEXT.split()
DOWN = ProviderError("a", "socket closed")
WORD_MS = 300


def audio(ms: float) -> bytes:
    return b"\x00" * int(ms * 8)


def say(words: str, start: int = 0) -> Spoken:
    """300 ms a word, timed; `start` is how many words came before in this stream."""
    timed = [TimedWord(word, at * WORD_MS, (at + 1) * WORD_MS) for at, word in enumerate(words.split(), start=start)]
    return Spoken(audio(len(timed) * WORD_MS), tuple(timed))


async def script(*pieces: str | float | Exception) -> AsyncIterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, float):
            await asyncio.sleep(piece)
        else:
            raise piece


class Bench:
    """A chain over scripted voices and what it told of failures."""

    def __init__(self, *voices: FakeSpeak) -> None:
        self.failed: list[ProviderFailed] = []
        self.voices = voices
        self.chain = SpeakChain(voices, self.failed.append)

    async def speak(self, *pieces: str | float | Exception) -> list[Spoken]:
        return [spoken async for spoken in self.chain.stream(script(*pieces or (TEXT,)), "en")]


def sounded(speech: Sequence[Spoken]) -> list[TimedWord]:
    return [word for spoken in speech for word in spoken.words]


def length_ms(speech: Sequence[Spoken]) -> float:
    return sum(len(spoken.audio) for spoken in speech) / 8


def test_the_first_choice_speaks_and_its_audio_passes_untouched() -> None:
    pieces = [say("We are open"), say("from nine to five.", 3)]
    bench = Bench(FakeSpeak("a", *pieces), FakeSpeak("b"))
    speech = run(bench.speak())
    assert [spoken is piece for spoken, piece in zip(speech, pieces, strict=True)] == [True, True]
    assert bench.failed == []


def test_a_failure_before_the_first_audio_loses_nothing() -> None:
    b = FakeSpeak("b", say(TEXT))
    bench = Bench(FakeSpeak("a", DOWN), b)
    assert sounded(run(bench.speak())) == list(say(TEXT).words)
    assert b.given == [TEXT]
    assert bench.failed == [ProviderFailed("tts", "a", "socket closed", "b")]


def test_the_next_goes_on_at_the_first_word_that_did_not_sound() -> None:
    b = FakeSpeak("b", say("from nine to five."))
    speech = run(Bench(FakeSpeak("a", say("We are open"), DOWN), b).speak())
    assert b.given == ["from nine to five. "]
    words = sounded(speech)
    assert [word.text for word in words] == WORDS
    assert [word.start_ms for word in words] == [at * WORD_MS for at in range(len(WORDS))]


def test_a_word_cut_in_the_middle_is_said_again_whole() -> None:
    cut = Spoken(audio(750), say("We are open").words)
    b = FakeSpeak("b", say("open from nine to five."))
    run(Bench(FakeSpeak("a", cut, DOWN), b).speak())
    assert b.given == ["open from nine to five. "]


def test_text_that_was_not_there_yet_goes_to_the_next_as_it_comes() -> None:
    b = FakeSpeak("b", say("open from nine to five."))
    bench = Bench(FakeSpeak("a", say("We are"), DOWN, reads=1), b)
    run(bench.speak("We are ", "open from ", 1.0, "nine to ", "five."))
    assert b.given == ["open from nine to five."]


def test_without_timings_the_share_of_the_audio_tells_how_far_it_came() -> None:
    """At the typical 65 ms a character, "We are open " takes 780 ms."""
    b = FakeSpeak("b", say("from nine to five."))
    speech = run(Bench(FakeSpeak("a", Spoken(audio(800)), DOWN, times_words=False), b).speak())
    assert b.given == ["from nine to five. "]
    words = sounded(speech)
    assert [word.text for word in words] == WORDS  # the first voice's words are told, too, once they matter
    assert words[2].end_ms == 780
    assert words[3].start_ms == 800


def test_a_voice_is_known_by_its_own_pace_after_its_first_speech() -> None:
    async def main() -> None:
        await bench.speak("Good morning to you. ")
        await bench.speak()

    slow = Spoken(audio(21 * 130))  # twice the typical length
    a = FakeSpeak("a", slow, times_words=False)
    b = FakeSpeak("b", say("open from nine to five."))
    bench = Bench(a, b)
    first = a.stream

    async def second(text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
        if len(a.given) == 0:
            async for spoken in first(text, language):
                yield spoken
        else:
            a.given.append(await anext(text))
            yield Spoken(audio(1000))
            raise DOWN

    a.stream = second  # type: ignore[method-assign]
    run(main())
    assert b.given == ["open from nine to five. "]


def test_a_second_voice_without_timings_is_told_with_estimates() -> None:
    b = FakeSpeak("b", Spoken(audio(600)), Spoken(audio(600)), times_words=False)
    speech = run(Bench(FakeSpeak("a", say("We are open"), DOWN), b).speak())
    words = sounded(speech)
    assert [word.text for word in words] == WORDS
    assert words[3].start_ms == 900
    assert words[-1].end_ms == pytest.approx(length_ms(speech))


def test_no_audio_for_two_seconds_counts_as_down() -> None:
    async def main() -> None:
        assert length_ms(await bench.speak()) == len(WORDS) * WORD_MS
        assert now() == 2.0

    a = FakeSpeak("a", None)
    bench = Bench(a, FakeSpeak("b", say(TEXT)))
    run(main())
    assert bench.failed == [ProviderFailed("tts", "a", "nothing came for 2 s", "b")]
    assert a.closed == 1


def test_the_last_voice_left_gets_more_time() -> None:
    assert run(Bench(FakeSpeak("a", 7.5, say(TEXT))).speak()) == [say(TEXT)]
    with pytest.raises(ProviderSlow, match="nothing came for 8 s"):
        run(Bench(FakeSpeak("a", None)).speak())


def test_a_voice_that_never_even_reads_its_text_counts_as_down() -> None:
    bench = Bench(FakeSpeak("a", None, reads=0), FakeSpeak("b", say(TEXT)))
    assert sounded(run(bench.speak())) == list(say(TEXT).words)


def test_a_stall_in_mid_speech_counts_as_down() -> None:
    async def main() -> None:
        await bench.speak()
        assert now() == 2.0
        assert b.given == ["from nine to five. "]

    b = FakeSpeak("b", say("from nine to five."))
    bench = Bench(FakeSpeak("a", say("We are open"), None), b)
    run(main())


def test_a_slow_text_is_not_the_voice_s_fault() -> None:
    bench = Bench(FakeSpeak("a", say(TEXT)), FakeSpeak("b", say(TEXT)))
    run(bench.speak("We ", 60.0, "are open from nine to five."))
    assert bench.failed == []


def test_a_slow_listener_is_not_the_voice_s_fault() -> None:
    async def main() -> None:
        async for _ in bench.chain.stream(script(TEXT), "en"):
            await asyncio.sleep(60.0)

    bench = Bench(FakeSpeak("a", say("We are open"), 1.0, say("from nine to five.", 3)), FakeSpeak("b"))
    run(main())
    assert bench.failed == []


def test_no_text_or_nothing_to_speak_wakes_no_voice() -> None:
    bench = Bench(FakeSpeak("a", DOWN))
    assert run(bench.speak("", " ", "...")) == []
    assert bench.voices[0].given == []


def test_no_audio_for_a_speakable_text_is_a_failure() -> None:
    bench = Bench(FakeSpeak("a"), FakeSpeak("b", say(TEXT)))
    assert sounded(run(bench.speak())) == list(say(TEXT).words)
    assert [failed.reason for failed in bench.failed] == ["no audio"]


def test_a_voice_that_stops_before_the_end_of_the_text_is_a_failure() -> None:
    b = FakeSpeak("b", say("from nine to five."))
    bench = Bench(FakeSpeak("a", say("We are open"), reads=1), b)
    run(bench.speak("We are open ", "from nine to five."))
    assert b.given == ["from nine to five."]


def test_when_all_failed_the_last_error_is_raised() -> None:
    bench = Bench(FakeSpeak("a", DOWN), FakeSpeak("b", ProviderError("b", "gone")))
    with pytest.raises(ProviderError, match="gone"):
        run(bench.speak())
    assert [failed.next for failed in bench.failed] == ["b", ""]


def test_a_failure_after_the_last_word_needs_nobody_else() -> None:
    b = FakeSpeak("b", say("five."))
    bench = Bench(FakeSpeak("a", say(TEXT), DOWN), b)
    assert length_ms(run(bench.speak())) == len(WORDS) * WORD_MS
    assert b.given == []
    assert bench.failed == [ProviderFailed("tts", "a", "socket closed", "")]


def test_an_error_of_the_text_is_raised_after_what_came_was_spoken() -> None:
    async def main() -> None:
        heard = []
        with pytest.raises(ProviderError, match="model"):
            async for spoken in bench.chain.stream(script(TEXT, ProviderError("model", "cut")), "en"):
                heard.append(spoken)
        assert sounded(heard) == list(say(TEXT).words)

    bench = Bench(FakeSpeak("a", say(TEXT)), FakeSpeak("b"))
    run(main())
    assert bench.failed == []


def test_closing_closes_the_voice_and_the_reading_of_the_text() -> None:
    async def main() -> None:
        closed = []

        async def text() -> AsyncIterator[str]:
            try:
                yield TEXT
                await asyncio.sleep(3600)
            finally:
                closed.append("text")

        a = FakeSpeak("a", say("We are open"), None, reads=1)
        stream = SpeakChain([a], print).stream(text(), "en")
        await anext(stream)
        await close_stream(stream)
        assert (a.closed, closed) == (1, ["text"])
        assert now() == 0.0

    run(main())


def test_cancelling_while_waiting_closes_everything() -> None:
    async def main() -> None:
        task = asyncio.create_task(bench.speak("We ", 3600.0))
        await asyncio.sleep(5.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert a.closed == 1

    a = FakeSpeak("a", say(TEXT))
    bench = Bench(a)
    run(main())


def test_the_chain_asks_for_what_its_most_demanding_voice_needs() -> None:
    picky = FakeSpeak("b", times_words=False, streams_text=False)
    chain = SpeakChain([FakeSpeak("a"), picky], print)
    assert (chain.streams_text, chain.times_words) == (False, False)
    assert SpeakChain([FakeSpeak("a")], print).streams_text
