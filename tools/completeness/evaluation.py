"""The figures of docs/develop/turn-model.md: the model beside its teacher, its calibration, and each
decision's cost."""

import random
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media.turn.completeness import CompletenessModel, load_completeness_model
from media.turn.endpoint import TurnRules
from media.turn.evidence import TurnEvidence
from media.turn.expected_cost import end_silence
from media.turn.expected_reply import ExpectedReply
from tools.completeness import corpus, recipe
from tools.completeness.calibration import area_under_curve, calibration_table
from tools.completeness.corpus import Cut, Utterance
from tools.completeness.model_file import digest_of
from tools.completeness.phone_turns import turn_texts
from tools.completeness.sentence_generator import SentenceGenerator
from tools.completeness.teacher import read_labels

_BATCH = 256


def judge(model: CompletenessModel, cuts: Sequence[Cut]) -> list[float]:
    """The model's probabilities, each text with what was asked."""
    found = [0.0] * len(cuts)
    for asked in ExpectedReply:
        places = [place for place, cut in enumerate(cuts) if cut.asked is asked]
        for start in range(0, len(places), _BATCH):
            batch = places[start : start + _BATCH]
            chances = model.probabilities([" ".join(cuts[place].words) for place in batch], asked=asked)
            for place, chance in zip(batch, chances, strict=True):
                found[place] = chance
    return found


def test_sets() -> dict[str, list[Utterance]]:
    """Utterances that were not trained on, by the name of their source."""
    sets = {source: corpus.read_part((source,), "test") for source in corpus.IN_DOMAIN + corpus.OTHER}
    sets |= {source: corpus.read_utterances(source) for source in corpus.ELSEWHERE}
    made = SentenceGenerator(random.Random(1)).utterances(20_000)
    sets["generated"] = [each for each in dict.fromkeys(made) if corpus.part_of(each) == "test"]
    sets["in domain"] = corpus.read_part(corpus.IN_DOMAIN, "test")
    sets["elsewhere"] = [each for source in corpus.ELSEWHERE for each in corpus.read_utterances(source)]
    return sets


def print_figures(path: Path) -> None:
    """Of the model in a file, whose hash is not checked."""
    model = load_completeness_model(path, sha256=digest_of(path))
    sets = test_sets()
    for name, utterances in sets.items():
        cuts = _pairs(utterances)
        print(f"{name}: {len(cuts)} texts, AUC {area_under_curve(judge(model, cuts), _labels(cuts)):.4f}")
    _print_phone_turns(model)
    _print_teacher(model, sets)
    for name in ("in domain", "elsewhere"):
        cuts = _pairs(sets[name])
        for count, mean, share in calibration_table(judge(model, cuts), _labels(cuts)):
            print(f"{name}: {count} texts, mean {mean:.3f}, finished {share:.3f}")
    _print_cost(model, [" ".join(each.words) for each in sets["in domain"][:2_000]])


SOON_MS: Final = 750


@dataclass(frozen=True, slots=True)
class PhoneTurnFigures:
    """Figures of the turns of data/phone_turns.txt and their beginnings. done: share of the turns that end after at
    most SOON_MS of silence. patient: share of the beginnings that do not."""

    turns: int
    beginnings: int
    area: float
    done: float
    patient: float


def phone_turn_figures(model: CompletenessModel) -> PhoneTurnFigures:
    whole, cut = turn_texts()
    chances = model.probabilities(whole + cut, language=model.language)
    ends, inner = chances[: len(whole)], chances[len(whole) :]
    return PhoneTurnFigures(
        turns=len(whole),
        beginnings=len(cut),
        area=area_under_curve(chances, [1.0] * len(whole) + [0.0] * len(cut)),
        done=sum(ends_soon(each) for each in ends) / len(ends),
        patient=sum(not ends_soon(each) for each in inner) / len(inner),
    )


def ends_soon(chance: float) -> bool:
    """Return whether a turn with this probability ends after at most SOON_MS, without other evidence."""
    return end_silence(TurnEvidence(text=chance), TurnRules()).ms <= SOON_MS


def _print_phone_turns(model: CompletenessModel) -> None:
    found = phone_turn_figures(model)
    print(
        f"phone turns: {found.turns} turns, {found.beginnings} beginnings, AUC {found.area:.4f}; "
        f"answered soon: {found.done:.1%} of the turns, {1 - found.patient:.1%} of the beginnings"
    )


def _print_teacher(model: CompletenessModel, sets: dict[str, list[Utterance]]) -> None:
    labels = read_labels(recipe.LABELS)
    for name in ("in domain", "elsewhere"):
        asked_about = recipe.asked_about(sets[name], labels)
        logits, truth = recipe.teacher_pairs(asked_about, labels)
        own = area_under_curve(judge(model, _pairs(asked_about)), truth)
        teacher = area_under_curve(logits, truth)
        print(f"{name}: of {len(truth)} texts that the teacher judged too: AUC {own:.4f}, teacher {teacher:.4f}")


def _print_cost(model: CompletenessModel, texts: list[str]) -> None:
    for size in (1, 64):
        began = time.perf_counter()
        for start in range(0, len(texts) - size + 1, size):
            model.probabilities(texts[start : start + size])
        calls = len(texts) // size
        print(f"batch of {size}: {(time.perf_counter() - began) / calls * 1000:.3f} ms")
    print(f"memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")


def _pairs(utterances: list[Utterance]) -> list[Cut]:
    return [cut for each in utterances for cut in recipe.clear_pair(each)]


def _labels(cuts: Sequence[Cut]) -> list[float]:
    return [cut.label for cut in cuts]
