"""What is given to a voice, and when; and a chain whose voices are given other words than are written."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from media.providers.chain.tts import TextToSpeechChain
from media.providers.normalization.normalizer import TextNormalizer
from media.providers.normalization.text_stream import MOST_HELD
from media.providers.ports import ProviderError, SpeechChunk, TimedWord
from media.providers.usage import UsageMeter
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import Pronunciation
from tests.media.providers.fakes import FakeTextToSpeech
from tests.media.providers.virtual import run

TEXT = "It costs $5.10 now."
SPOKEN = "It costs five dollars and ten cents now."


async def pieces_of(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def given(*pieces: str, whole: bool = False) -> list[str]:
    stream = TextNormalizer(whole_pieces=whole).open(pieces_of(*pieces), "en-GB")
    assert stream is not None
    return [piece async for piece in stream]


def chunk_of(words: Sequence[str], start: int = 0) -> SpeechChunk:
    timed = [TimedWord(word, at * 100, at * 100 + 100) for at, word in enumerate(words, start=start)]
    return SpeechChunk(b"\x00" * (800 * len(words)), tuple(timed))


def test_words_go_on_as_soon_as_they_are_whole() -> None:
    assert asyncio.run(given("Hel", "lo the", "re")) == ["Hello ", "there"]


def test_a_number_waits_for_what_may_belong_to_it() -> None:
    pieces = ["Pay ", "$", "1", ".5", " ", "mill", "ion ", "now"]
    assert asyncio.run(given(*pieces)) == ["Pay ", "one point five million dollars ", "now"]


def test_an_empty_piece_asks_for_what_is_held_back() -> None:
    assert asyncio.run(given("You owe $5", "", "now")) == ["You owe ", "five dollars", "", "now"]


def test_whole_clauses_are_not_held_back() -> None:
    assert asyncio.run(given("You owe $5.", " Now.", whole=True)) == ["You owe five dollars.", " Now."]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_piece_ends_with_a_blank_and_that_is_counted(language: str) -> None:
    async def read() -> tuple[list[str], int]:
        normalizer = TextNormalizer(whole_pieces=True, ends_with_blank=True)
        stream = normalizer.open(pieces_of("Hello, ", "", "Ann."), language)
        assert stream is not None
        return [piece async for piece in stream], stream.sent_characters

    assert asyncio.run(read()) == (["Hello, ", "", "Ann. "], 12)


def test_figures_without_end_do_not_wait_for_ever() -> None:
    pieces = asyncio.run(given(*(f"{number} " for number in range(30))))
    assert len(pieces[0].split()) >= MOST_HELD
    assert "".join(pieces).split()[-2:] == ["twenty", "nine"]


def test_languages_without_rules_and_voices_with_their_own_are_given_what_is_written() -> None:
    assert TextNormalizer().open(pieces_of("5"), "ja") is None
    assert TextNormalizer(reads_figures=True).open(pieces_of("5"), "en") is None
    assert TextNormalizer(True, [Pronunciation("a", "b")]).open(pieces_of("a"), "ja") is not None
    theirs = TextNormalizer(True, [Pronunciation("a", "b")], language="en-GB")
    assert theirs.open(pieces_of("a"), "en") is not None and theirs.open(pieces_of("a"), "es") is None


class Scene:
    """A chain of voices that do not read figures themselves."""

    def __init__(self, *voices: FakeTextToSpeech) -> None:
        self.failed: list[ProviderFailed] = []
        self.usage: list[UsageRecorded] = []
        meters = [UsageMeter("tts", voice.name, self.usage.append) for voice in voices]
        normalizers = [TextNormalizer() for _ in voices]
        self.chain = TextToSpeechChain(voices, self.failed.append, meters=meters, normalizers=normalizers)

    async def speak(self, *pieces: str) -> list[SpeechChunk]:
        return [chunk async for chunk in self.chain.stream(pieces_of(*pieces), "en")]


def words_of(speech: Sequence[SpeechChunk]) -> list[tuple[str, float, float]]:
    return [(word.text, word.start_ms, word.end_ms) for chunk in speech for word in chunk.words]


def test_the_voice_gets_words_and_the_call_what_is_written() -> None:
    voice = FakeTextToSpeech("a", *(chunk_of([word], at) for at, word in enumerate(SPOKEN.split())))
    scene = Scene(voice)
    speech = run(scene.speak("It costs ", "$5.", "10", " now."))
    assert voice.texts == [SPOKEN]
    assert words_of(speech) == [("It", 0, 100), ("costs", 100, 200), ("$5.10", 200, 700), ("now.", 700, 800)]
    assert [one.quantity for one in scene.usage] == [len(SPOKEN)]


def test_the_next_voice_says_a_number_whole_in_which_the_first_broke_off() -> None:
    first = FakeTextToSpeech("a", chunk_of(SPOKEN.split()[:4]), ProviderError("a", "socket closed"))
    second = FakeTextToSpeech("b", chunk_of(SPOKEN.split()[2:]))
    scene = Scene(first, second)
    speech = run(scene.speak(TEXT))
    assert second.texts == [SPOKEN.removeprefix("It costs ")]
    assert [word for word, _, _ in words_of(speech)] == ["It", "costs", "$5.10", "now."]
    assert [one.provider for one in scene.failed] == ["a"]
