# ruff: noqa: RUF001 (phonemes look like letters)
"""How words sound."""

import pytest

from media.providers.local.lexicon import Lexicon

pytestmark = pytest.mark.speech


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon()


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
def test_words_sound_as_they_are_said(lexicon: Lexicon, words: str, sounds: list[str]) -> None:
    plain = str.maketrans("", "", "ˈˌː")
    said = lexicon.phonemes(words.split())
    assert [sound.translate(plain) for sound in said] == [sound.translate(plain) for sound in sounds]


@pytest.mark.parametrize("word", ["vocalized", "szczepanski", "zyx", "o'flannaghan", "x'q"])
def test_unknown_words_are_guessed(lexicon: Lexicon, word: str) -> None:
    (sound,) = lexicon.phonemes([word])
    assert 2 <= len(sound) <= 2 * len(word)
