"""Fillers before late answers: when they are due, and which words they have."""

import pytest

from media.call.late_filler import LateFiller
from media.tools.fillers import late_fillers
from shared.plan import LimitsPlan
from tests.media.call.languages import spoken

FIRST, MORE = late_fillers("en")


def said_after(filler: LateFiller, silent_ms: int) -> str:
    """What is said after so much silence."""
    words = filler.choose(silent_ms)
    if words:
        filler.said()
    return words


def test_first_words_alternate_and_the_ones_after_them_differ() -> None:
    filler = LateFiller(LimitsPlan(reply_s=20), spoken("en"))
    found = []
    for _ in range(3):
        assert not filler.choose(1_180)
        found += [said_after(filler, 1_200), said_after(filler, 3_980), said_after(filler, 4_000)]
        filler.wait_over()
    assert found == [FIRST[0], "", MORE[0], FIRST[1], "", MORE[0], FIRST[0], "", MORE[0]]


def test_what_is_usual_is_not_late_within_bounds() -> None:
    filler = LateFiller(LimitsPlan(reply_s=20), spoken("en"))
    for latency_ms in (1_500.0, 1_900.0, 1_400.0):
        filler.answered(latency_ms)
    assert not filler.choose(1_690) and filler.choose(1_700)
    for _ in range(3):
        filler.answered(6_000.0)
    assert not filler.choose(1_990) and filler.choose(2_000), "a slow model is no excuse for silence"


@pytest.mark.parametrize(("limits", "after_ms"), [(LimitsPlan(reply_s=2), 1_000), (LimitsPlan(filler_s=3.0), 3_000)])
def test_the_limits_of_the_plan_hold(limits: LimitsPlan, after_ms: int) -> None:
    filler = LateFiller(limits, spoken("en"))
    assert not filler.choose(after_ms - 20) and filler.choose(after_ms)


def test_zero_turns_them_off() -> None:
    assert not LateFiller(LimitsPlan(filler_s=0), spoken("en")).choose(60_000)


@pytest.mark.parametrize(("language", "words"), [("de-AT", "Einen Moment, bitte."), ("it", "One moment, please.")])
def test_words_are_in_the_agents_language_or_in_english(language: str, words: str) -> None:
    assert LateFiller(LimitsPlan(), spoken(language)).sentences[0] == words
