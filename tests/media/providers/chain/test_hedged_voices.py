"""Voices that are late or stall: when the next one is asked, what is heard, and what each attempt costs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.tts import TextToSpeechChain
from media.providers.cleanup import close_stream
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import ProviderError, SpeechChunk, TimedWord
from media.providers.usage import UsageMeter
from media.providers.wait_history import UsualWait
from shared.events import ProviderFailed, UsageRecorded
from tests.media.providers.fakes import FakeTextToSpeech, Step
from tests.media.providers.virtual import now, run

TEXT = "We are open from nine to five. "
WORDS = TEXT.split()
WORD_MS = 300
SEED = UsualWait(0.2, 0.5)
BROKEN = ProviderError("x", "broken")


def say(words: str, start: int = 0) -> SpeechChunk:
    """Returns a chunk with 300 ms per word. start: number of words before it in this stream."""
    timed = [TimedWord(word, at * WORD_MS, (at + 1) * WORD_MS) for at, word in enumerate(words.split(), start=start)]
    return SpeechChunk(b"\x00" * (len(timed) * WORD_MS * 8), tuple(timed))


class Harness:
    """A chain over scripted voices whose vendors publish a wait, and what it reported. Made in the running loop."""

    def __init__(self, *voices: FakeTextToSpeech, seed: UsualWait | None = SEED) -> None:
        self.failed: list[ProviderFailed] = []
        self.usage: list[UsageRecorded] = []
        self.board = HealthBoard(now, chance=lambda: 0.0)
        self._voices, self._seed = voices, seed
        self.silence_s = 0.0
        self.begin_call()

    def begin_call(self) -> None:
        """Another call, on the same board of health."""
        self.chain = TextToSpeechChain(
            self._voices,
            self.failed.append,
            meters=[UsageMeter("tts", voice.name, self.usage.append) for voice in self._voices],
            health=ChainHealth(
                self.board, [HealthKey("tts", one.name) for one in self._voices], seeds=[self._seed] * len(self._voices)
            ),
        )

    async def speak(self, *pieces: str | float) -> str:
        """Speaks the text, and plays the audio as it comes; returns the words."""
        heard: list[str] = []
        played_until = began = now()
        self.silence_s = 0.0
        async for chunk in self.chain.stream(_stream_text(*pieces or (TEXT,)), "en"):
            if chunk.audio:
                self.silence_s = max(self.silence_s, now() - max(played_until, began))
                played_until = max(played_until, now()) + len(chunk.audio) / 8_000
            heard += [word.text for word in chunk.words]
        return " ".join(heard)

    def paid(self) -> Counter[str]:
        """Characters that each voice was sent."""
        total: Counter[str] = Counter()
        for usage in self.usage:
            total[usage.provider] += usage.quantity
        return total


async def _stream_text(*pieces: str | float) -> AsyncIterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        else:
            await asyncio.sleep(piece)


def test_a_late_voice_gets_a_rival_and_the_first_audio_decides() -> None:
    async def main() -> None:
        a, b = FakeTextToSpeech("a", None), FakeTextToSpeech("b", 0.2, say(TEXT))
        harness = Harness(a, b)
        assert await harness.speak() == TEXT.strip()
        assert harness.silence_s == pytest.approx(0.75)
        assert (a.closed, b.closed) == (1, 1)
        (failed,) = harness.failed
        assert (failed.provider, failed.next, failed.stage, failed.cause) == ("a", "b", "first_unit", "late")
        assert failed.cost_ms == 550  # until the rival was asked
        assert harness.paid() == {"a": len(TEXT), "b": len(TEXT)}

    run(main())


def test_a_voice_that_is_a_little_late_still_wins() -> None:
    async def main() -> None:
        b = FakeTextToSpeech("b", 0.5, say("Never."))
        harness = Harness(FakeTextToSpeech("a", 0.8, say(TEXT)), b)
        assert await harness.speak() == TEXT.strip()
        assert (b.closed, harness.failed) == (1, [])

    run(main())


def test_the_wait_begins_when_the_voice_has_its_text() -> None:
    async def main() -> None:
        b = FakeTextToSpeech("b", say("Never."))
        harness = Harness(FakeTextToSpeech("a", say(TEXT)), b)
        assert await harness.speak("We are", 9.0, " open from nine to five. ") == TEXT.strip()
        assert (b.texts, harness.failed) == ([], [])

    run(main())


def test_a_rival_speaks_text_that_comes_later_too() -> None:
    async def main() -> None:
        a, b = FakeTextToSpeech("a", None, reads=1), FakeTextToSpeech("b", say(TEXT))
        harness = Harness(a, b)
        assert await harness.speak("We are open, ", 1.0, "from nine to five. ") == TEXT.strip()
        assert b.texts == ["We are open, from nine to five. "]

    run(main())


def test_words_alone_win_no_race() -> None:
    async def main() -> None:
        words = SpeechChunk(b"", say(TEXT).words)
        harness = Harness(FakeTextToSpeech("a", 0.1, words, None), FakeTextToSpeech("b", 0.2, say(TEXT)))
        assert await harness.speak() == TEXT.strip()
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "b")]

    run(main())


def test_when_the_rival_fails_the_late_voice_goes_on() -> None:
    async def main() -> None:
        harness = Harness(FakeTextToSpeech("a", 1.0, say(TEXT)), FakeTextToSpeech("b", 0.1, BROKEN))
        assert await harness.speak() == TEXT.strip()
        assert [(failed.provider, failed.next) for failed in harness.failed] == [("b", "a")]

    run(main())


def test_a_stall_is_acted_on_before_the_audio_is_used_up() -> None:
    """The first voice sent 1.2 s of audio, of which the next one takes over 0.55 s before the end."""

    async def main() -> None:
        a = FakeTextToSpeech("a", say("We are open from"), None)
        b = FakeTextToSpeech("b", 0.3, say("nine to five."))
        harness = Harness(a, b, seed=UsualWait(0.2, 0.5))
        assert await harness.speak() == TEXT.strip()
        assert b.texts == ["nine to five. "]
        assert harness.silence_s == pytest.approx(0.0)
        (failed,) = harness.failed
        assert (failed.stage, failed.cause, failed.cost_ms) == ("stream", "stalled", 0)

    run(main())


def test_a_pause_that_nobody_hears_is_no_stall() -> None:
    async def main() -> None:
        long = "one two three four five six seven eight nine ten "
        a = FakeTextToSpeech("a", say(long), 2.0, say(TEXT, 10))
        harness = Harness(a, FakeTextToSpeech("b", say("Never.")))
        assert await harness.speak(long + TEXT) == (long + TEXT).strip()
        assert harness.failed == []

    run(main())


def test_a_stall_with_little_audio_costs_the_bound_at_most() -> None:
    async def main() -> None:
        harness = Harness(
            FakeTextToSpeech("a", say("We"), None), FakeTextToSpeech("b", 0.2, say("are open from nine."))
        )
        await harness.speak()
        assert harness.silence_s == pytest.approx(0.9 + 0.2 - 0.3)
        assert harness.failed[0].cost_ms == 600

    run(main())


def test_a_voice_with_long_gaps_is_not_replaced_once_they_are_known() -> None:
    async def main() -> None:
        slow: list[Step] = [say("We are open"), 1.2, say("from nine to five.", 3)]
        alone = Harness(FakeTextToSpeech("a", *slow), seed=None)
        for _ in range(20):
            await alone.speak()
        alone._voices = (FakeTextToSpeech("a", *slow), FakeTextToSpeech("b", say("Never.")))
        alone.begin_call()
        assert await alone.speak() == TEXT.strip()
        assert alone.failed == []

    run(main())


def test_a_voice_that_is_slower_than_its_vendor_s_figures_is_learned_and_kept() -> None:
    async def main() -> None:
        b = FakeTextToSpeech("b", 0.3, *(step for word in WORDS for step in (say(word), 0.3)))
        harness = Harness(FakeTextToSpeech("a", 1.3, say(TEXT)), b, seed=UsualWait(0.2, 0.9))
        for _ in range(10):
            await harness.speak()
        assert [failed.provider for failed in harness.failed] == ["a"] * 3
        assert harness.board.is_usable(HealthKey("tts", "a"))

    run(main())


def test_a_voice_that_is_much_slower_than_its_vendor_s_figures_is_ejected() -> None:
    async def main() -> None:
        b = FakeTextToSpeech("b", 0.3, *(step for word in WORDS for step in (say(word), 0.3)))
        a = FakeTextToSpeech("a", 4.0, say(TEXT))
        harness = Harness(a, b, seed=UsualWait(0.2, 0.9))
        for _ in range(10):
            harness.begin_call()
            await harness.speak()
        assert not harness.board.is_usable(HealthKey("tts", "a"))
        assert len(a.texts) <= 4

    run(main())


pauses = st.sampled_from([0.0, 0.2, 0.5, 0.6, 1.0, 2.5])


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """A pause, then words with pauses; it may break, stall or end."""
    steps: list[Step] = [draw(pauses)]
    for word in WORDS[: draw(st.integers(0, len(WORDS)))]:
        steps += [say(word), draw(st.sampled_from([0.0, 0.0, 0.3, 0.7]))]
    endings: list[list[Step]] = [[], [BROKEN], [None]]
    return [*steps, *draw(st.sampled_from(endings))]


class ScriptedVoice(FakeTextToSpeech):
    """Says only what it is asked for: the words that are still to come, timed from its own first audio."""

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        stream = super().stream(text, language)
        spoken = 0
        try:
            async for chunk in stream:
                word = chunk.words[0].text
                if word in self.texts[-1].split():
                    yield say(word, spoken)
                    spoken += 1
        finally:
            await close_stream(stream)


@settings(max_examples=60, deadline=None)
@given(st.lists(scripts(), min_size=2, max_size=3), st.sampled_from([None, 0.3137, 1.4137, 3.0137]))
def test_no_word_is_doubled_and_every_attempt_is_paid_once(voices: list[list[Step]], stop_s: float | None) -> None:
    async def main() -> None:
        used = [ScriptedVoice(name, *script) for name, script in zip("abc", voices, strict=False)]
        harness = Harness(*used)
        stream = harness.chain.stream(_stream_text("We are open ", "from nine to five. "), "en")
        heard: list[str] = []
        try:
            async with asyncio.timeout(stop_s):
                async for chunk in stream:
                    heard += [word.text for word in chunk.words]
        except (ProviderError, TimeoutError):
            pass
        await close_stream(stream)
        assert heard == WORDS[: len(heard)]
        for voice in used:
            assert voice.closed == len(voice.texts) <= 3
            assert harness.paid()[voice.name] == sum(map(len, voice.texts))

    run(main())


def test_a_speech_that_is_cancelled_twice_reads_its_text_no_further() -> None:
    async def main() -> None:
        read: list[str] = []

        async def words() -> AsyncIterator[str]:
            for word in WORDS:
                read.append(word)
                yield f"{word} "
                await asyncio.sleep(1.0)

        class Slow(FakeTextToSpeech):
            async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
                try:
                    async for chunk in super().stream(text, language):
                        yield chunk
                finally:
                    await asyncio.sleep(0.5)  # its connection is being closed

        async def speak() -> None:
            async for _ in Harness(Slow("a", None)).chain.stream(words(), "en"):
                pass

        task = asyncio.create_task(speak())
        for _ in range(2):
            await asyncio.sleep(0.1)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(2.0)
        assert read == WORDS[:1]

    run(main())
