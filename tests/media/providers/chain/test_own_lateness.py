"""A process that gets too little of its core: what it reads late is not blamed on the providers."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from media.providers.deadline_timer import MOST_LATE_S, DeadlineTimer
from media.providers.ports import SpeechChunk
from tests.media.providers.chain.test_hedged_requests import HedgingHarness
from tests.media.providers.chain.test_hedged_voices import TEXT, Harness, say
from tests.media.providers.chain.test_late_recognizers import SEED as TEXT_SEED
from tests.media.providers.fakes import FakeLanguageModel, FakeTextToSpeech, Step, text_deltas
from tests.media.providers.recognizer_calls import Caller, Recognizer, call
from tests.media.providers.virtual import run
from tests.virtual_time import VirtualLoop

ITERATION_S = 0.12  # how long each turn of the loop takes
HOPS = (0.001,) * 4  # what is received passes the loop so often: socket, TLS, parser, task


async def starve(work: Coroutine[Any, Any, None]) -> None:
    """Runs the work on a loop that has too much to do, or too little of its core."""
    loop = _virtual_loop()
    is_over = False

    def use_core() -> None:
        loop.advance(ITERATION_S)
        if not is_over:
            loop.call_soon(use_core)

    loop.slow_callback_duration = 60.0  # nothing to warn of
    use_core()
    try:
        await work
    finally:
        is_over = True


def _virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def test_a_model_whose_answer_is_read_late_gets_no_rival() -> None:
    async def main() -> None:
        script: list[Step] = [0.3, *HOPS, *text_deltas("We are"), 0.1, *HOPS, *text_deltas("open.")]
        a, b = FakeLanguageModel("a", script), FakeLanguageModel("b")
        harness = HedgingHarness(a, b)
        assert await harness.text() == "We are open. "
        assert (b.requests, harness.failed) == ([], [])

    run(starve(main()))


def test_an_answer_that_came_while_the_process_stood_still_is_read_first() -> None:
    async def main() -> None:
        loop = _virtual_loop()
        loop.call_later(0.4, loop.advance, 1.5)
        a, b = FakeLanguageModel("a", [0.8, *HOPS, *text_deltas("Yes.")]), FakeLanguageModel("b")
        harness = HedgingHarness(a, b)
        assert await harness.text() == "Yes. "
        assert (b.requests, harness.failed) == ([], [])

    run(main())


def test_a_silent_model_is_given_up_all_the_same() -> None:
    async def main() -> None:
        harness = HedgingHarness(FakeLanguageModel("a", [None]), FakeLanguageModel("b", text_deltas("Yes.")))
        assert await harness.text() == "Yes. "
        (failed,) = harness.failed
        assert (failed.provider, failed.next) == ("a", "b")
        assert failed.cost_ms < (0.9 + MOST_LATE_S + 5 * ITERATION_S) * 1_000

    run(starve(main()))


def test_a_voice_whose_audio_is_read_late_gets_no_rival_and_goes_on() -> None:
    async def main() -> None:
        first, rest = "We are", "open from nine to five."
        a, b = FakeTextToSpeech("a", 0.2, *HOPS, say(first), 0.3, *HOPS, say(rest, start=2)), FakeTextToSpeech("b")
        harness = Harness(a, b)
        assert await harness.speak() == TEXT.strip()
        assert (b.texts, harness.failed) == ([], [])

    run(starve(main()))


def test_a_voice_whose_audio_is_read_late_is_not_slower_than_real_time() -> None:
    """Each piece of 50 ms takes one turn of the loop to be read, 0.12 s."""

    async def main() -> None:
        words = say(TEXT).words
        pieces = [
            SpeechChunk(b"a" * 400, tuple(word for word in words if at <= word.start_ms < at + 50))
            for at in range(0, int(words[-1].end_ms), 50)
        ]
        b = FakeTextToSpeech("b")
        harness = Harness(FakeTextToSpeech("a", *(step for piece in pieces for step in (0.04, piece))), b)
        assert await harness.speak() == TEXT.strip()
        assert (b.texts, harness.failed) == ([], [])

    run(starve(main()))


def test_a_recognizer_whose_text_is_read_late_is_not_checked() -> None:
    a, b = Recognizer("a", answer_s=0.3, hops=len(HOPS)), Recognizer("b")
    caller = Caller(a, b, seed=TEXT_SEED)
    call(starve(caller.speak("a", 700, wait_s=5.0)), caller)
    assert (caller.heard, caller.failed, b.sessions) == (["a"], [], [])


def test_a_session_that_opens_while_the_process_is_late_is_kept() -> None:
    async def main() -> None:
        caller = Caller(Recognizer("a", open_s=0.85), Recognizer("b"), seed=TEXT_SEED)
        await caller.open()
        assert caller.failed == []
        await caller.hang_up()

    run(starve(main()))


@pytest.mark.parametrize("limit_s", [0.01, 0.25, 0.55, 3.0])
def test_a_punctual_loop_keeps_the_limit(limit_s: float) -> None:
    async def main() -> None:
        expired = asyncio.Event()
        DeadlineTimer(limit_s, expired.set)
        await expired.wait()
        assert asyncio.get_running_loop().time() == pytest.approx(limit_s)

    run(main())
