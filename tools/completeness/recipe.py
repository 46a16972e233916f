"""How the shipped model is made: which texts, how many, which seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tools.completeness import corpus
from tools.completeness.calibration import LogitScale, area_under_curve, fit_scale, logits_of
from tools.completeness.corpus import Cut, Utterance
from tools.completeness.model_file import digest_of, pack_network, write_model
from tools.completeness.network import Network, Rates, encode
from tools.completeness.sentence_generator import ANSWERS, SentenceGenerator
from tools.completeness.teacher import Teacher, read_labels, write_labels
from tools.completeness.training_set import TeacherLabels, taught_cuts, training_cuts

LABELS = corpus.DATA / "teacher.tsv.xz"
# How many utterances of each part the teacher is asked about.
LABELED = {"training": 2_500, "test": 400, "elsewhere": 400}
LONGEST_LABELED = 40


@dataclass(frozen=True, slots=True)
class Recipe:
    """sources: of public utterances. most: of them at most so many. generated: utterances made by SentenceGenerator."""

    seed: int = 16
    sources: tuple[str, ...] = corpus.IN_DOMAIN + corpus.OTHER
    natural_copies: int = 20
    hold_weight: float = 4.0
    most: int = 1_000_000
    generated: int = 15_000
    epochs: int = 3
    rates: Rates = field(default_factory=Rates)


def train_model(path: Path, recipe: Recipe) -> str:
    """Trains by the recipe and writes the model's file; returns its SHA-256. The same recipe makes the same file on the
    same kind of machine with the same numpy."""
    random_ = random.Random(recipe.seed)
    labels = read_labels(LABELS)
    development = _utterances(recipe, "development", random_)
    examples = encode(_training_cuts(recipe, labels, random_))
    print(f"{len(examples)} cuts")
    known = encode([cut for each in development for cut in clear_pair(each)])
    network, order = Network.random(recipe.seed), np.random.default_rng(recipe.seed)
    for epoch in range(recipe.epochs):
        loss = network.train_epoch(examples, order, recipe.rates)
        print(
            f"epoch {epoch}: loss {loss:.4f}, development {area_under_curve(network.logits(known), known.labels):.4f}"
        )
    scale = fit_scale(network.logits(known), known.labels)
    write_model(path, pack_network(network, scale, "en"))
    return digest_of(path)


def teacher_scale(utterances: list[Utterance], labels: TeacherLabels) -> LogitScale:
    """Fitted on pairs of the training part: to the teacher they are as new as any."""
    return fit_scale(*teacher_pairs(utterances, labels))


def teacher_pairs(utterances: list[Utterance], labels: TeacherLabels) -> tuple[list[float], list[float]]:
    """The teacher's logits for `pair_cuts` of those utterances that it was asked about, and the cuts' labels."""
    chances, truth = [], []
    for utterance in asked_about(utterances, labels):
        cuts = clear_pair(utterance)
        chances += [labels[utterance.words][len(cut.words) - 1] for cut in cuts]
        truth += [cut.label for cut in cuts]
    return logits_of(chances).tolist(), truth


def asked_about(utterances: list[Utterance], labels: TeacherLabels) -> list[Utterance]:
    return [utterance for utterance in utterances if utterance.words in labels]


def clear_pair(utterance: Utterance) -> list[Cut]:
    """As `pair_cuts`, in the same place for every judge, and never behind what may be a whole answer ("yes")."""
    return corpus.pair_cuts([utterance.without_cuts(ANSWERS)], random.Random(" ".join(utterance.words)))


def label_corpus() -> None:
    """Asks the teacher and writes LABELS."""
    write_labels(LABELS, _labels(Teacher(), random.Random(16)))


def _labels(teacher: Teacher, random_: random.Random) -> Iterator[tuple[tuple[str, ...], list[float]]]:
    for part, count in LABELED.items():
        for utterance in random_.sample(_labeled_part(part), count):
            yield utterance.words, teacher.probabilities(utterance.words)


def _labeled_part(part: str) -> list[Utterance]:
    if part == "elsewhere":
        found = [each for source in corpus.ELSEWHERE for each in corpus.read_utterances(source)]
    else:
        sources = corpus.IN_DOMAIN if part == "test" else corpus.IN_DOMAIN + corpus.OTHER
        found = corpus.read_part(sources, part)
    return [each for each in found if 1 < len(each.words) <= LONGEST_LABELED]


def _training_cuts(recipe: Recipe, labels: TeacherLabels, random_: random.Random) -> list[Cut]:
    utterances = _utterances(recipe, "training", random_)
    holds = [
        Cut(hold.words, hold.asked, 0.0, recipe.hold_weight)
        for hold in corpus.read_holds()
        if corpus.part_of(hold) == "training"
    ]
    taught = taught_cuts(utterances, labels, teacher_scale(utterances, labels))
    return training_cuts(utterances, random_) + taught + holds


def _utterances(recipe: Recipe, part: str, random_: random.Random) -> list[Utterance]:
    """Public and generated ones; the generated are in the ratio of the parts."""
    public = corpus.read_part(recipe.sources, part)
    natural = corpus.read_part(corpus.NATURAL, part) * recipe.natural_copies
    made = SentenceGenerator(random_).utterances(recipe.generated)
    chosen = random_.sample(public, min(recipe.most, len(public)))
    return chosen + natural + [each for each in made if corpus.part_of(each) == part]
