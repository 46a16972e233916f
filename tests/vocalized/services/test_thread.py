"""A blocking context manager in a coroutine: one thread, and nothing left half made."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vocalized.services.thread import in_thread


@contextmanager
def noting(
    log: list[object], begun: threading.Event | None = None, gate: threading.Event | None = None
) -> Iterator[str]:
    log.append("entering")
    if begun and gate:
        begun.set()
        gate.wait(30)
    log.append(threading.get_ident())
    try:
        yield "value"
    finally:
        log.append(threading.get_ident())


async def test_it_is_entered_and_left_in_one_thread_that_is_not_ours() -> None:
    log: list[object] = []
    async with in_thread(noting(log)) as value:
        assert value == "value"
    _, entered, left = log
    assert entered == left != threading.get_ident()


async def test_an_error_of_the_block_leaves_it_too() -> None:
    log: list[object] = []
    with pytest.raises(ZeroDivisionError):
        async with in_thread(noting(log)):
            raise ZeroDivisionError
    assert len(log) == 3


async def test_an_error_on_entering_comes_out() -> None:
    @contextmanager
    def failing() -> Iterator[None]:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        async with in_thread(failing()):
            pass


async def test_who_is_cancelled_on_entering_waits_until_it_was_left_again() -> None:
    log: list[object] = []
    begun, gate = threading.Event(), threading.Event()

    async def enter() -> None:
        async with in_thread(noting(log, begun, gate)):
            raise AssertionError("it was cancelled before")

    task = asyncio.create_task(enter())
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()
    asyncio.get_running_loop().call_soon(gate.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(log) == 3
