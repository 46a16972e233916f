"""The texts that the model is trained and tested on: sources, parts, and cuts."""

import lzma
import random
import re
from collections.abc import Set
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from pathlib import Path
from zlib import crc32

from media.turn.backchannels import split_words
from media.turn.expected_reply import ExpectedReply

DATA = Path(__file__).parent / "data"
# What callers say to banks, assistants, restaurants, cafés and a check of identity; and other sentences.
IN_DOMAIN = ("banking77", "clinc150", "nlupp", "taskmaster4", "restaurant8k", "nlu_home", "evi")
# What callers and patients said on real lines, in the order of their calls.
NATURAL = ("getgoing", "primock57")
OTHER = ("taskmaster4_agent", "chitchat", "little_colonel", "sheppard")
# Never trained on: "sentences from elsewhere".
ELSEWHERE = ("chatterbot", "katrine")
PARTS = 10
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_ASKED = {kind.value: kind for kind in ExpectedReply} | {
    "postcode": ExpectedReply.CODE,
    "name": ExpectedReply.SPELLING,
    "dob": ExpectedReply.REPLY,
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """A whole utterance in normalized words, and what it answers. ends: after how many words a sentence ends in it, by
    the punctuation of the source. unclear: after how many words it may or may not end."""

    words: tuple[str, ...]
    asked: ExpectedReply = ExpectedReply.REPLY
    ends: frozenset[int] = frozenset()
    unclear: frozenset[int] = frozenset()
    commas: frozenset[int] = frozenset()

    @property
    def inner_cuts(self) -> list[int]:
        """After how many words the utterance can be cut off in mid-sentence."""
        return [length for length in range(1, len(self.words)) if length not in self.ends | self.unclear]

    def after(self, before: "Utterance") -> "Utterance":
        """This utterance said behind another one, in one turn; it can be cut off where it could be."""
        shift = len(before.words)
        return Utterance(
            before.words + self.words,
            self.asked,
            frozenset({shift} | {shift + end for end in self.ends}),
            frozenset(range(1, shift)) | {shift + length for length in self.unclear},
            before.commas | {shift + place for place in self.commas},
        )

    def without_cuts(self, prefixes: Set[tuple[str, ...]]) -> "Utterance":
        """The same utterance, which is not to be cut after any of these beginnings."""
        lengths = frozenset(length for length in self.inner_cuts if self.words[:length] in prefixes)
        return replace(self, unclear=self.unclear | lengths)


@dataclass(frozen=True, slots=True)
class Cut:
    """The first words of an utterance. label: how probable it is that the caller's words end here (0-1)."""

    words: tuple[str, ...]
    asked: ExpectedReply
    label: float
    weight: float = 1.0


def read_utterances(source: str) -> list[Utterance]:
    """The distinct utterances of a file of data/, in its order. Raises FileNotFoundError."""
    lines = lzma.decompress((DATA / f"{source}.txt.xz").read_bytes()).decode().splitlines()
    found = (_utterance(line) for line in lines)
    return list({utterance.words: utterance for utterance in found if utterance.words}.values())


def part_of(utterance: Utterance) -> str:
    """test, development or training: by the words alone, so that no utterance of two sources is in two parts."""
    number = crc32(" ".join(utterance.words).encode()) % PARTS
    return {0: "test", 1: "development"}.get(number, "training")


def read_part(sources: tuple[str, ...], part: str) -> list[Utterance]:
    return [each for source in sources for each in read_utterances(source) if part_of(each) == part]


def read_holds() -> list[Utterance]:
    """Return what patients had said when they paused and went on."""
    return read_utterances("primock57_holds")


def pair_cuts(utterances: list[Utterance], random_: random.Random) -> list[Cut]:
    """Of each utterance that can be cut in mid-sentence the whole and one prefix: as many of each, with hard labels."""
    cuts: list[Cut] = []
    for utterance in utterances:
        if utterance.inner_cuts:
            length = random_.choice(utterance.inner_cuts)
            cuts.append(Cut(utterance.words[:length], utterance.asked, 0.0))
            cuts.append(Cut(utterance.words, utterance.asked, 1.0))
    return cuts


def parse_turn(text: str) -> Utterance:
    """A turn with its punctuation; a "/" is behind words that may be all or may go on."""
    parts = text.split(" / ")
    unclear = list(accumulate(len(split_words(part)) for part in parts))[:-1]
    return replace(_utterance(" ".join(parts)), unclear=frozenset(unclear))


def _utterance(line: str) -> Utterance:
    item, _, text = line.rpartition("\t")
    sentences = [split_words(sentence) for sentence in _SENTENCE_END.split(text)]
    ends = frozenset(accumulate(len(sentence) for sentence in sentences))
    words = tuple(chain.from_iterable(sentences))
    parts = [split_words(part) for part in re.split(r"(?<=[,;:])\s+", text)]
    commas = frozenset(accumulate(len(part) for part in parts))
    return Utterance(words, _ASKED.get(item, ExpectedReply.REPLY), ends - {0}, commas=commas - ends - {0})
