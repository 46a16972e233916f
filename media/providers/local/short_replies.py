"""The most frequent utterances of up to three words. If models disagree about a short sound, one of these is more
likely than "Oh, what?" or "Here"."""

from collections.abc import Sequence
from typing import Final

# Without "thank you" and "bye", which the larger model returns for noise.
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
    """Return whether the words, lower case and without punctuation, are a short reply."""
    return " ".join(words) in _REPLIES
