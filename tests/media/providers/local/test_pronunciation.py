# ruff: noqa: RUF001 (phonemes look like letters)
"""Pronunciation of words."""

import pytest

from media.providers.local.pronunciation import PronunciationLexicon

pytestmark = pytest.mark.speech


@pytest.fixture(scope="module")
def lexicon() -> PronunciationLexicon:
    return PronunciationLexicon()


@pytest.mark.parametrize(
    ("words", "sounds"),
    [
        ("hello", ["həlˈoʊ"]),
        ("the end", ["ðɪ", "ˈɛnd"]),
        ("the start", ["ðə", "stˈɑːɹt"]),
        ("to A", ["tʊ", "ˈeɪ"]),
        ("i live", ["ˈaɪ", "lˈɪv"]),
        ("a live show", ["ɐ", "lˈaɪv", "ʃˈoʊ"]),
        ("dental's plumber's", ["dˈɛntəlz", "plˈʌmɚz"]),
        ("gonzalez's", ["ɡənzˈɑːlɛzᵻz"]),
        ("W", ["dˈʌbəljˌuː"]),
    ],
)
def test_words_are_pronounced(lexicon: PronunciationLexicon, words: str, sounds: list[str]) -> None:
    plain = str.maketrans("", "", "ˈˌː")
    phonemes = lexicon.phonemes(words.split())
    assert [sound.translate(plain) for sound in phonemes] == [sound.translate(plain) for sound in sounds]


@pytest.mark.parametrize("word", ["vocalized", "szczepanski", "zyx", "o'flannaghan", "x'q"])
def test_unknown_words_are_pronounced_by_the_model(lexicon: PronunciationLexicon, word: str) -> None:
    (sound,) = lexicon.phonemes([word])
    assert 2 <= len(sound) <= 2 * len(word)
