"""Makes words look as a recogniser hands them over: fillers, repeated starts, lost words, homophones."""

import random

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


def add_filler(words: tuple[str, ...], random_: random.Random) -> tuple[str, ...]:
    """Returns the words with a filler behind them: the caller wants to go on."""
    return (*words, *random_.choice(_HESITATIONS))
