# ruff: noqa: RUF001 (phonemes look like letters)
"""Pronounces words with a lexicon, with rules for neighboring words, and with a trained model for unknown words."""

import base64
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import pycrfsuite  # type: ignore[import-untyped]  # ships no types

from media.providers.english import word_list
from media.providers.local import models

# Corrections of the lexicon, in its phonemes.
_CORRECTED: Final = {
    "am": "æm",
    "at": "æt",
    "can": "kæn",
    "email": "ˈiːmeɪl",
    "emails": "ˈiːmeɪlz",
    "it": "ɪt",
    "miz": "mˈɪz",
    "missus": "mˈɪsɪz",
    "ok": "oʊkˈeɪ",
}
_BEFORE_VOWEL: Final = {"the": "ðɪ", "to": "tʊ"}
# Pronunciations as a verb, used after one of _VERB_FOLLOWS.
_VERBS: Final = {
    "close": "klˈoʊz",
    "live": "lˈɪv",
    "present": "pɹɪzˈɛnt",
    "record": "ɹᵻkˈoːɹd",
    "use": "jˈuːz",
}
_VERB_FOLLOWS: Final = word_list(
    "to i you we they who can could will would shall should may might must do don't did didn't can't won't please i'll "
    "you'll we'll they'll let's and"
)
_VOWELS: Final = frozenset("aeiouæɐɑɒɔəɚɛɜɪʊʌᵻ")
_STRESSES: Final = "ˈˌ"
_REACH: Final = 3  # number of letters on each side that the model sees


class PronunciationLexicon:
    """The pronunciations, which the constructor loads. Raises SpeechModelError if a file is missing or wrong."""

    def __init__(self) -> None:
        self._words = _read_words(models.read_model_file(models.LEXICON))
        self._g2p = pycrfsuite.Tagger()
        # The tagger reads from these bytes, so they must stay alive as long as the tagger.
        self._model = models.read_model_file(models.G2P_MODEL)
        self._g2p.open_inmemory(self._model)

    def phonemes(self, words: Sequence[str]) -> list[str]:
        """Return the phonemes of each word, in the voice's alphabet. A capital letter is spoken as its name."""
        neighbors = zip(["", *words], words, [*words[1:], ""], strict=False)
        return [self._phonemes(before, word, after) for before, word, after in neighbors]

    def _phonemes(self, before: str, word: str, after: str) -> str:
        if len(word) == 1 and word.isupper():
            return "ˈeɪ" if word == "A" else self._word(word.lower())
        if word in _VERBS and before in _VERB_FOLLOWS:
            return _VERBS[word]
        if word in _BEFORE_VOWEL and after and _begins_with_vowel(self._word(after.lower())):
            return _BEFORE_VOWEL[word]
        return self._word(word)

    def _word(self, word: str) -> str:
        return _CORRECTED.get(word) or self._words.get(word) or self._possessive(word) or self._guess(word)

    def _possessive(self, word: str) -> str:
        """Return the phonemes of a known word with 's, which depend on its last sound. Returns "" for any other
        word."""
        if not word.endswith("'s") or not (stem := self._words.get(word[:-2])):
            return ""
        if stem[-1] in "szʃʒ":
            return stem + "ᵻz"
        return stem + ("s" if stem[-1] in "ptkfθ" else "z")

    def _guess(self, word: str) -> str:
        letters = [letter for letter in word if letter.isalpha()]
        coded = self._g2p.tag([_features(letters, index) for index in range(len(letters))])
        sounds = "|".join(base64.b64decode(sound).decode() for sound in coded).split("|")
        return "".join(sound for sound in sounds if sound != "_")


def _read_words(data: bytes) -> dict[str, str]:
    """Return the most common pronunciation of each word."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data)
        rows = database.execute("SELECT word, phonemes FROM word_phonemes ORDER BY pron_order DESC")
        words = {word: phonemes.replace(" ", "") for word, phonemes in rows}
    return words


def _features(letters: Sequence[str], index: int) -> Mapping[str, Any]:
    """Return the features of a letter, under the names with which the model was trained."""
    features: dict[str, Any] = {"bias": 1.0, "grapheme": _code(letters[index])}
    if index == 0:
        features["begin"] = True
    if index == len(letters) - 1:
        features["end"] = True
    for distance in range(1, _REACH + 1):
        if index >= distance:
            features[f"grapheme-{distance}"] = _code(letters[index - distance])
        if index + distance < len(letters):
            features[f"grapheme+{distance}"] = _code(letters[index + distance])
    return features


def _code(letter: str) -> str:
    return base64.b64encode(letter.encode()).decode()


def _begins_with_vowel(phonemes: str) -> bool:
    return phonemes.lstrip(_STRESSES)[:1] in _VOWELS
