"""Reads references of letters and digits: "B R seven four", "b as in bravo"."""

from collections.abc import Iterator, Sequence
from typing import Final

from media.turn.backchannels import split_words, word_list
from media.turn.spoken_digits import is_digit_word, read_digits

# The ICAO spelling alphabet, with the spellings that recognizers write.
_ALPHABET: Final = {
    word: word[0].upper()
    for word in word_list(
        "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar "
        "papa quebec romeo sierra tango uniform victor whiskey whisky xray yankee zulu"
    )
}
# Letters as recognizers write their names. They are read only between other letters and digits.
_LETTER_NAMES: Final = {
    "bee": "B", "cee": "C", "see": "C", "dee": "D", "gee": "G", "jay": "J", "kay": "K", "pee": "P", "queue": "Q",
    "cue": "Q", "are": "R", "tea": "T", "tee": "T", "you": "U", "vee": "V", "ex": "X", "why": "Y", "zed": "Z",
    "zee": "Z", "em": "M", "en": "N", "el": "L", "ess": "S", "aitch": "H",
}  # fmt: skip
_LIKE: Final = (("as", "in"), ("like", "in"), ("for",), ("like",))


def read_reference(text: str) -> str:
    """Return the characters of a reference in a text, with letters in upper case, or ""."""
    words = split_words(text)
    return "".join(_parts(words))


def _parts(words: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        if is_digit_word(words, at):
            end = at
            while is_digit_word(words, end):
                end += 1
            yield read_digits(" ".join(words[at:end]))
            at = end
        elif letter := _letter(words, at):
            yield letter
            at += 1 + _explanation(words, at)
        else:
            at += 1


def _letter(words: Sequence[str], at: int) -> str:
    word = words[at]
    if word in _ALPHABET:
        return _ALPHABET[word]
    if word in _LETTER_NAMES:
        return _LETTER_NAMES[word] if _is_character(words, at - 1) and _is_character(words, at + 1) else ""
    if any(character.isdigit() for character in word) and len(word) > 1:  # written as one word: "br74"
        return word.upper()
    is_article = word in ("a", "i") and not (_is_character(words, at - 1) or _is_character(words, at + 1))
    return word.upper() if len(word) == 1 and word.isalpha() and not is_article else ""


def _is_character(words: Sequence[str], at: int) -> bool:
    if not 0 <= at < len(words):
        return False
    return len(words[at]) == 1 or is_digit_word(words, at) or words[at] in _ALPHABET


def _explanation(words: Sequence[str], at: int) -> int:
    """Return the number of words after a letter that only explain it: "as in bravo"."""
    for phrase in _LIKE:
        end = at + 1 + len(phrase)
        if tuple(words[at + 1 : end]) == phrase and end < len(words) and words[end][0] == words[at][0]:
            return len(phrase) + 1
    return 0
