"""A voice that sends its audio slower than it is spoken is replaced; one whose text or listener pauses is not."""

import asyncio

import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.ports import SpeechChunk
from tests.media.providers.chain.test_tts import WORD_MS, ChainHarness, say, stream_text
from tests.media.providers.fakes import FakeTextToSpeech, Step
from tests.media.providers.virtual import now, run

LONG = "We are open from nine to five on all days but not on Sunday. "
WORDS = LONG.split()
PIECE_MS = 100


def pieces(every_s: float) -> list[Step]:
    """The whole text in pieces of 100 ms, each after so many seconds; a word's time comes with its first piece."""
    words = say(LONG).words
    steps: list[Step] = []
    for at in range(0, len(words) * WORD_MS, PIECE_MS):
        timed = tuple(word for word in words if at <= word.start_ms < at + PIECE_MS)
        steps += [every_s, SpeechChunk(b"a" * (8 * PIECE_MS), timed)]
    return steps


def heard_ms(speech: list[SpeechChunk]) -> float:
    return sum(chunk.audio.count(b"a") for chunk in speech) / 8


@pytest.mark.parametrize("every_s", [0.13, 0.19, 0.25])
def test_a_voice_slower_than_real_time_is_replaced_at_the_first_unheard_word(every_s: float) -> None:
    async def main() -> None:
        speech = await harness.speak(LONG)
        count = int(heard_ms(speech) / WORD_MS)
        assert heard_ms(speech) == count * WORD_MS > 0
        assert b.texts == [" ".join((*WORDS[count:], ""))]
        (failed,) = harness.failed
        assert (failed.provider, failed.next, failed.stage, failed.cause) == ("a", "b", "stream", "stalled")
        assert failed.reason.startswith("slower than real time")
        lacking_s = now() - every_s - heard_ms(speech) / 1_000
        assert lacking_s <= Deadlines().torn_s + WORD_MS / 1_000 + every_s

    a, b = FakeTextToSpeech("a", *pieces(every_s)), FakeTextToSpeech("b", SpeechChunk(b"b" * 800))
    harness = ChainHarness(a, b)
    run(main())


@pytest.mark.parametrize("every_s", [0.025, 0.1, 0.11])
def test_a_voice_about_as_fast_as_speech_is_kept(every_s: float) -> None:
    b = FakeTextToSpeech("b")
    harness = ChainHarness(FakeTextToSpeech("a", *pieces(every_s)), b)
    assert heard_ms(run(harness.speak(LONG))) == len(WORDS) * WORD_MS
    assert (b.texts, harness.failed) == ([], [])


def test_two_short_gaps_are_no_reason() -> None:
    script = pieces(0.1)
    script[10] = script[30] = 0.35
    b = FakeTextToSpeech("b")
    harness = ChainHarness(FakeTextToSpeech("a", *script), b)
    run(harness.speak(LONG))
    assert (b.texts, harness.failed) == ([], [])


def test_the_only_voice_is_kept_however_slow() -> None:
    harness = ChainHarness(FakeTextToSpeech("a", *pieces(0.19)))
    assert heard_ms(run(harness.speak(LONG))) == len(WORDS) * WORD_MS
    assert harness.failed == []


def test_pauses_of_the_text_are_not_the_voice_s() -> None:
    words = say(LONG).words
    script = [SpeechChunk(b"a" * (8 * WORD_MS), (word,)) for word in words]
    b = FakeTextToSpeech("b")

    class Waiting(FakeTextToSpeech):
        """Says each word as it comes."""

        async def stream(self, text, language):  # type: ignore[no-untyped-def]
            at = 0
            async for piece in text:
                for _ in piece.split():
                    yield script[at]
                    at += 1

    harness = ChainHarness(Waiting("a"), b)
    text = [part for word in WORDS for part in (f"{word}, ", 0.8)]
    assert heard_ms(run(harness.speak(*text))) == len(WORDS) * WORD_MS
    assert (b.texts, harness.failed) == ([], [])


def test_pauses_of_the_listener_are_not_the_voice_s() -> None:
    async def main() -> None:
        async for _ in harness.chain.stream(stream_text(LONG), "en"):
            await asyncio.sleep(0.5)

    b = FakeTextToSpeech("b")
    harness = ChainHarness(FakeTextToSpeech("a", *pieces(0.025)), b)
    run(main())
    assert (b.texts, harness.failed) == ([], [])
