"""Detects whether a caller confirms digits or text that was read back."""

from enum import StrEnum
from typing import Final

from media.turn.backchannels import phrase_set, split_words


class CallerConfirmation(StrEnum):
    """The meaning of an answer to "Is that right?"."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"  # few words that mean neither or both, so the question is repeated
    OTHER = "other"  # the caller says something else


# Words of all languages for which there are phrases, and of similar languages, because callers answer in their own
# language. No word means yes in one language and no in another.
_YES: Final = phrase_set(
    "yes|yeah|yea|yep|yup|yah|correct|right|exactly|perfect|absolutely|confirmed|ja|jawohl|jep|richtig|genau|stimmt|"
    "korrekt|s\u00ed|si|claro|correcto|exacto|vale|oui|ouais|exact|exactement|parfait|sim|certo|esatto|klopt"
)
_NO: Final = phrase_set(
    "no|nope|nah|wrong|incorrect|not|isn't|wasn't|doesn't|never|nein|nee|falsch|nicht|kein|incorrecto|mal|equivocado|"
    "non|pas|faux|errado|n\u00e3o|sbagliato"
)
# Words that turn a yes into no confirmation: "yes, but the last one is a five".
_DOUBTS: Final = phrase_set(
    "but|except|almost|nearly|actually|wait|aber|fast|au\u00dfer|moment|pero|casi|excepto|menos|mais|sauf|presque|"
    "attendez"
)
# The maximum number of words of an unclear answer. A longer text without a yes or a no has another meaning.
_MOST_WORDS: Final = 3


def read_confirmation(text: str) -> CallerConfirmation:
    """Return the meaning of the caller's words.

    A no takes precedence over a yes, because asking again is better than storing a wrong number.
    """
    words = split_words(text)
    if any(word in _NO for word in words):
        return CallerConfirmation.NO
    if any(word in _YES for word in words):
        return CallerConfirmation.UNCLEAR if any(word in _DOUBTS for word in words) else CallerConfirmation.YES
    return CallerConfirmation.OTHER if len(words) > _MOST_WORDS else CallerConfirmation.UNCLEAR
