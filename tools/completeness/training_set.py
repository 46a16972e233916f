"""Cuts with labels for training: public and generated utterances, joined ones, faults, and the teacher's view."""

import random
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

from media.turn.backchannels import phrase_set
from media.turn.completeness_features import COMMA, STOP
from media.turn.expected_reply import ExpectedReply
from tools.completeness.calibration import LogitScale
from tools.completeness.corpus import Cut, Utterance
from tools.completeness.recognition_faults import Vocabulary, add_faults, add_filler, mishear
from tools.completeness.sentence_generator import ANSWERS

# Of an utterance the whole is taken and so many prefixes, which together weigh this much for each place at which a
# caller may pause: the longer an utterance is, the more pauses are in it, and one or two words seldom have any.
PREFIXES, PAUSE_WEIGHT = 6, 0.2
# How much rarer a pause is between two words that belong together ("next | Tuesday") than in other places.
WITHIN_PHRASE = 0.3
# How far the teacher moves a prefix's label away from 0.
TEACHER_SHARE = 0.4
# How probable it is that a turn ends where a sentence ends inside an utterance: somebody went on there.
INNER_END = 0.3
PHRASE_STARTS = phrase_set(
    "and|but|or|so|if|when|because|cause|since|while|although|though|unless|until|before|after|that|which|who|where|"
    "what|how|why|than|as|to|for|with|at|in|on|of|about|from|by|like|please"
)
OPEN_WORDS = phrase_set(
    "a|an|the|my|your|his|her|our|their|its|this|i|i'm|i'd|i'll|i've|we|we're|is|are|was|were|am|it's|there's|will|"
    "would|can|could|should|has|have|had|very|um|uh|er|well|yes|no|okay|hi|hello"
)
_FAULTY, _JOINED, _OTHERWISE_ASKED, _HESITANT = 0.3, 0.3, 0.15, 0.1
# Shares of texts that have a wrong word, punctuation at all, and a mark in a wrong place; of full stops that become
# commas, and of commas that are kept.
_MISHEARD, _MARKED, _WRONGLY_MARKED = 0.3, 0.7, 0.04
_STOP_AS_COMMA, _COMMA_KEPT = 0.15, 0.8
TeacherLabels = Mapping[tuple[str, ...], Sequence[float]]


def training_cuts(utterances: Sequence[Utterance], random_: random.Random) -> list[Cut]:
    """With hard labels; some texts have faults, follow another utterance, or answer a question of any kind."""
    cuts: list[Cut] = []
    vocabulary = Vocabulary(chain.from_iterable(utterance.words for utterance in utterances))
    shuffled = random_.sample(utterances, len(utterances))
    for before, utterance in pairwise([Utterance(()), *shuffled]):
        asked = utterance.asked
        if random_.random() < _OTHERWISE_ASKED and asked is ExpectedReply.REPLY:
            asked = random_.choice(list(ExpectedReply))
        joined = utterance.without_cuts(ANSWERS)
        if before.words and random_.random() < _JOINED:
            joined = joined.after(before)
        cuts += _cuts(joined, asked, vocabulary, random_)
    return cuts


def _cuts(utterance: Utterance, asked: ExpectedReply, vocabulary: Vocabulary, random_: random.Random) -> list[Cut]:
    inner, words, marks = utterance.inner_cuts, utterance.words, _marks(utterance, random_)
    chosen = random_.sample(inner, min(PREFIXES, len(inner)))
    scale = PAUSE_WEIGHT * len(inner) / len(chosen) if chosen else 0.0

    def heard(length: int, *, is_end: bool) -> tuple[str, ...]:
        text = _mark(words[:length], marks)
        if random_.random() < _MISHEARD:
            text = mishear(text, vocabulary, random_, is_end=is_end)
        return add_faults(text, random_) if random_.random() < _FAULTY else text

    cuts = [Cut(heard(length, is_end=False), asked, 0.0, scale * pause_weight(utterance, length)) for length in chosen]
    cuts += [Cut(heard(length, is_end=True), asked, INNER_END) for length in utterance.ends - {len(words)}]
    cuts.append(Cut(heard(len(words), is_end=True), asked, 1.0))
    if random_.random() < _HESITANT:
        cuts.append(Cut(add_filler(words[: random_.randrange(len(words) + 1)], random_), asked, 0.0))
    return cuts


def pause_weight(utterance: Utterance, length: int) -> float:
    """How probable a pause after the first `length` words is, compared with the most probable places.

    People pause between clauses, and after words that need another one while they search for it.
    """
    before, after = utterance.words[length - 1], utterance.words[length]
    is_boundary = length in utterance.commas or after in PHRASE_STARTS
    return 1.0 if is_boundary or before in PHRASE_STARTS or before in OPEN_WORDS else WITHIN_PHRASE


def _marks(utterance: Utterance, random_: random.Random) -> dict[int, str]:
    """What the recognizer writes after how many words: STOP or COMMA."""
    marks = dict[int, str]()
    if random_.random() < _MARKED:
        marks = {place: COMMA if random_.random() < _STOP_AS_COMMA else STOP for place in utterance.ends}
        marks |= dict.fromkeys((place for place in utterance.commas if random_.random() < _COMMA_KEPT), COMMA)
    if random_.random() < _WRONGLY_MARKED:
        marks[random_.randrange(len(utterance.words))] = random_.choice((STOP, COMMA))
    return marks


def _mark(words: tuple[str, ...], marks: Mapping[int, str]) -> tuple[str, ...]:
    """The words with the marks between them; none at the end."""
    marked = ((word, marks[place]) if place in marks else (word,) for place, word in enumerate(words[:-1], 1))
    return (*chain.from_iterable(marked), words[-1])


def taught_cuts(utterances: Sequence[Utterance], labels: TeacherLabels, scale: LogitScale) -> list[Cut]:
    """Every cut of the utterances that the teacher was asked about. scale: of the teacher's probabilities."""
    cuts: list[Cut] = []
    for utterance in utterances:
        words, chances, inner = utterance.words, labels.get(utterance.words, ()), utterance.inner_cuts
        for length in inner if chances else ():
            label = TEACHER_SHARE * scale.calibrate(chances[length - 1])
            cuts.append(Cut(words[:length], utterance.asked, label, 1.0 / len(inner)))
    return cuts
