"""File work of the bus' desks, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def on_disk(disk: Executor, work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
    """Runs it on the disk's thread, behind what was asked for before. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(disk, work, *arguments)
