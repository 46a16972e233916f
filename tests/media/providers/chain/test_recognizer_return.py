"""A call goes back to its first-choice recognizer between two turns, some time after that failed."""

import asyncio

import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.ports import ProviderError, SpeechToTextFailed
from media.providers.wait_history import UsualWait
from tests.media.providers.recognizer_calls import FRAME_S, Caller, Recognizer, call
from tests.media.providers.virtual import now

SEED = UsualWait(0.2, 0.35)
RETURN_S = Deadlines().return_s


def in_use(*recognizers: Recognizer) -> str:
    return "".join(recognizer.name for recognizer in recognizers if recognizer.running)


async def silence(caller: Caller, seconds: float) -> None:
    await caller._push(b"~" * 800, round(seconds / FRAME_S))


async def lose_first(caller: Caller) -> float:
    """The first recognizer is silent for one turn. Returns when it failed."""
    first = caller.recognizers[0]
    first.answer_s = None
    await caller.speak("a")
    first.answer_s = 0.1
    (failed,) = caller.failed
    assert failed.provider == first.name
    failed_at = now()
    await silence(caller, 1.5)  # its late answer is awaited unheard
    return failed_at


def test_the_first_choice_is_used_again_at_the_first_turn_s_end_after_ten_seconds() -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        failed_at, turns = await lose_first(caller), ""
        for letter in "bcdefgh":
            turns += in_use(a, b)
            ends_at = now() + 2.3
            await caller.speak(letter)
            await silence(caller, 1.0)
            assert in_use(a, b) == ("b" if ends_at - failed_at < RETURN_S else "a")
        assert turns == "bbbaaaa"

    call(script(), caller)
    assert "".join(caller.heard) == "abcdefgh"
    assert len(caller.failed) == 1
    assert (len(a.sessions), len(b.sessions)) == (2, 1)


def test_one_that_fails_again_is_left_alone_for_twice_as_long() -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await lose_first(caller)
        a.answer_s = None
        tried: list[float] = []
        for letter in "bcdefghijklmnopqrstuvwxyz":
            await caller.speak(letter)
            await silence(caller, 1.0)
            if len(caller.failed) > len(tried) + 1:
                tried.append(now())
        first, second = tried[:2]
        assert 2 * RETURN_S < second - first < 2 * RETURN_S + 8.0

    call(script(), caller)
    assert "".join(caller.heard) == "abcdefghijklmnopqrstuvwxyz"
    assert {failed.provider for failed in caller.failed} == {"a"}


def test_one_that_cannot_be_opened_costs_nothing() -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await lose_first(caller)
        a.error = ProviderError("a", "HTTP 502")
        await silence(caller, RETURN_S)
        await caller.speak("b")
        await silence(caller, 1.0)
        assert in_use(a, b) == "b"
        await caller.speak("c")

    call(script(), caller)
    assert "".join(caller.heard) == "abc"
    assert [(failed.provider, failed.next, failed.stage) for failed in caller.failed[1:]] == [("a", "b", "connect")]
    assert len(b.sessions) == 1


def test_a_caller_who_speaks_while_it_is_opened_stays_with_the_other_one_for_this_turn() -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await lose_first(caller)
        await silence(caller, RETURN_S)
        a.open_s = 0.5
        await caller.speak("b")
        await caller.speak("c")
        assert [session.words for session in a.sessions[1:2]] == [""]
        await silence(caller, 1.0)
        assert in_use(a, b) == "a"
        await caller.speak("d")

    call(script(), caller)
    assert "".join(caller.heard) == "abcd"
    assert len(caller.failed) == 1


def test_a_session_that_ends_before_it_is_used_is_a_failure() -> None:
    class Ending(Recognizer):
        """Its second session ends as soon as it is open."""

        async def open(self, language, sink):  # type: ignore[no-untyped-def]
            session = await super().open(language, sink)
            if len(self.sessions) == 2:
                sink(SpeechToTextFailed(ProviderError("a", "closed", cause="cut")))
            return session

    a, b = Ending("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await lose_first(caller)
        await silence(caller, RETURN_S)
        await caller.speak("b")
        await silence(caller, 1.0)
        assert in_use(a, b) == "b"
        await caller.speak("c")

    call(script(), caller)
    assert "".join(caller.heard) == "abc"
    assert [failed.reason for failed in caller.failed[1:]] == ["closed"]


@pytest.mark.parametrize("open_s", [0.3, 5.0])
def test_a_call_that_ends_while_it_is_opened_leaves_nothing(open_s: float) -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        await lose_first(caller)
        await silence(caller, RETURN_S)
        a.open_s = open_s
        await caller.speak("b")
        await asyncio.sleep(0.1)
        await caller.session.close()

    call(script(), caller)


def test_a_call_whose_first_choice_works_opens_no_other_one() -> None:
    a, b = Recognizer("a"), Recognizer("b")
    caller = Caller(a, b, seed=SEED)

    async def script() -> None:
        for letter in "abcdefgh":
            await caller.speak(letter)

    call(script(), caller)
    assert (len(a.sessions), len(b.sessions)) == (1, 0)
