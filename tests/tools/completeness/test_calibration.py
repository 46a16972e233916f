"""Areas, scales and tables of a judge."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.completeness.calibration import LogitScale, area_under_curve, calibration_table, fit_scale, logits_of

SCORES = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=30).filter(
    lambda pairs: len({label for _, label in pairs}) == 2
)


@given(pairs=SCORES)
def test_the_area_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, bool]]) -> None:
    finished = [score for score, label in pairs if label]
    unfinished = [score for score, label in pairs if not label]
    right = sum((above > below) + (above == below) / 2 for above in finished for below in unfinished)
    scores, labels = zip(*pairs, strict=True)
    assert area_under_curve(scores, labels) == pytest.approx(right / len(finished) / len(unfinished))


def test_the_scale_that_made_the_labels_is_found() -> None:
    random_ = random.Random(7)
    logits = [random_.gauss(0, 2) for _ in range(4_000)]
    labels = [float(random_.random() < 1 / (1 + math.exp(-(0.5 * logit - 1.0)))) for logit in logits]
    scale = fit_scale(logits, labels)
    assert scale.slope == pytest.approx(0.5, abs=0.08)
    assert scale.offset == pytest.approx(-1.0, abs=0.12)


def test_labels_that_the_scores_separate_have_a_scale() -> None:
    scale = fit_scale([-2.0, -1.0, 1.0, 2.0], [0.0, 0.0, 1.0, 1.0])
    assert math.isfinite(scale.slope)
    assert scale.slope > 1


def test_calibrated_probabilities_keep_their_order() -> None:
    scale = LogitScale(0.7, 0.3)
    chances = [scale.calibrate(chance) for chance in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert chances == sorted(chances)
    assert logits_of([0.5])[0] == pytest.approx(0.0)


def test_the_table_counts_each_text_once() -> None:
    table = calibration_table([0.05, 0.15, 0.16, 1.0], [0.0, 0.0, 1.0, 1.0])
    assert [(count, share) for count, _, share in table] == [(1, 0.0), (2, 0.5), (1, 1.0)]
