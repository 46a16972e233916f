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
def test_half_a_word_waits_for_its_rest_or_the_next_voice(rest: SpeechChunk | ProviderError) -> None:
    """What was sent before has been played after 0.9 s."""

    async def main() -> None:
        pieces = [(now(), len(chunk.audio) / 8) async for chunk in harness.chain.stream(stream_text(TEXT), "en")]
        assert pieces == [(0.0, 3 * WORD_MS), (0.85, 4 * WORD_MS)]

    b = FakeTextToSpeech("b", say(REST))
    harness = ChainHarness(FakeTextToSpeech("a", say("We are open"), HALF, 0.85, rest), b)
    run(main())
    assert b.texts == ([REST] if rest is CONNECTION_ERROR else [])


def test_half_a_word_goes_out_before_a_gap_is_heard_if_no_other_voice_can_say_it() -> None:
    async def main() -> None:
        times = [now() async for _ in harness.chain.stream(stream_text(TEXT), "en")]
        assert times == [0.0, pytest.approx(3 * WORD_MS / 1_000 - MARGIN_S), 0.85]

    harness = ChainHarness(FakeTextToSpeech("a", say("We are open"), HALF, 0.85, AFTER_HALF))
    run(main())


def test_half_a_first_word_goes_out_at_once() -> None:
    """The caller waits for it."""

    async def main() -> None:
        times = [now() async for _ in harness.chain.stream(stream_text(TEXT), "en")]
        assert times == [0.0, 0.2]

    rest = SpeechChunk(audio(6.5 * WORD_MS), say(TEXT).words[1:])
    half = SpeechChunk(audio(WORD_MS / 2), say(TEXT).words[:1])
    harness = ChainHarness(FakeTextToSpeech("a", half, 0.2, rest), FakeTextToSpeech("b"))
    run(main())


def test_audio_without_words_is_held_no_longer_than_a_word_takes() -> None:
    """Its times may not come at all."""

    async def main() -> None:
        pieces = [(now(), len(chunk.audio) / 8) async for chunk in harness.chain.stream(stream_text(TEXT), "en")]
        assert pieces == [(0.0, 900), (0.75, 1_600), (0.85, 500)]

    untimed = SpeechChunk(audio(1_600))
    harness = ChainHarness(
        FakeTextToSpeech("a", say("We are open"), untimed, 0.85, SpeechChunk(audio(500))), FakeTextToSpeech("b")
    )
    run(main())


@pytest.mark.parametrize(
    ("count", "comes_at_its_end"),
    [*((count, False) for count in range(1, 21)), *((count, True) for count in range(3, 21))],
)
def test_a_stall_within_a_word_doubles_nothing_but_the_first_word(count: int, *, comes_at_its_end: bool) -> None:
    """Pieces of 100 ms at four times real time; a word's time comes with the piece in which it begins, or ends."""
    words = say(TEXT).words
    pieces = [
        SpeechChunk(
            b"a" * 800,
            tuple(word for word in words if at < (word.end_ms if comes_at_its_end else word.start_ms + 1) <= at + 100),
        )
        for at in range(0, len(words) * WORD_MS, 100)
    ]
    steps = [step for piece in pieces[:count] for step in (piece, 0.025)]
    a, b = FakeTextToSpeech("a", *steps, None), FakeTextToSpeech("b", SpeechChunk(b"b" * 800))
    speech = run(ChainHarness(a, b).speak())
    heard_ms = sum(chunk.audio.count(b"a") for chunk in speech) / 8
    whole = count * 100 // WORD_MS
    assert heard_ms == (whole * WORD_MS or count * 100)
    assert b.texts == [" ".join((*TEXT.split()[whole:], ""))]


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
