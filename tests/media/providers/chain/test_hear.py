"""Fallback between recognisers."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from media.providers.chain.hear import HearChain
from media.providers.ports import HearEvent, HearFailed, HearSession, ProviderBusy, ProviderError, Transcript
from shared.events import ProviderFailed
from tests.media.providers.fakes import FakeHear, texts
from tests.media.providers.virtual import now, run

GONE = HearFailed(ProviderError("a", "socket closed"))
DOWN = ProviderError("a", "HTTP 500")


@dataclass
class Bench:
    """A chain over scripted recognisers, with one open session."""

    providers: tuple[FakeHear, ...]
    session: HearSession
    events: list[HearEvent] = field(default_factory=list)
    failed: list[ProviderFailed] = field(default_factory=list)


Test = Callable[[Bench], Coroutine[None, None, None]]


def with_session(test: Test, *providers: FakeHear) -> Bench:
    """Runs a test against an open session, and closes it."""

    async def main() -> Bench:
        events: list[HearEvent] = []
        failed: list[ProviderFailed] = []
        session = await HearChain(providers, failed.append).open("en", events.append)
        bench = Bench(providers, session, events, failed)
        await test(bench)
        await session.close()
        assert all(ear.closed for provider in providers for ear in provider.ears)
        return bench

    return run(main())


async def settle() -> None:
    """Lets tasks run that wait for nothing."""
    await asyncio.sleep(0.001)


def test_everything_reaches_the_first_choice_and_its_texts_come_back() -> None:
    async def test(bench: Bench) -> None:
        bench.session.push(b"silence")
        bench.session.started()
        bench.session.push(b"speech")
        a.ears[0].sink(Transcript("hel", final=False))
        bench.session.finalise(7)
        a.ears[0].sink(Transcript("hello", final=True, token=7))
        bench.session.next_turn()
        assert a.ears[0].log == [b"silence", "started", b"speech", 7, "next_turn"]
        assert bench.events == [Transcript("hel", False), Transcript("hello", True, 7)]

    a = FakeHear("a")
    with_session(test, a, FakeHear("b"))


def test_the_next_hears_the_turn_again_and_answers_the_pending_question() -> None:
    async def test(bench: Bench) -> None:
        bench.session.push(b"silence")
        bench.session.started()
        bench.session.push(b"my number is ")
        bench.session.finalise(3)
        a.ears[0].sink(GONE)
        bench.session.push(b"five")  # while the next one is being opened
        await settle()
        bench.session.push(b" five")
        assert b.ears[0].log == [b"silence", "started", b"my number is five", 3, b" five"]
        b.ears[0].sink(Transcript("my number is", True, 3))
        assert texts(bench.events) == ["my number is"]
        assert a.ears[0].closed

    a, b = FakeHear("a"), FakeHear("b")
    bench = with_session(test, a, b)
    assert bench.failed == [ProviderFailed("stt", "a", "socket closed", "b")]


def test_only_what_has_no_final_text_is_heard_again() -> None:
    async def test(bench: Bench) -> None:
        bench.session.started()
        bench.session.push(b"first")
        bench.session.finalise(1)
        bench.session.push(b"pause")
        a.ears[0].sink(Transcript("first", True, 1))
        bench.session.started()
        bench.session.push(b"second")
        a.ears[0].sink(Transcript("first sec", False))
        a.ears[0].sink(GONE)
        await settle()
        bench.session.finalise(2)
        b.ears[0].sink(Transcript("second", True, 2))
        assert b.ears[0].log == [b"pause", "started", b"second", 2]
        assert texts(bench.events) == ["first", "first sec", "first second"]

    a, b = FakeHear("a"), FakeHear("b")
    with_session(test, a, b)


def test_a_turn_through_three_recognisers_keeps_all_its_words() -> None:
    async def test(bench: Bench) -> None:
        for token, provider in enumerate((a, b, c)):
            bench.session.started()
            bench.session.push(b"x" * 160)
            bench.session.finalise(token)
            provider.ears[0].sink(Transcript(provider.name, True, token))
            if provider is not c:
                provider.ears[0].sink(HearFailed(ProviderError(provider.name, "gone")))
                await settle()
        assert texts(bench.events) == ["a", "a b", "a b c"]
        bench.session.next_turn()
        bench.session.finalise(9)
        c.ears[0].sink(Transcript("new", True, 9))
        assert texts(bench.events)[-1] == "new"

    a, b, c = FakeHear("a"), FakeHear("b"), FakeHear("c")
    with_session(test, a, b, c)


def test_the_turn_before_is_not_heard_again() -> None:
    async def test(bench: Bench) -> None:
        bench.session.started()
        bench.session.push(b"old")
        bench.session.finalise(1)
        bench.session.push(b"between")
        bench.session.next_turn()  # its text came too late and was not waited for
        bench.session.push(b"new")
        a.ears[0].sink(GONE)
        await settle()
        assert b.ears[0].log == [b"betweennew"]

    a, b = FakeHear("a"), FakeHear("b")
    with_session(test, a, b)


def test_opening_goes_down_the_list() -> None:
    async def test(bench: Bench) -> None:
        assert now() == 3.0  # b's deadline
        bench.session.push(b"hello")
        assert c.ears[0].log == [b"hello"]

    c = FakeHear("c")
    bench = with_session(test, FakeHear("a", ProviderBusy("a", "full")), FakeHear("b", delay=60.0), c)
    assert [(failed.provider, failed.next) for failed in bench.failed] == [("a", "b"), ("b", "c")]


def test_nobody_can_be_reached() -> None:
    failed: list[ProviderFailed] = []
    chain = HearChain([FakeHear("a", DOWN), FakeHear("b", ProviderError("b", "HTTP 503"))], failed.append)
    with pytest.raises(ProviderError, match="HTTP 503"):
        run(chain.open("en", print))
    assert [event.next for event in failed] == ["b", ""]


def test_a_failure_in_the_moment_of_opening_is_a_failed_opening() -> None:
    class Faint(FakeHear):
        async def open(self, language: str, sink: Callable[[HearEvent], None]) -> HearSession:
            session = await super().open(language, sink)
            sink(GONE)
            return session

    async def test(bench: Bench) -> None:
        bench.session.push(b"hello")
        assert b.ears[0].log == [b"hello"]

    b = FakeHear("b")
    with_session(test, Faint("a"), b)


def test_a_recogniser_that_does_not_answer_is_left_for_another() -> None:
    async def test(bench: Bench) -> None:
        bench.session.started()
        bench.session.push(b"hello")
        bench.session.finalise(1)
        await asyncio.sleep(1.9)
        bench.session.finalise(2)  # asked anew: the clock starts anew
        await asyncio.sleep(1.9)
        assert b.opened == 0
        await asyncio.sleep(0.2)
        assert b.ears[0].log == ["started", b"hello", 2]
        a.ears[0].sink(Transcript("too late", True, 2))
        b.ears[0].sink(Transcript("hello", True, 2))
        assert texts(bench.events) == ["hello"]
        assert a.ears[0].closed

    a, b = FakeHear("a"), FakeHear("b")
    bench = with_session(test, a, b)
    assert bench.failed == [ProviderFailed("stt", "a", "no final text for 2 s", "b")]


def test_a_lone_slow_recogniser_is_waited_for() -> None:
    async def test(bench: Bench) -> None:
        bench.session.finalise(1)
        await asyncio.sleep(9.0)
        a.ears[0].sink(Transcript("hello", True, 1))
        assert texts(bench.events) == ["hello"]
        assert a.opened == 1

    a = FakeHear("a")
    with_session(test, a)


def test_a_lone_recogniser_is_reached_again_once_between_two_texts() -> None:
    async def test(bench: Bench) -> None:
        bench.session.started()
        bench.session.push(b"hello")
        a.ears[0].sink(GONE)
        await settle()
        assert a.ears[1].log == ["started", b"hello"]
        bench.session.finalise(1)
        a.ears[1].sink(Transcript("hello", True, 1))
        a.ears[1].sink(GONE)
        await settle()
        a.ears[2].sink(GONE)
        await settle()
        assert bench.events[-1] == GONE
        assert a.opened == 3

    a = FakeHear("a")
    bench = with_session(test, a)
    assert [failed.next for failed in bench.failed] == ["a", "a", ""]


def test_when_all_failed_the_session_says_so_once_and_stays_quiet() -> None:
    async def test(bench: Bench) -> None:
        a.ears[0].sink(GONE)
        await settle()
        a.ears[1].sink(GONE)
        await settle()
        bench.session.push(b"hello")
        bench.session.started()
        bench.session.finalise(1)
        bench.session.next_turn()
        await asyncio.sleep(60.0)
        assert bench.events == [GONE]

    a = FakeHear("a")
    bench = with_session(test, a, FakeHear("b", DOWN))
    assert [(failed.provider, failed.next) for failed in bench.failed] == [("a", "b"), ("b", "a"), ("a", "")]


def test_closing_while_another_is_being_opened_leaves_nothing() -> None:
    async def test(bench: Bench) -> None:
        a.ears[0].sink(GONE)
        await asyncio.sleep(1.0)

    a, b = FakeHear("a"), FakeHear("b", delay=2.0)
    bench = with_session(test, a, b)
    assert b.ears == []
    assert bench.events == []


def test_no_event_comes_after_closing() -> None:
    async def main() -> None:
        events: list[HearEvent] = []
        session = await HearChain([a, FakeHear("b")], print).open("en", events.append)
        session.finalise(1)
        await session.close()
        await session.close()
        a.ears[0].sink(Transcript("late", True, 1))
        a.ears[0].sink(GONE)
        await asyncio.sleep(5.0)
        assert events == []

    a = FakeHear("a")
    run(main())
