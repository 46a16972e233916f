"""Cuts with labels for training: public and generated utterances, joined ones, faults, and the teacher's view."""

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

from media.turn.expected_reply import ExpectedReply
from tools.completeness.calibration import LogitScale
from tools.completeness.corpus import Cut, Utterance
from tools.completeness.recognition_faults import add_faults, add_filler
from tools.completeness.sentence_generator import ANSWERS

# Of an utterance the whole is taken and so many prefixes, which together weigh as much as it.
PREFIXES = 6
# How far the teacher moves a prefix's label away from 0.
TEACHER_SHARE = 0.4
_FAULTY, _JOINED, _OTHERWISE_ASKED, _HESITANT = 0.3, 0.15, 0.15, 0.1
TeacherLabels = Mapping[tuple[str, ...], Sequence[float]]


def training_cuts(utterances: Sequence[Utterance], random_: random.Random) -> list[Cut]:
    """With hard labels; some texts have faults, follow another utterance, or answer a question of any kind."""
    cuts: list[Cut] = []
    shuffled = random_.sample(utterances, len(utterances))
    for before, utterance in pairwise([Utterance(()), *shuffled]):
        asked = utterance.asked
        if random_.random() < _OTHERWISE_ASKED and asked is ExpectedReply.REPLY:
            asked = random_.choice(list(ExpectedReply))
        lead = before.words if random_.random() < _JOINED else ()
        cuts += _cuts(lead, utterance.without_cuts(ANSWERS), asked, random_)
    return cuts


def _cuts(lead: tuple[str, ...], utterance: Utterance, asked: ExpectedReply, random_: random.Random) -> list[Cut]:
    inner, words = utterance.inner_cuts, utterance.words
    chosen = random_.sample(inner, min(PREFIXES, len(inner)))
    weight = 1.0 / len(chosen) if chosen else 0.0
    prefixes = [Cut(lead + _heard(words[:length], random_), asked, 0.0, weight) for length in chosen]
    finished = [Cut(lead + _heard(words[:length], random_), asked, 1.0) for length in {*utterance.ends, len(words)}]
    if random_.random() < _HESITANT:
        prefixes.append(Cut(lead + add_filler(words[: random_.randrange(len(words) + 1)], random_), asked, 0.0))
    return prefixes + finished


def _heard(words: tuple[str, ...], random_: random.Random) -> tuple[str, ...]:
    return add_faults(words, random_) if random_.random() < _FAULTY else words


def taught_cuts(utterances: Sequence[Utterance], labels: TeacherLabels, scale: LogitScale) -> list[Cut]:
    """Every cut of the utterances that the teacher was asked about. scale: of the teacher's probabilities."""
    cuts: list[Cut] = []
    for utterance in utterances:
        words, chances, inner = utterance.words, labels.get(utterance.words, ()), utterance.inner_cuts
        for length in inner if chances else ():
            label = TEACHER_SHARE * scale.calibrate(chances[length - 1])
            cuts.append(Cut(words[:length], utterance.asked, label, 1.0 / len(inner)))
    return cuts
