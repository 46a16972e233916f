"""Makes words look as a recognizer hands them over: fillers, repeated starts, lost words, homophones, wrong words."""

import random
from collections import defaultdict
from collections.abc import Iterable

_FILLERS = (("um",), ("uh",), ("er",), ("you", "know"), ("like",), ("i", "mean"), ("well",), ("hmm",))
_HESITATIONS = (("um",), ("uh",), ("er",), ("like",), ("so",), ("and", "um"), ("let", "me", "see"), ("i", "mean"))
_HOMOPHONES = (
    ("to", "two", "too"),
    ("for", "four"),
    ("there", "their", "they're"),
    ("your", "you're"),
    ("by", "buy", "bye"),
    ("here", "hear"),
    ("no", "know"),
    ("right", "write"),
    ("one", "won"),
    ("ate", "eight"),
    ("its", "it's"),
    ("our", "are", "hour"),
)
_SOUNDS = {word: [other for other in group if other != word] for group in _HOMOPHONES for word in group}
_FILLED, _REPEATED, _LOST, _MISHEARD = 0.25, 0.1, 0.05, 0.3
_LAST_WRONG, _PLURAL = 0.5, 0.3


def add_faults(words: tuple[str, ...], random_: random.Random) -> tuple[str, ...]:
    """Returns the words of a sentence, or of its beginning, with at most one filler, one repetition and one loss.

    The last word is never lost, but may become one that sounds like it: the words end where they did."""
    heard = [
        random_.choice(_SOUNDS[word]) if word in _SOUNDS and random_.random() < _MISHEARD else word for word in words
    ]
    if len(heard) > 2 and random_.random() < _LOST * len(heard):
        del heard[random_.randrange(len(heard) - 1)]
    if len(heard) > 1 and random_.random() < _REPEATED:
        place = random_.randrange(len(heard) - 1)
        heard.insert(place, heard[place])
    if random_.random() < _FILLED:
        place = random_.randrange(len(heard))
        heard[place:place] = random_.choice(_FILLERS)
    return tuple(heard)


class Vocabulary:
    """Words of the texts, as often as they occur, by their first two letters and rough length."""

    def __init__(self, words: Iterable[str]) -> None:
        self._alike: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in words:
            if word.isalpha():
                self._alike[_sound(word)].append(word)

    def alike(self, word: str, random_: random.Random) -> str:
        """A word that may be heard instead; the same one if none is known."""
        found = self._alike.get(_sound(word))
        return random_.choice(found) if found else word


def mishear(words: tuple[str, ...], vocabulary: Vocabulary, random_: random.Random, *, is_end: bool) -> tuple[str, ...]:
    """Returns the words with a wrong one in them: another that begins alike, or one with or without its plural's s.

    is_end: the words end where the caller does, and the last one stays; otherwise it is the wrong one half of the time,
    because a recognizer makes a full word of one that breaks off, and an s of noise."""
    places = len(words) - is_end
    if not places:
        return words
    place = places - 1 if not is_end and random_.random() < _LAST_WRONG else random_.randrange(places)
    word = words[place]
    if random_.random() < _PLURAL and len(word) > 2 and word.isalpha():
        wrong = word[:-1] if word.endswith("s") else word + "s"
    else:
        wrong = vocabulary.alike(word, random_)
    return (*words[:place], wrong, *words[place + 1 :])


def _sound(word: str) -> tuple[str, int]:
    return word[:2], min(len(word) // 3, 3)


def add_filler(words: tuple[str, ...], random_: random.Random) -> tuple[str, ...]:
    """Returns the words with a filler behind them: the caller wants to go on."""
    return (*words, *random_.choice(_HESITATIONS))
