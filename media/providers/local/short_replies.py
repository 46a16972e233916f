"""What callers say most when they say no more than a word or two: where models disagree about a short sound, it is
rather one of these than "Oh, what?" or "Here"."""

from collections.abc import Sequence
from typing import Final

# Without "thank you" and "bye", which the larger model makes of noise.
_REPLIES: Final = frozenset(
    (
        *("yeah", "yes", "yes please", "yep", "yup", "oh yeah", "no", "no thanks", "nope"),
        *("okay", "ok", "oh okay", "right", "all right", "alright", "sure", "of course", "absolutely", "exactly"),
        *("great", "good", "fine", "perfect", "correct", "that's right", "that's correct", "i see"),
        *("uh huh", "mm hmm", "mhm", "hello", "hi", "what", "sorry", "pardon", "wait", "hold on", "stop"),
    )
)
MOST_WORDS: Final = 3


def is_short_reply(words: Sequence[str]) -> bool:
    """Whether these words, lower case and without punctuation, are one of them."""
    return " ".join(words) in _REPLIES
