"""The silence with the least expected cost."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn.dictation import DictationState, Progress
from media.turn.end_reason import EndReason
from media.turn.endpoint import ExpectedReply, TurnRules
from media.turn.evidence import GOES_ON, IS_DONE, MAY_GO_ON, TurnEvidence
from media.turn.expected_cost import ANSWER_MS, MOST_MS, NOTICED_MS, PRIORS, PausePrior, end_silence

RULES = TurnRules()


def wait(rules: TurnRules = RULES, **evidence: object) -> int:
    return end_silence(TurnEvidence(**evidence), rules).ms  # type: ignore[arg-type]


def expected_cost(t: float, log_odds: float, prior: PausePrior, price_ms: float) -> float:
    """The sum that docs/decisions/0011 states, computed directly."""
    end = 1 / (1 + math.exp(-log_odds))
    survival = math.pow(1 + (t - NOTICED_MS) / prior.scale_ms, -prior.shape)
    return end * t + (1 - end) * price_ms * survival


@pytest.mark.parametrize("text", [0.5, 0.3, 0.2, 0.1, 0.05])
@pytest.mark.parametrize("price_ms", [1_000, 2_000])
def test_no_other_silence_costs_less(text: float, price_ms: int) -> None:
    rules = replace(RULES, price_ms=price_ms, earliest_ms=300)
    prior = PRIORS[ExpectedReply.REPLY]
    log_odds = prior.end_log_odds + 0.6 * math.log(text / (1 - text))
    found = expected_cost(wait(rules, text=text), log_odds, prior, price_ms)
    others = [expected_cost(ms, log_odds, prior, price_ms) for ms in range(300, MOST_MS, 20)]
    assert found <= min(others) + 0.01


def test_complete_words_are_answered_at_the_earliest_moment_and_open_ones_are_waited_for() -> None:
    assert wait(text=IS_DONE) == RULES.earliest_ms
    assert wait() < 750
    assert wait(text=MAY_GO_ON) > 1_400
    assert wait(text=GOES_ON) == MOST_MS


def test_the_silence_changes_continuously_with_the_probability() -> None:
    silences = [wait(text=chance / 1_000) for chance in range(1_000, 10, -1)]
    assert all(0 <= later - earlier <= 30 for earlier, later in pairwise(silences))


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({}, EndReason.TIMER),
        ({"text": IS_DONE}, EndReason.TIMER),
        ({"text": 0.2}, EndReason.WORDS),
        ({"sound": 0.1}, EndReason.SOUND),
        ({"text": 0.45, "vendor": 0.05}, EndReason.SOUND),
        ({"text": 0.5, "dictation": DictationState(Progress.PARTIAL, "415", 7)}, EndReason.DICTATION),
        ({"text": 0.1, "dictation": DictationState(Progress.WHOLE, "4155550123", is_clear=True)}, EndReason.DICTATION),
    ],
)
def test_the_reason_is_the_evidence_that_decided_most(evidence: dict[str, object], reason: EndReason) -> None:
    assert end_silence(TurnEvidence(**evidence), RULES).reason is reason  # type: ignore[arg-type]


def test_vendor_and_smart_turn_add_to_the_words_in_both_directions() -> None:
    for name in ("sound", "vendor", "second"):
        doubtful, sure = ({"text": 0.3, name: chance} for chance in (0.05, 0.95))
        assert wait(**doubtful) > wait(text=0.3) > wait(**sure)  # type: ignore[arg-type]
    assert wait(text=GOES_ON, vendor=0.95) > 1_000, "no signal outweighs words that go on"


@pytest.mark.parametrize(
    ("state", "silence"),
    [
        (DictationState(Progress.PARTIAL, "415", 7), 1_400),
        (DictationState(Progress.WHOLE, "4155550123", is_clear=True), 680),
        (DictationState(Progress.WHOLE, "4155550", may_continue=True, is_clear=True), None),
        (DictationState(Progress.WHOLE, "415?550123"), None),
        (DictationState(Progress.OVERLONG, "41555501234"), None),
    ],
)
def test_dictation_is_waited_for_and_ends_soon_when_it_is_whole(state: DictationState, silence: int | None) -> None:
    assert wait(text=0.3, dictation=state) == (silence or wait(text=0.3))


def test_a_message_may_have_pauses() -> None:
    assert wait(text=0.5, asked=ExpectedReply.MESSAGE) > 1_400


def test_a_caller_who_pauses_gets_more_patience() -> None:
    assert wait(hesitation=1.6) > wait(hesitation=0.8) > wait()


def test_patience_changes_the_price_of_a_cut() -> None:
    quick, patient = replace(RULES, price_ms=1_000, earliest_ms=600), replace(RULES, price_ms=5_000, earliest_ms=900)
    for text in (0.9, 0.3, 0.1):
        assert wait(quick, text=text) < wait(text=text) < wait(patient, text=text)


def test_an_answer_that_is_not_prepared_is_asked_for_earlier() -> None:
    for text in (0.9, 0.3, 0.1):
        assert wait(text=text) - wait(replace(RULES, prepare_ms=0), text=text) == pytest.approx(ANSWER_MS, abs=1)


@pytest.mark.parametrize("silence_ms", [200, 400, 900, 1_500])
def test_an_explicit_silence_is_that_without_evidence_and_scales_the_others(silence_ms: int) -> None:
    rules = replace(RULES, silence_ms=silence_ms)
    assert wait(rules) == silence_ms
    factor = silence_ms / wait()
    assert wait(rules, text=0.3) == pytest.approx(min(factor * wait(text=0.3), max(MOST_MS, silence_ms)), abs=2)


@pytest.mark.parametrize("silence_ms", [0, 200, 600, 5_000])
def test_plain_silence_is_exactly_the_plan_s(silence_ms: int) -> None:
    rules = TurnRules(silence_ms=silence_ms, adaptive=False)
    assert wait(rules, text=0.1, sound=0.1) == max(200, silence_ms)


probabilities = st.none() | st.floats(0, 1)
evidences = st.builds(
    TurnEvidence,
    text=probabilities,
    second=probabilities,
    sound=probabilities,
    vendor=probabilities,
    asked=st.sampled_from(ExpectedReply),
    dictation=st.none()
    | st.builds(DictationState, st.sampled_from(Progress), may_continue=st.booleans(), is_clear=st.booleans()),
    hesitation=st.floats(0, 3),
)


@settings(max_examples=200)
@given(evidences, st.integers(0, 5_000), st.booleans())
def test_any_evidence_gives_a_bounded_silence(evidence: TurnEvidence, ms: int, adaptive: bool) -> None:
    silence = end_silence(evidence, TurnRules(silence_ms=ms, adaptive=adaptive)).ms
    assert 200 <= silence <= max(200, ms, MOST_MS)
    assert adaptive or silence == max(200, ms)


@settings(max_examples=200)
@given(evidences, st.sampled_from(("text", "second", "sound", "vendor")), st.floats(0, 1), st.sampled_from((0, 600)))
def test_more_probable_ends_never_take_longer(
    evidence: TurnEvidence, which: str, other: float, prepare_ms: int
) -> None:
    now = getattr(evidence, which)
    if now is None:
        return
    low, high = (replace(evidence, **{which: chance}) for chance in sorted((now, other)))
    rules = replace(RULES, prepare_ms=prepare_ms)
    assert end_silence(high, rules).ms <= end_silence(low, rules).ms
