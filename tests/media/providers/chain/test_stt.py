"""Fallback between recognizers."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from media.providers.chain.stt import SpeechToTextChain
from media.providers.ports import (
    ProviderBusy,
    ProviderError,
    RecognizedText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
)
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeSpeechToText, FakeSpeechToTextSession, texts
from tests.media.providers.virtual import now, run

SESSION_FAILED = SpeechToTextFailed(ProviderError("a", "socket closed"))
SERVER_ERROR = ProviderError("a", "HTTP 500")


@dataclass
class ChainHarness:
    """A chain over scripted recognizers, with one open session."""

    providers: tuple[FakeSpeechToText, ...]
    session: SpeechToTextSession
    events: list[SpeechToTextEvent] = field(default_factory=list)
    failed: list[ProviderFailed] = field(default_factory=list)


Test = Callable[[ChainHarness], Coroutine[None, None, None]]


def with_session(test: Test, *providers: FakeSpeechToText) -> ChainHarness:
    """Runs a test against an open session, and closes it."""

    async def main() -> ChainHarness:
        events: list[SpeechToTextEvent] = []
        failed: list[ProviderFailed] = []
        session = await SpeechToTextChain(providers, failed.append).open("en", events.append)
        harness = ChainHarness(providers, session, events, failed)
        await test(harness)
        await session.close()
        assert all(session.closed for provider in providers for session in provider.sessions)
        return harness

    return run(main())


async def run_ready_tasks() -> None:
    """Lets tasks run that are ready."""
    await asyncio.sleep(0.001)


def test_first_recognizer_gets_all_audio_and_its_texts_are_passed_on() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.push(b"silence")
        harness.session.started()
        harness.session.push(b"speech")
        a.sessions[0].sink(RecognizedText("hel", final=False))
        harness.session.finalize(7)
        a.sessions[0].sink(RecognizedText("hello", final=True, token=7))
        harness.session.next_turn()
        assert a.sessions[0].log == [b"silence", "started", b"speech", 7, "next_turn"]
        assert harness.events == [RecognizedText("hel", False), RecognizedText("hello", True, 7)]

    a = FakeSpeechToText("a")
    with_session(test, a, FakeSpeechToText("b"))


def test_next_recognizer_gets_the_turn_replayed_and_answers_the_pending_finalize() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.push(b"silence")
        harness.session.started()
        harness.session.push(b"my number is ")
        harness.session.finalize(3)
        a.sessions[0].sink(SESSION_FAILED)
        harness.session.push(b"five")  # while the next one is being opened
        await run_ready_tasks()
        harness.session.push(b" five")
        assert b.sessions[0].log == [b"silence", "started", b"my number is five", 3, b" five"]
        b.sessions[0].sink(RecognizedText("my number is", True, 3))
        assert texts(harness.events) == ["my number is"]
        assert a.sessions[0].closed

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    harness = with_session(test, a, b)
    assert harness.failed == [ProviderFailed("stt", "a", "socket closed", "b", "final", "error")]


def test_only_audio_without_final_text_is_replayed() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.started()
        harness.session.push(b"first")
        harness.session.finalize(1)
        harness.session.push(b"pause")
        a.sessions[0].sink(RecognizedText("first", True, 1))
        harness.session.started()
        harness.session.push(b"second")
        a.sessions[0].sink(RecognizedText("first sec", False))
        a.sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()
        harness.session.finalize(2)
        b.sessions[0].sink(RecognizedText("second", True, 2))
        assert b.sessions[0].log == [b"pause", "started", b"second", 2]
        assert texts(harness.events) == ["first", "first sec", "first second"]

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    with_session(test, a, b)


def test_turn_over_three_recognizers_loses_no_words() -> None:
    async def test(harness: ChainHarness) -> None:
        for token, provider in enumerate((a, b, c)):
            harness.session.started()
            harness.session.push(b"x" * 160)
            harness.session.finalize(token)
            provider.sessions[0].sink(RecognizedText(provider.name, True, token))
            if provider is not c:
                provider.sessions[0].sink(SpeechToTextFailed(ProviderError(provider.name, "gone")))
                await run_ready_tasks()
        assert texts(harness.events) == ["a", "a b", "a b c"]
        harness.session.next_turn()
        harness.session.finalize(9)
        c.sessions[0].sink(RecognizedText("new", True, 9))
        assert texts(harness.events)[-1] == "new"

    a, b, c = FakeSpeechToText("a"), FakeSpeechToText("b"), FakeSpeechToText("c")
    with_session(test, a, b, c)


def test_audio_of_the_previous_turn_is_not_replayed() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.started()
        harness.session.push(b"old")
        harness.session.finalize(1)
        harness.session.push(b"between")
        harness.session.next_turn()  # nobody waited for its text
        harness.session.push(b"new")
        a.sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()
        assert b.sessions[0].log == [b"betweennew"]

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    with_session(test, a, b)


def test_recognizers_are_opened_in_list_order() -> None:
    async def test(harness: ChainHarness) -> None:
        assert now() == 3.0  # b's deadline
        harness.session.push(b"hello")
        assert c.sessions[0].log == [b"hello"]

    c = FakeSpeechToText("c")
    harness = with_session(test, FakeSpeechToText("a", ProviderBusy("a", "full")), FakeSpeechToText("b", delay=60.0), c)
    assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "b"), ("b", "c")]


def test_open_raises_when_no_recognizer_can_be_reached() -> None:
    failed: list[ProviderFailed] = []
    chain = SpeechToTextChain(
        [FakeSpeechToText("a", SERVER_ERROR), FakeSpeechToText("b", ProviderError("b", "HTTP 503"))], failed.append
    )
    with pytest.raises(ProviderError, match="HTTP 503"):
        run(chain.open("en", print))
    assert [event.next for event in failed] == ["b", ""]


def test_failure_reported_while_opening_counts_as_failed_open() -> None:
    class FailingAtOpen(FakeSpeechToText):
        async def open(self, language: str, sink: Callable[[SpeechToTextEvent], None]) -> SpeechToTextSession:
            session = await super().open(language, sink)
            sink(SESSION_FAILED)
            return session

    async def test(harness: ChainHarness) -> None:
        harness.session.push(b"hello")
        assert b.sessions[0].log == [b"hello"]

    b = FakeSpeechToText("b")
    with_session(test, FailingAtOpen("a"), b)


def test_a_slow_recognizer_is_replaced() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.started()
        harness.session.push(b"hello")
        harness.session.finalize(1)
        await asyncio.sleep(1.9)
        harness.session.finalize(2)  # a new request starts a new deadline
        await asyncio.sleep(1.9)
        assert b.opened == 0
        await asyncio.sleep(0.2)
        assert b.sessions[0].log == ["started", b"hello", 2]
        a.sessions[0].sink(RecognizedText("too late", True, 2))
        b.sessions[0].sink(RecognizedText("hello", True, 2))
        assert texts(harness.events) == ["hello"]
        assert a.sessions[0].closed

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    harness = with_session(test, a, b)
    assert harness.failed == [ProviderFailed("stt", "a", "no final text for 2 s", "b", "final", "late", 2_000)]


def test_a_lone_slow_recognizer_is_waited_for() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.finalize(1)
        await asyncio.sleep(9.0)
        a.sessions[0].sink(RecognizedText("hello", True, 1))
        assert texts(harness.events) == ["hello"]
        assert a.opened == 1

    a = FakeSpeechToText("a")
    with_session(test, a)


def test_a_lone_recognizer_is_reopened_once_between_two_texts() -> None:
    async def test(harness: ChainHarness) -> None:
        harness.session.started()
        harness.session.push(b"hello")
        a.sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()
        assert a.sessions[1].log == ["started", b"hello"]
        harness.session.finalize(1)
        a.sessions[1].sink(RecognizedText("hello", True, 1))
        a.sessions[1].sink(SESSION_FAILED)
        await run_ready_tasks()
        a.sessions[2].sink(SESSION_FAILED)
        await run_ready_tasks()
        assert harness.events[-1] == SESSION_FAILED
        assert a.opened == 3

    a = FakeSpeechToText("a")
    harness = with_session(test, a)
    assert [failed.next for failed in harness.failed] == ["a", "a", ""]


def test_when_all_failed_one_failure_event_is_sent() -> None:
    async def test(harness: ChainHarness) -> None:
        a.sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()
        a.sessions[1].sink(SESSION_FAILED)
        await run_ready_tasks()
        harness.session.push(b"hello")
        harness.session.started()
        harness.session.finalize(1)
        harness.session.next_turn()
        await asyncio.sleep(60.0)
        assert harness.events == [SESSION_FAILED]

    a = FakeSpeechToText("a")
    harness = with_session(test, a, FakeSpeechToText("b", SERVER_ERROR))
    assert [(failed.provider, failed.next) for failed in harness.failed] == [("a", "b"), ("b", "a"), ("a", "")]


def test_closing_during_a_switch_leaves_no_task_or_session() -> None:
    async def test(harness: ChainHarness) -> None:
        a.sessions[0].sink(SESSION_FAILED)
        await asyncio.sleep(1.0)

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b", delay=2.0)
    harness = with_session(test, a, b)
    assert b.sessions == []
    assert harness.events == []


def test_no_event_is_sent_after_closing() -> None:
    async def main() -> None:
        events: list[SpeechToTextEvent] = []
        session = await SpeechToTextChain([a, FakeSpeechToText("b")], print).open("en", events.append)
        session.finalize(1)
        await session.close()
        await session.close()
        a.sessions[0].sink(RecognizedText("late", True, 1))
        a.sessions[0].sink(SESSION_FAILED)
        await asyncio.sleep(5.0)
        assert events == []

    a = FakeSpeechToText("a")
    run(main())


def test_closing_right_after_a_failure_closes_the_session_that_failed() -> None:
    """The switch was scheduled, and is cancelled before it begins."""

    async def test(harness: ChainHarness) -> None:
        harness.providers[0].sessions[0].sink(SESSION_FAILED)

    with_session(test, FakeSpeechToText("a"), FakeSpeechToText("b"))


def test_closing_while_the_failed_session_closes_waits_for_both() -> None:
    async def test(harness: ChainHarness) -> None:
        session = harness.providers[0].sessions[0]

        async def close() -> None:
            await asyncio.sleep(0.5)
            session.closed = True

        session.close = close  # type: ignore[method-assign]
        session.sink(SESSION_FAILED)
        await asyncio.sleep(0.1)

    with_session(test, FakeSpeechToText("a"), FakeSpeechToText("b"))


def test_a_crash_in_a_switch_is_reported() -> None:
    """Else the call would go on, deaf."""

    class Crashing(FakeSpeechToText):
        async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
            raise ZeroDivisionError

    crashes: list[object] = []

    async def test(harness: ChainHarness) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: crashes.append(context["exception"]))
        harness.providers[0].sessions[0].sink(SESSION_FAILED)
        await run_ready_tasks()

    harness = with_session(test, FakeSpeechToText("a"), Crashing("b"))
    (event,) = harness.events
    assert isinstance(event, SpeechToTextFailed) and event.error.reason == "internal fault: ZeroDivisionError"
    assert isinstance(crashes[0], ZeroDivisionError)


def test_a_session_that_fails_during_the_replay_leaves_no_deadline_for_the_next_one() -> None:
    class Failing(FakeSpeechToTextSession):
        def push(self, ulaw: bytes) -> None:
            self.sink(SESSION_FAILED)

    class FailingInReplay(FakeSpeechToText):
        async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
            self.sessions.append(Failing(sink))
            return self.sessions[-1]

    async def test(harness: ChainHarness) -> None:
        harness.session.started()
        harness.session.push(b"hello")
        harness.session.finalize(1)
        harness.providers[0].sessions[0].sink(SESSION_FAILED)
        await asyncio.sleep(3.0)  # a second after the third was opened
        assert [failure.provider for failure in harness.failed] == ["a", "b"]

    with_session(
        test, FakeSpeechToText("a"), FailingInReplay("b"), FakeSpeechToText("c", delay=1.5), FakeSpeechToText("d")
    )
