"""A recognizer whose final text is late is checked by the next one; the first answer with words wins."""

import asyncio

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from media.providers.health import HealthKey
from media.providers.ports import ProviderError, SpeechToTextFailed
from media.providers.wait_history import UsualWait
from tests.media.providers.recognizer_calls import FRAME_S, Caller, Recognizer, call
from tests.media.providers.virtual import now

SEED = UsualWait(0.2, 0.5)  # late after 0.55 s


def test_a_late_recognizer_is_replaced_by_the_one_that_answers() -> None:
    a, b = Recognizer("a", answer_s=None), Recognizer("b", answer_s=0.1, open_s=0.1)
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await caller.speak("ab", wait_s=1.0)
        assert caller.answered == {1}
        await caller.speak("c")
        assert (a.running, b.running) == (0, 1)

    call(script(), caller)
    assert caller.heard == ["ab", "c"]
    (failed,) = caller.failed
    assert (failed.provider, failed.next, failed.stage, failed.cause) == ("a", "b", "final", "late")
    assert failed.cost_ms == 550  # until the next one was asked


def test_a_recognizer_that_is_a_little_late_still_wins() -> None:
    a, b = Recognizer("a", answer_s=0.7), Recognizer("b", answer_s=0.5)
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await caller.speak("ab")
        await asyncio.sleep(FRAME_S)  # one is being closed
        assert (a.running, b.running) == (1, 0)

    call(script(), caller)
    assert (caller.heard, caller.failed) == (["ab"], [])


def test_nothing_is_late_where_nothing_is_known() -> None:
    b = Recognizer("b")
    caller = Caller(Recognizer("a", answer_s=1.9), b)
    call(caller.speak("a", wait_s=2.5), caller)
    assert (caller.heard, caller.failed, b.sessions) == (["a"], [], [])


def test_an_empty_answer_of_the_late_one_stands() -> None:
    """A cough: nobody waits for the check."""
    caller = Caller(Recognizer("a", answer_s=0.7), Recognizer("b", answer_s=5.0), seed=SEED)

    async def script() -> None:
        began = now()
        await caller.speak("", 300)
        assert now() - began < 1.5

    call(script(), caller)
    assert (caller.answered, caller.failed) == ({1}, [])


def test_the_late_one_may_know_words_that_the_check_did_not_hear() -> None:
    a, b = Recognizer("a", answer_s=1.0), Recognizer("b", is_deaf=True)
    caller = Caller(a, b, seed=SEED)
    call(caller.speak("a"), caller)
    assert (caller.heard, caller.failed) == (["a"], [])


def test_when_neither_has_words_the_check_s_answer_stands_at_the_deadline() -> None:
    a, b = Recognizer("a", answer_s=None), Recognizer("b")
    caller = Caller(a, b, seed=SEED)
    call(caller.speak("", 400, wait_s=3.0), caller)
    assert caller.answered == {1}
    assert len(b.sessions) == 1
    assert [(one.provider, one.next, one.cause) for one in caller.failed] == [("a", "b", "late")]


def test_a_check_goes_on_when_the_deadline_passes() -> None:
    b = Recognizer("b", answer_s=1.8)
    caller = Caller(Recognizer("a", answer_s=None), b, seed=SEED)
    call(caller.speak("a", wait_s=4.0), caller)
    assert caller.heard == ["a"]
    assert len(b.sessions) == 1


def test_a_check_that_fails_after_the_deadline_leaves_the_third() -> None:
    b, c = Recognizer("b", answer_s=None), Recognizer("c")
    caller = Caller(Recognizer("a", answer_s=None), b, c, seed=SEED)
    call(caller.speak("a", wait_s=6.0), caller)
    assert caller.heard == ["a"]
    assert {one.provider for one in caller.failed} == {"a", "b"}


def test_a_check_that_is_silent_too_leaves_the_third_in_time() -> None:
    b, c = Recognizer("b", answer_s=None), Recognizer("c")
    caller = Caller(Recognizer("a", answer_s=None), b, c, seed=SEED)

    async def script() -> None:
        await caller.speak("a", wait_s=2.0)
        assert caller.answered == {1}
        await asyncio.sleep(FRAME_S)  # two are being closed
        assert (b.running, c.running) == (0, 1)

    call(script(), caller)
    assert caller.heard == ["a"]
    assert [(one.provider, one.next) for one in caller.failed] == [("b", "c"), ("a", "c")]


def test_a_recognizer_that_is_slower_than_its_vendor_s_figures_is_learned_and_kept() -> None:
    a, b = Recognizer("a", answer_s=1.2), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        for _ in range(6):
            await caller.session.close()
            await caller.begin_call()
            await caller.speak("x")
            await asyncio.sleep(1.0)
        assert caller.board.is_usable(HealthKey("stt", "a"))

    call(script(), caller)
    assert [one.provider for one in caller.failed] == ["a"] * 3
    assert "".join(caller.heard) == "x" * 6


def test_one_slow_answer_does_not_lengthen_the_wait_for_a_silent_recognizer() -> None:
    a, b = Recognizer("a", answer_s=0.2), Recognizer("b", answer_s=0.1, open_s=0.1)
    caller = Caller(a, b, seed=UsualWait(0.2, 0.35))

    async def script() -> None:
        for answer_s in (0.2, 0.2, 0.2, 0.38, 0.2):  # late after 0.385 s
            a.answer_s = answer_s
            await caller.speak("x")
        a.answer_s = None
        await caller.speak("y")

    call(script(), caller)
    assert "".join(caller.heard) == "xxxxxy"
    (failed,) = caller.failed
    assert (failed.provider, failed.cost_ms) == ("a", 385)


def test_a_dead_recognizer_is_not_taken_for_a_slow_one() -> None:
    caller = Caller(Recognizer("a", answer_s=None), Recognizer("b"), seed=SEED)

    async def script() -> None:
        for _ in range(4):
            await caller.session.close()
            await caller.begin_call()
            await caller.speak("x")
            await asyncio.sleep(1.0)
        assert not caller.board.is_usable(HealthKey("stt", "a"))

    call(script(), caller)
    assert len(caller.failed) == 3


def test_the_late_one_fails_and_the_check_goes_on() -> None:
    a, b = Recognizer("a", answer_s=None), Recognizer("b", answer_s=0.6)
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        speech = asyncio.create_task(caller.speak("a"))
        await asyncio.sleep(3.2)  # the check is open
        a.sessions[0].sink(SpeechToTextFailed(ProviderError("a", "closed", cause="cut")))
        await speech

    call(script(), caller)
    assert caller.heard == ["a"]
    assert len(b.sessions) == 1
    assert [(one.stage, one.cause, one.cost_ms) for one in caller.failed] == [("final", "cut", 550)]


def test_a_new_request_during_the_check_is_asked_of_both() -> None:
    """The caller goes on after a pause; the turn's text comes whole, from the one that answers."""
    caller = Caller(Recognizer("a", answer_s=None), Recognizer("b", answer_s=0.2), seed=SEED)

    async def script() -> None:
        caller.session.started()
        caller.session.push(b"a" + bytes([0x7E]) * 8_000)
        caller.session.finalize(1)
        await asyncio.sleep(0.7)
        caller.session.push(b"b" + bytes([0x7E]) * 8_000)
        caller.token = 2
        caller.session.finalize(2)
        await asyncio.sleep(1.0)
        assert caller.answered == {2}
        caller.next_turn()

    call(script(), caller)
    assert caller.heard == ["ab"]


def test_the_wait_is_learned_and_a_dead_recognizer_is_ejected_for_all_calls() -> None:
    a, b = Recognizer("a", answer_s=0.2), Recognizer("b", answer_s=0.1)
    caller = Caller(a, b)

    async def script() -> None:
        for _ in range(25):
            await caller.speak("x", 400)
        usual = caller.board.usual_wait(HealthKey("stt", "a"))
        assert usual is not None and usual.p99_s == pytest.approx(0.2)
        a.answer_s = None
        for _ in range(12):
            await caller.session.close()
            await caller.begin_call()
            await caller.speak("y", 400)
            assert caller.token in caller.answered
        assert not caller.board.is_usable(HealthKey("stt", "a"))

    call(script(), caller)
    assert "".join(caller.heard) == "x" * 25 + "y" * 12
    assert len(caller.failed) <= 10


def test_opening_is_bounded_while_another_one_is_left() -> None:
    async def script() -> None:
        assert now() == pytest.approx(1.0)

    caller = Caller(Recognizer("a", open_s=9.0), Recognizer("b", open_s=0.1), seed=SEED)
    call(script(), caller)
    (failed,) = caller.failed
    assert (failed.stage, failed.cause, failed.cost_ms) == ("connect", "late", 900)


delays = st.sampled_from([0.1, 0.4, 0.6, 0.9, 1.7, 2.1, None])
openings = st.sampled_from([0.0, 0.3, 0.8])
speeches = st.lists(st.sampled_from([300, 700, 2_000]), min_size=1, max_size=3)  # ms


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(a_s=delays, b_s=delays, c_s=st.sampled_from([0.1, 0.8]), open_s=openings, speeches=speeches)
def test_no_word_is_lost_or_doubled_however_late_two_recognizers_are(
    a_s: float | None, b_s: float | None, c_s: float, open_s: float, speeches: list[int]
) -> None:
    caller = Caller(Recognizer("a", a_s), Recognizer("b", b_s, open_s), Recognizer("c", c_s, open_s), seed=SEED)
    words = "abc"[: len(speeches)]

    async def script() -> None:
        for word, ms in zip(words, speeches, strict=True):
            await caller.speak(word, ms, wait_s=9.0)

    call(script(), caller)
    assert "".join(caller.heard) == words
    assert caller.answered == set(range(1, len(speeches) + 1))
