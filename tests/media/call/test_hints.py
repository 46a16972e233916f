"""Asking smart-turn: the latest audio, off the event loop, and an answer on it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from media.call.hints import FRAMES, Hints
from tests.virtual_time import Unhandled, run_virtual


def frame(number: int) -> bytes:
    return number.to_bytes(2, "big") * 160


def ask(hints: Hints) -> float:
    async def scenario() -> float:
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        hints.ask(answered.set_result)
        return await answered

    return run_virtual(scenario())


def test_judges_the_audio_up_to_now() -> None:
    heard: list[bytes] = []

    def judge(pcm: bytes) -> float:
        heard.append(pcm)
        return 0.7

    with ThreadPoolExecutor(1) as pool:
        hints = Hints(judge, pool)
        hints.push(frame(1))
        hints.push(frame(2))
        assert ask(hints) == 0.7
    assert heard == [frame(1) + frame(2)]


def test_keeps_the_last_eight_seconds() -> None:
    heard: list[bytes] = []

    def judge(pcm: bytes) -> float:
        heard.append(pcm)
        return 0.0

    with ThreadPoolExecutor(1) as pool:
        hints = Hints(judge, pool)
        for number in range(FRAMES + 5):
            hints.push(frame(number))
        ask(hints)
    assert heard == [b"".join(frame(number) for number in range(5, FRAMES + 5))]
    assert len(heard[0]) == 8 * 16_000


def test_judges_on_the_pool_and_answers_on_the_loop() -> None:
    threads: list[str] = []

    def judge(pcm: bytes) -> float:
        threads.append(threading.current_thread().name)
        return 1.0

    async def scenario(pool: ThreadPoolExecutor) -> None:
        answered = asyncio.Event()

        def answer(finished: float) -> None:
            threads.append(threading.current_thread().name)
            answered.set()

        Hints(judge, pool).ask(answer)
        await answered.wait()

    with ThreadPoolExecutor(1, "smart-turn") as pool:
        run_virtual(scenario(pool))
    assert threads[0].startswith("smart-turn")
    assert threads[1] == threading.current_thread().name


def test_a_model_that_fails_is_told_to_the_loop_and_answers_nothing() -> None:
    answers: list[float] = []

    def judge(pcm: bytes) -> float:
        raise ZeroDivisionError

    async def scenario(pool: ThreadPoolExecutor) -> None:
        Hints(judge, pool).ask(answers.append)
        await asyncio.sleep(1)

    with ThreadPoolExecutor(1) as pool, pytest.raises(Unhandled) as caught:
        run_virtual(scenario(pool))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert answers == []
