"""Calibrated probabilities and the figures of a judge: area under the curve, and the table of calibration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = Sequence[float] | npt.NDArray[np.float32]
_LEAST = 1e-4
_NEWTON_STEPS, _RIDGE = 20, 1e-2


@dataclass(frozen=True, slots=True)
class LogitScale:
    """p -> sigmoid(slope * logit(p) + offset)."""

    slope: float
    offset: float

    def calibrate(self, chance: float) -> float:
        inner = min(1 - _LEAST, max(_LEAST, chance))
        return 1 / (1 + math.exp(-(self.slope * math.log(inner / (1 - inner)) + self.offset)))


def logits_of(chances: Numbers) -> npt.NDArray[np.float64]:
    inner = np.clip(np.asarray(chances, dtype=np.float64), _LEAST, 1 - _LEAST)
    return np.log(inner / (1 - inner))


def fit_scale(logits: Numbers, labels: Numbers) -> LogitScale:
    """The scale of the least log loss with a small ridge, by Newton's method."""
    inputs = np.stack([np.asarray(logits, dtype=np.float64), np.ones(len(logits))], axis=1)
    wanted = np.asarray(labels, dtype=np.float64)
    found = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        chances = 1 / (1 + np.exp(-np.clip(inputs @ found, -30, 30)))
        slope = inputs.T @ (chances - wanted) + _RIDGE * found
        bend = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + _RIDGE * np.eye(2)
        found -= np.linalg.solve(bend, slope)
    return LogitScale(float(found[0]), float(found[1]))


def area_under_curve(scores: Numbers, labels: Numbers) -> float:
    """The chance that a finished text has a higher score than an unfinished one (ties count half). Raises
    ZeroDivisionError if the labels are all the same."""
    values, order = np.unique(np.asarray(scores), return_inverse=True)
    finished = np.bincount(order, weights=np.asarray(labels) > 0.5, minlength=len(values))
    unfinished = np.bincount(order, minlength=len(values)) - finished
    below = np.cumsum(unfinished) - unfinished
    total = float(finished.sum()) * float(unfinished.sum())
    return float((finished * (below + unfinished / 2)).sum()) / total


def calibration_table(chances: Numbers, labels: Numbers, steps: int = 10) -> list[tuple[int, float, float]]:
    """For each tenth of the probabilities: how many texts, their mean probability, and the share that was finished."""
    found, truth = np.asarray(chances), np.asarray(labels)
    places = np.minimum((found * steps).astype(int), steps - 1)
    chosen = [places == step for step in range(steps)]
    return [(int(each.sum()), float(found[each].mean()), float(truth[each].mean())) for each in chosen if each.any()]
