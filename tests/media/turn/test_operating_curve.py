"""How much silence ends a turn."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn.dictation import DictationState, Progress
from media.turn.endpoint import ExpectedReply, TurnRules
from media.turn.evidence import CallerPace, TurnEvidence
from media.turn.operating_curve import DEFAULT_WEIGHTS, MOST_MS, WEIGHTS, silence_for

RULES = TurnRules(silence_ms=600, prepare_ms=0)
SHORT, UNDECIDED, PATIENT = 420, 1_150, 1_450


def wait(**evidence: object) -> int:
    return silence_for(TurnEvidence(**evidence), RULES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sound", "silence"),
    [
        (0.88, None, SHORT),
        (0.87, None, UNDECIDED),
        (0.10, None, UNDECIDED),
        (0.09, None, PATIENT),
        (0.50, 0.85, SHORT),
        (0.49, 0.85, UNDECIDED),
        (0.50, 0.84, UNDECIDED),
        (0.87, 0.29, PATIENT),
        # Words that are certain outweigh the sound, whichever way.
        (0.88, 0.00, SHORT),
        (0.09, 1.00, PATIENT),
    ],
)
def test_words_and_sound(text: float, sound: float | None, silence: int) -> None:
    assert wait(text=text, sound=sound) == silence


@pytest.mark.parametrize(
    ("sound", "silence"), [(None, 600), (0.5, 600), (0.29, 900), (0.85, 510)], ids=["nothing", "unsure", "open", "done"]
)
def test_without_a_model_of_the_language_the_sound_decides(sound: float | None, silence: int) -> None:
    assert wait(sound=sound) == silence


@pytest.mark.parametrize(
    ("text", "vendor", "silence"),
    [
        (0.5, 0.7, SHORT),
        (0.49, 1.0, UNDECIDED),
        (0.5, 0.69, UNDECIDED),
        (0.95, 0.29, UNDECIDED),
        (0.95, 0.5, SHORT),
        (0.05, 0.99, PATIENT),
        (None, 0.7, 510),
        (None, 0.5, 600),
        (None, 0.1, 900),
    ],
)
def test_vendor_s_own_probability(text: float | None, vendor: float, silence: int) -> None:
    assert wait(text=text, vendor=vendor) == silence


@pytest.mark.parametrize(
    ("state", "silence"),
    [
        (DictationState(Progress.PARTIAL, "415", 7), 1_400),
        (DictationState(Progress.WHOLE, "4155550123", is_clear=True), 500),
        (DictationState(Progress.WHOLE, "4155550", may_continue=True, is_clear=True), UNDECIDED),
        (DictationState(Progress.WHOLE, "415?550123"), UNDECIDED),
        (DictationState(Progress.OVERLONG, "41555501234"), UNDECIDED),
    ],
)
def test_dictation_is_waited_for_and_ends_soon_when_it_is_whole(state: DictationState, silence: int) -> None:
    assert wait(text=0.3, dictation=state) == silence


def test_dictation_outweighs_words_and_sound() -> None:
    whole = DictationState(Progress.WHOLE, is_clear=True)
    assert wait(text=0.95, sound=0.99, dictation=DictationState(Progress.PARTIAL)) == 1_400
    assert wait(text=0.05, sound=0.0, dictation=whole) == 500
    assert wait(text=0.95, dictation=whole) == SHORT


def test_a_message_may_have_pauses() -> None:
    assert wait(text=0.95, asked=ExpectedReply.MESSAGE) == 1_500


@pytest.mark.parametrize(("long_ms", "silence"), [(300, 1_150), (920, 1_150), (1_000, 1_250), (3_000, 1_438)])
def test_the_caller_s_pace_lengthens_an_undecided_silence_within_bounds(long_ms: int, silence: int) -> None:
    assert wait(text=0.3, pace=CallerPace(long_ms)) == silence
    assert wait(text=0.95, pace=CallerPace(long_ms)) == SHORT
    assert wait(pace=CallerPace(long_ms)) == 600


@pytest.mark.parametrize(
    ("plan_ms", "short", "undecided", "patient"),
    [
        (100, 200, 383, 483),
        (300, 250, 575, 725),
        (400, 280, 767, 967),
        (900, 630, 1_725, 2_000),
        (3_000, 2_100, 3_000, 3_000),
    ],
)
def test_all_silences_follow_the_plan_s(plan_ms: int, short: int, undecided: int, patient: int) -> None:
    rules = TurnRules(silence_ms=plan_ms, prepare_ms=0)
    assert [silence_for(TurnEvidence(text=text), rules) for text in (0.95, 0.3, 0.0)] == [short, undecided, patient]


def test_a_language_may_have_weights_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTS, "de", replace(DEFAULT_WEIGHTS, text_done=0.98))
    evidence = TurnEvidence(text=0.95)
    assert silence_for(evidence, TurnRules(language="de-AT", prepare_ms=0)) == UNDECIDED
    assert silence_for(evidence, TurnRules(language="fr", prepare_ms=0)) == SHORT


probabilities = st.none() | st.floats(0, 1)
evidences = st.builds(
    TurnEvidence,
    text=probabilities,
    sound=probabilities,
    vendor=probabilities,
    asked=st.sampled_from(ExpectedReply),
    dictation=st.none()
    | st.builds(DictationState, st.sampled_from(Progress), may_continue=st.booleans(), is_clear=st.booleans()),
    pace=st.none() | st.builds(CallerPace, st.integers(0, 10_000)),
)


@pytest.mark.parametrize(
    ("plan_ms", "short", "undecided", "patient"),
    [(100, 253, 533, 587), (300, 380, 800, 880), (600, 760, 1_600, 1_760), (3_000, 3_000, 3_000, 3_000)],
)
def test_silences_are_longer_where_the_answer_is_ready_at_their_end(
    plan_ms: int, short: int, undecided: int, patient: int
) -> None:
    rules = TurnRules(silence_ms=plan_ms)
    assert [silence_for(TurnEvidence(text=text), rules) for text in (0.95, 0.3, 0.0)] == [short, undecided, patient]
    assert silence_for(TurnEvidence(), rules) == max(200, plan_ms), "nothing is known: the plan's silence"
    number = TurnEvidence(text=0.3, dictation=DictationState(Progress.WHOLE, "4155550123", is_clear=True))
    assert silence_for(number, rules) == min(680, undecided)


def test_the_pace_changes_no_silence_after_words_that_end() -> None:
    for prepare_ms in (0, 600):
        rules = replace(RULES, prepare_ms=prepare_ms)
        paced = silence_for(TurnEvidence(text=0.95, pace=CallerPace(1_200)), rules)
        assert paced == silence_for(TurnEvidence(text=0.95), rules)


@settings(max_examples=200)
@given(evidences, st.integers(0, 5_000), st.booleans())
def test_any_evidence_gives_a_bounded_silence(evidence: TurnEvidence, ms: int, adaptive: bool) -> None:
    silence, base = silence_for(evidence, TurnRules(silence_ms=ms, adaptive=adaptive)), max(200, ms)
    assert 200 <= silence <= max(base, MOST_MS)
    assert adaptive or silence == base


@settings(max_examples=200)
@given(evidences, st.sampled_from(("text", "sound", "vendor")), st.floats(0, 1), st.sampled_from((0, 600)))
def test_more_probable_ends_never_take_longer(
    evidence: TurnEvidence, which: str, other: float, prepare_ms: int
) -> None:
    now = getattr(evidence, which)
    if now is None:
        return
    low, high = (replace(evidence, **{which: one}) for one in sorted((now, other)))
    rules = replace(RULES, prepare_ms=prepare_ms)
    assert silence_for(high, rules) <= silence_for(low, rules)
