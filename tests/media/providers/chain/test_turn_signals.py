"""Signals of the turn's end through the chain: those of the recognizer in use, and of no other."""

import asyncio

import pytest

from media.providers.chain.late_recognizer import LateRecognizer, LostRecognizer
from media.providers.chain.recognizer_session import SessionSink
from media.providers.ports import NO_TURN_SIGNAL, RecognizedText, TurnSignal
from media.providers.wait_history import UsualWait
from tests.media.providers.chain.test_stt import SESSION_FAILED, ChainHarness, run_ready_tasks, with_session
from tests.media.providers.fakes import FakeSpeechToText
from tests.media.providers.recognizer_calls import Caller, Recognizer, call

HELLO = TurnSignal("hello", 0.8)


def signals(harness: ChainHarness) -> list[TurnSignal]:
    return [event for event in harness.events if isinstance(event, TurnSignal)]


def test_signals_are_passed_on_and_end_no_turn() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.push(b"hello")
        harness.session.finalize(1)
        a.sessions[0].sink(HELLO)
        a.sessions[0].sink(TurnSignal("hello", None, resumed=True))
        assert harness.events == [HELLO, TurnSignal("hello", None, resumed=True)]
        a.sessions[0].sink(RecognizedText("hello", True, 1))
        assert harness.events[-1] == RecognizedText("hello", True, 1)

    a = FakeSpeechToText("a")
    assert with_session(test, a, FakeSpeechToText("b")).failed == []


@pytest.mark.parametrize("others", [1, 0], ids=["another one", "itself again"])
def test_what_a_dead_session_has_signaled_is_taken_back(others: int) -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.push(b"hello")
        a.sessions[0].sink(HELLO)
        a.sessions[0].sink(SESSION_FAILED)
        assert signals(harness) == [HELLO, NO_TURN_SIGNAL]
        await run_ready_tasks()
        a.sessions[0].sink(TurnSignal("hello", 1.0))  # dead sessions are not heard
        assert signals(harness) == [HELLO, NO_TURN_SIGNAL]

    a = FakeSpeechToText("a")
    with_session(test, a, *[FakeSpeechToText("b") for _ in range(others)])


def test_a_session_without_signals_takes_none_back() -> None:
    async def test(harness: ChainHarness) -> None:
        a.sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()

    a = FakeSpeechToText("a")
    assert signals(with_session(test, a, FakeSpeechToText("b"))) == []


def test_a_signal_is_about_the_whole_turn_also_after_a_failover() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.started()
        harness.session.push(b"first")
        harness.session.finalize(1)
        a.sessions[0].sink(RecognizedText("first", True, 1))
        harness.session.push(b"second")
        a.sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()
        b.sessions[0].sink(TurnSignal("second", 0.9))
        assert signals(harness) == [TurnSignal("first second", 0.9)]

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    with_session(test, a, b)


def test_a_signal_is_no_answer_of_a_late_recognizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is awaited unheard is waited for on."""

    async def test(harness: ChainHarness) -> None:
        sink, judged = SessionSink(lambda sink, event: None), list[object]()
        late = LateRecognizer(LostRecognizer(None, None, sink, None), SESSION_FAILED.error, 60.0, lambda session: None)  # type: ignore[arg-type]
        monkeypatch.setattr(late, "_judge", judged.append)
        sink(HELLO)
        assert judged == []
        sink(SESSION_FAILED)
        assert judged == [SESSION_FAILED.error]

    with_session(test, FakeSpeechToText("a"))


def test_a_recognizer_that_checks_another_signals_nothing_until_it_takes_over() -> None:
    a, b = Recognizer("a", answer_s=None), Recognizer("b", answer_s=0.5, open_s=0.1)
    caller = Caller(a, b, seed=UsualWait(0.2, 0.5))

    async def script() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(2.4, lambda: a.sessions[0].sink(HELLO))  # the text is asked for after 2.3 s
        loop.call_later(3.2, lambda: b.sessions[0].sink(TurnSignal("h", 0.1)))  # it is late after 2.85 s
        await caller.speak("h", wait_s=1.5)
        assert caller.answered == {1}, "the one that checks has answered after 3.5 s"
        b.sessions[0].sink(HELLO)

    call(script(), caller)
    signals = [event for event in caller.events if isinstance(event, TurnSignal)]
    assert signals == [HELLO, NO_TURN_SIGNAL, HELLO]
