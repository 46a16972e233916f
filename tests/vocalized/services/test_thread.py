"""A blocking context manager in a coroutine: one thread, also when cancelled."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from vocalized.services.thread import in_thread


@contextmanager
def logging_manager(
    log: list[object], started: threading.Event | None = None, may_enter: threading.Event | None = None
) -> Iterator[str]:
    log.append("entering")
    if started and may_enter:
        started.set()
        may_enter.wait(30)
    log.append(threading.get_ident())
    try:
        yield "value"
    finally:
        log.append(threading.get_ident())


async def test_manager_is_entered_and_left_in_one_other_thread() -> None:
    log: list[object] = []
    async with in_thread(logging_manager(log)) as value:
        assert value == "value"
    _, entered, left = log
    assert entered == left != threading.get_ident()


async def test_manager_is_left_after_an_error_in_the_block() -> None:
    log: list[object] = []
    with pytest.raises(ZeroDivisionError):
        async with in_thread(logging_manager(log)):
            raise ZeroDivisionError
    assert len(log) == 3


async def test_error_on_entering_is_raised() -> None:
    @contextmanager
    def failing() -> Iterator[None]:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        async with in_thread(failing()):
            pass


async def test_task_cancelled_on_entering_waits_until_the_manager_was_left() -> None:
    log: list[object] = []
    started, may_enter = threading.Event(), threading.Event()

    async def enter() -> None:
        async with in_thread(logging_manager(log, started, may_enter)):
            raise AssertionError("it was cancelled before")

    task = asyncio.create_task(enter())
    await asyncio.to_thread(started.wait, 30)
    task.cancel()
    asyncio.get_running_loop().call_soon(may_enter.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(log) == 3
