"""Runs a node's file operations on a thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_on_disk(disk: Executor, operation: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
    """Run an operation on the disk thread, in the order of the calls. Raises the operation's errors."""
    return await asyncio.get_running_loop().run_in_executor(disk, operation, *arguments)
