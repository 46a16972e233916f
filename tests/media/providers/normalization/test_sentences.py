"""What voices are given for 307 sentences: written by hand, from how a person reads them (`sentences/`)."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.normalization.normalizer import READERS, TextNormalizer
from media.providers.normalization.text_stream import SpokenTextStream
from media.providers.ports import SpeechChunk, TimedWord
from tests.platform.computation import slowed

FOLDER = Path(__file__).parent / "sentences"
SENTENCES = [
    (language, *line.split(" => "))
    for language in READERS
    for line in (FOLDER / f"{language}.txt").read_text(encoding="utf-8").splitlines()
]
WORD_MS = 100.0


async def pieces_of(pieces: Sequence[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def speak(language: str, pieces: Sequence[str], *, whole: bool = False) -> tuple[str, SpokenTextStream]:
    stream = TextNormalizer(whole_pieces=whole).open(pieces_of(pieces), language)
    assert stream is not None
    return "".join([piece async for piece in stream]), stream


# What may meet in a text: figures and signs in any order, other scripts, numbers beyond all words.
FRAGMENTS = [
    *(
        "1",
        "42",
        "007",
        "1" * 40,
        "1,000",
        " ",
        "\n",
        "\u00a0",
        "€",
        "$",
        "-",
        ".",
        ",",
        ":",
        "/",
        "(",
        "+",
        "%",
        "@",
        "#",
    ),
    *(
        "km",
        "Uhr",
        "h",
        "AB",
        "x.com",
        "Dr.",
        "z. B.",
        "Mai",
        "24:61",
        "99/99/9999",
        "½",
        "²",
        "º",
        "日本",
        "°C",
        "er",
        "EUR",
    ),
]


def with_letters(words: Iterable[str]) -> list[str]:
    return [word for word in words if any(map(str.isalnum, word))]


def test_no_sentence_is_lost() -> None:
    assert len(SENTENCES) == 307


@pytest.mark.parametrize("language", READERS)
def test_sentences_are_given_as_a_person_reads_them(language: str) -> None:
    """Case does not count: a voice says it the same."""
    wrong = []
    for one, written, expected in SENTENCES:
        if one == language:
            spans = READERS[language](written)
            assert "".join(span.written for span in spans) == written
            said = "".join(span.spoken for span in spans)
            wrong += [] if said.casefold() == expected.casefold() else [(written, expected, said)]
    assert not wrong


@pytest.mark.parametrize("language", READERS)
def test_the_same_is_given_however_the_text_is_cut(language: str) -> None:
    """By characters, by words with the space before or behind them: a number is never cut in two."""

    async def scene() -> None:
        for one, written, _ in SENTENCES:
            if one != language:
                continue
            whole, _ = await speak(language, [written], whole=True)
            words = written.split(" ")
            for pieces in (
                list(written),
                [f"{word} " for word in words],
                [words[0], *(f" {one}" for one in words[1:])],
            ):
                said, _ = await speak(language, pieces)
                assert said.rstrip() == whole.rstrip(), pieces

    asyncio.run(scene())


@pytest.mark.parametrize("language", READERS)
def test_the_timings_are_those_of_the_written_words(language: str) -> None:
    """A voice that reports each spoken word leads back to all written ones, in order and without a gap."""

    async def scene() -> None:
        for one, written, _ in SENTENCES:
            if one != language:
                continue
            said, stream = await speak(language, [written], whole=True)
            spoken = said.split()
            timed = [TimedWord(word, at * WORD_MS, (at + 1) * WORD_MS) for at, word in enumerate(spoken)]
            words = [word for word in timed for word in stream.to_written(SpeechChunk(b"", (word,))).words]
            words += stream.finish()
            assert with_letters(word.text for word in words) == with_letters(written.split())
            assert words[0].start_ms == 0
            assert words[-1].end_ms == pytest.approx(len(spoken) * WORD_MS)

    asyncio.run(scene())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.lists(st.sampled_from(FRAGMENTS), max_size=9).map("".join))
def test_any_text_is_read_whole(language: str, text: str) -> None:
    spans = READERS[language](text)
    assert "".join(span.written for span in spans) == text or not text.strip()
    assert not text.strip() or "".join(span.spoken for span in spans).strip()


@pytest.mark.parametrize("text", ["1 " * 1_000, "1" * 2_000, "A1" * 1_000, "1-" * 1_000, "a." * 1_000])
@pytest.mark.parametrize("language", READERS)
def test_no_text_takes_long(language: str, text: str) -> None:
    """The longest greeting: patterns that go back for each character took 0.25 s of all calls' event loop."""
    began = time.process_time()
    READERS[language](text)
    assert time.process_time() - began < slowed(0.2)


@pytest.mark.parametrize("before", ["", "$", "#", "+", "1,"])
@pytest.mark.parametrize("behind", ["", "%", "km", "st", "\u20ac", "\u00bd", "/mo", "-2"])
@pytest.mark.parametrize("language", READERS)
def test_a_number_without_end_is_given_as_it_is_written(language: str, before: str, behind: str) -> None:
    """Python makes no number of more than 4,300 digits; a model that falls into a loop writes such ones."""
    text = f"{before}{'1' * 5_000}{behind}"
    assert [span.spoken for span in READERS[language](text)] == [text]
