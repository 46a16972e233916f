"""A recognizer that is connected but deaf is found out by the next one, and noise is no fault of either."""

import asyncio

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from media.providers.health import HealthKey
from media.providers.ports import (
    ProviderError,
    SpeechToTextFailed,
)
from shared.events import ProviderFailed
from tests.media.providers.recognizer_calls import FRAME_S, Caller, Recognizer, call
from tests.media.providers.virtual import run

DEAF = "no text for speech that another recognizer understood"
GONE = ProviderError("b", "gone")


def test_a_deaf_recognizer_is_replaced_and_the_words_are_recognized() -> None:
    a, b = Recognizer("a", is_deaf=True), Recognizer("b")
    caller = Caller(a, b)

    async def script() -> None:
        await caller.speak("ab")
        await asyncio.sleep(FRAME_S)  # one is being closed
        assert (a.running, b.running) == (0, 1)
        await caller.speak("c")

    call(script(), caller)
    assert caller.heard == ["ab", "c"]
    assert caller.failed == [ProviderFailed("stt", "a", DEAF, "b", "final", "deaf", 100)]
    assert len(b.sessions) == 1


def test_two_short_speeches_without_text_are_a_reason_and_one_is_none() -> None:
    b = Recognizer("b")
    caller = Caller(Recognizer("a", is_deaf=True), b)

    async def script() -> None:
        await caller.speak("a", 700)
        assert not b.sessions
        await caller.speak("b", 700)

    call(script(), caller)
    assert caller.heard == ["b"]


def test_a_click_is_no_reason() -> None:
    b = Recognizer("b")
    caller = Caller(Recognizer("a"), b)

    async def script() -> None:
        for _ in range(5):
            await caller.speak("", 300)

    call(script(), caller)
    assert not b.sessions
    assert caller.answered == {1, 2, 3, 4, 5}


def test_noise_leaves_both_in_service_and_each_answer_comes() -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b)

    async def script() -> None:
        for _ in range(5):
            await caller.speak("")
        await asyncio.sleep(FRAME_S)  # one is being closed
        assert (a.running, b.running) == (1, 0)
        await caller.speak("a")

    call(script(), caller)
    assert caller.heard == ["a"]
    assert caller.answered == {1, 2, 3, 4, 5, 6}
    assert len(b.sessions) == 3  # the first, and every second one after it
    assert not caller.failed


def test_noise_on_many_calls_ejects_nobody_and_deafness_does() -> None:
    """By one board, as all calls of a process have it."""
    for words, is_usable in (("", True), ("a", False)):
        caller = Caller(Recognizer("a", is_deaf=True), Recognizer("b"))

        async def script(caller: Caller = caller, words: str = words, is_usable: bool = is_usable) -> None:
            for _ in range(3):
                await caller.session.close()
                await caller.begin_call()
                await caller.speak(words)
            assert caller.board.is_usable(HealthKey("stt", "a")) is is_usable

        call(script(), caller)


def test_words_that_come_after_the_turn_are_late_words_of_the_next() -> None:
    caller = Caller(Recognizer("a", is_deaf=True), Recognizer("b", answer_s=1.9))

    async def script() -> None:
        await caller.speak("a", wait_s=0.5)

    call(script(), caller)
    assert caller.heard == ["a"]


@pytest.mark.parametrize(
    "b",
    [Recognizer("b", error=GONE), Recognizer("b", answer_s=None), Recognizer("b", open_s=9.0)],
    ids=["gone", "mute", "slow"],
)
def test_a_check_that_fails_leaves_the_first_in_use(b: Recognizer) -> None:
    a = Recognizer("a")
    caller = Caller(a, b)

    async def script() -> None:
        await caller.speak("", wait_s=4.0)
        await asyncio.sleep(FRAME_S)  # one is being closed
        assert (a.running, b.running) == (1, 0)
        assert caller.answered == {1}
        await caller.speak("a")

    call(script(), caller)
    assert caller.heard == ["a"]
    assert [(one.provider, one.next) for one in caller.failed] == [("b", "a")]


def test_a_check_that_crashes_leaves_the_first_in_use() -> None:
    caller = Caller(Recognizer("a"), Recognizer("b", error=ZeroDivisionError()))
    crashes: list[object] = []

    async def script() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: crashes.append(context["exception"]))
        await caller.speak("")
        await caller.speak("a")

    call(script(), caller)
    assert caller.heard == ["a"]
    assert isinstance(crashes[0], ZeroDivisionError)


def test_the_third_checks_when_the_second_cannot_be_reached() -> None:
    caller = Caller(Recognizer("a", is_deaf=True), Recognizer("b", error=GONE), Recognizer("c"))
    call(caller.speak("a"), caller)
    assert caller.heard == ["a"]
    assert [(one.provider, one.next) for one in caller.failed] == [("b", "c"), ("a", "c")]


def test_the_first_fails_while_it_is_checked() -> None:
    a, b = Recognizer("a", is_deaf=True), Recognizer("b", open_s=0.5)
    caller = Caller(a, b)

    async def script() -> None:
        speech = asyncio.create_task(caller.speak("a"))
        await asyncio.sleep(2.7)
        a.sessions[0].sink(SpeechToTextFailed(ProviderError("a", "closed")))
        await speech

    call(script(), caller)
    assert caller.heard == ["a"]
    assert [one.reason for one in caller.failed] == ["closed"]


def test_hanging_up_during_a_check_leaves_no_session() -> None:
    b = Recognizer("b", open_s=1.0)
    caller = Caller(Recognizer("a", is_deaf=True), b)

    async def main() -> None:
        await caller.open()
        await caller.speak("a", wait_s=0.2)
        await caller.session.close()
        await asyncio.sleep(5.0)

    run(main())
    assert not b.sessions
    assert not caller.failed


def test_a_lone_recognizer_is_not_checked() -> None:
    a = Recognizer("a")
    caller = Caller(a)
    call(caller.speak(""), caller)
    assert caller.answered == {1}
    assert len(a.sessions) == 1


delays = st.floats(0.0, 1.2)
waits = st.sampled_from([0.1, 0.4, 1.5, 3.0])


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(a_s=delays, b_s=delays, open_s=delays, hears=st.integers(0, 2), turns=st.lists(waits, min_size=1, max_size=4))
def test_no_word_is_lost_or_doubled_by_a_recognizer_that_grows_deaf(
    a_s: float, b_s: float, open_s: float, hears: int, turns: list[float]
) -> None:
    a, b = Recognizer("a", a_s), Recognizer("b", b_s, open_s)
    caller = Caller(a, b)
    words = "abcdefgh"[: 2 * len(turns)]

    async def script() -> None:
        for turn, wait_s in enumerate(turns):
            if turn == hears:
                await asyncio.sleep(2.0)  # what it heard is answered
                a.is_deaf = True
            await caller.speak(words[2 * turn : 2 * turn + 2], 1_600, max(wait_s, a_s + 0.2, b_s + 0.2))

    call(script(), caller)
    assert "".join(caller.heard) == words, (a_s, b_s, open_s, hears, turns)
    assert {one.reason for one in caller.failed} <= {DEAF}


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    a_s=delays,
    b_s=delays,
    open_s=delays,
    turns=st.lists(st.tuples(st.sampled_from(["", "x"]), st.sampled_from([300, 700, 2_000]), waits), max_size=6),
)
def test_a_recognizer_that_hears_keeps_the_call_in_noise(
    a_s: float, b_s: float, open_s: float, turns: list[tuple[str, int, float]]
) -> None:
    a, b = Recognizer("a", a_s), Recognizer("b", b_s, open_s)
    caller = Caller(a, b)

    async def script() -> None:
        for words, ms, wait_s in turns:
            await caller.speak(words, ms, max(wait_s, a_s + 0.1 if words else 0.0))
        await asyncio.sleep(4.0)
        await asyncio.sleep(FRAME_S)  # one is being closed
        assert (a.running, b.running) == (1, 0)

    call(script(), caller)
    assert "".join(caller.heard) == "".join(words for words, _, _ in turns)
    assert not caller.failed
