"""Virtual time for provider tests, with a check for unfinished tasks."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.virtual_time import run_virtual

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in virtual time; fails if a task is unfinished then."""
    return run_virtual(_checked(main))


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


async def _checked(main: Coroutine[Any, Any, T]) -> T:
    result = await main
    for _ in range(3):
        await asyncio.sleep(0)
    unfinished = asyncio.all_tasks() - {asyncio.current_task()}
    assert not unfinished, f"unfinished tasks: {unfinished}"
    return result
