"""A summary without a language model: the sentences whose words the conversation uses most (H. P. Luhn, "The Automatic
Creation of Literature Abstracts", 1958). Sentiment and success are left open: word lists know one language, and no
negation across sentences; a figure that nobody can rely on is worse than none."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

MOST_SENTENCES: Final = 3
LONGEST_SENTENCE: Final = 300
# Function words are short in most languages that are written with letters.
_SHORTEST_WORD: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…\u3002\uff01\uff1f])\s+")
_SPEAKERS: Final[Mapping[str, str]] = {"caller": "Caller", "agent": "Agent"}


def summarise(utterances: Sequence[Mapping[str, str]]) -> str | None:
    """Up to three sentences of the conversation in their order, each with who said it. None if there are no words."""
    sentences = [
        (one["speaker"], sentence.strip())
        for one in utterances
        for sentence in _SENTENCE_END.split(one["text"])
        if _words(sentence)
    ]
    frequencies = Counter(word for _, sentence in sentences for word in set(_words(sentence)))
    # What the caller says is what a call is about; the agent's phrases are the same in each call.
    ranked = sorted(
        range(len(sentences)),
        key=lambda place: (sentences[place][0] != "caller", -_weight(sentences[place][1], frequencies), place),
    )
    chosen = [sentences[place] for place in sorted(ranked[:MOST_SENTENCES])]
    return " ".join(f"{_SPEAKERS[speaker]}: {_cut(sentence)}" for speaker, sentence in chosen) or None


def _weight(sentence: str, frequencies: Mapping[str, int]) -> int:
    return sum(frequencies[word] for word in set(_words(sentence)))


def _words(sentence: str) -> list[str]:
    return [word for word in _WORD.findall(sentence.lower()) if len(word) >= _SHORTEST_WORD]


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[:LONGEST_SENTENCE].rstrip()}…"
