"""Requests to smart-turn: the latest audio, estimated off the event loop, answered on it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from media.call.turn_hints import FRAMES, TurnHints
from tests.virtual_time import Unhandled, run_virtual


def frame(number: int) -> bytes:
    return number.to_bytes(2, "big") * 160


def request(hints: TurnHints) -> float:
    async def scenario() -> float:
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        hints.request(answered.set_result)
        return await answered

    return run_virtual(scenario())


def test_estimates_the_audio_up_to_now() -> None:
    heard: list[bytes] = []

    def estimate(pcm: bytes) -> float:
        heard.append(pcm)
        return 0.7

    with ThreadPoolExecutor(1) as pool:
        hints = TurnHints(estimate, pool)
        hints.push(frame(1))
        hints.push(frame(2))
        assert request(hints) == 0.7
    assert heard == [frame(1) + frame(2)]


def test_buffers_the_last_eight_seconds() -> None:
    heard: list[bytes] = []

    def estimate(pcm: bytes) -> float:
        heard.append(pcm)
        return 0.0

    with ThreadPoolExecutor(1) as pool:
        hints = TurnHints(estimate, pool)
        for number in range(FRAMES + 5):
            hints.push(frame(number))
        request(hints)
    assert heard == [b"".join(frame(number) for number in range(5, FRAMES + 5))]
    assert len(heard[0]) == 8 * 16_000


def test_estimates_on_the_pool_and_answers_on_the_loop() -> None:
    threads: list[str] = []

    def estimate(pcm: bytes) -> float:
        threads.append(threading.current_thread().name)
        return 1.0

    async def scenario(pool: ThreadPoolExecutor) -> None:
        answered = asyncio.Event()

        def answer(finished: float) -> None:
            threads.append(threading.current_thread().name)
            answered.set()

        TurnHints(estimate, pool).request(answer)
        await answered.wait()

    with ThreadPoolExecutor(1, "smart-turn") as pool:
        run_virtual(scenario(pool))
    assert threads[0].startswith("smart-turn")
    assert threads[1] == threading.current_thread().name


def test_model_error_goes_to_the_loop_and_gives_no_answer() -> None:
    answers: list[float] = []

    def estimate(pcm: bytes) -> float:
        raise ZeroDivisionError

    async def scenario(pool: ThreadPoolExecutor) -> None:
        TurnHints(estimate, pool).request(answers.append)
        await asyncio.sleep(1)

    with ThreadPoolExecutor(1) as pool, pytest.raises(Unhandled) as caught:
        run_virtual(scenario(pool))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert answers == []
