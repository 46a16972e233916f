"""Calls and programs that are added while a scenario goes on."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from lab.stage.callers import RehearsalCaller, scripted_caller
from lab.stage.calls import start_calls
from lab.stage.load_balancer import LoadBalancer
from lab.stage.platform import Platform
from lab.stage.service import Program
from simulator.carrier.prepared_turn import PreparedTurn


@dataclass(slots=True, kw_only=True)
class GrowingCalls:
    """Calls and programs of one run.

    Attributes:
        words: The turns of each caller.
        balancer: In front of the API.
        started: Stops the added programs when it is closed.
        callers: All so far, as are `calls`.
    """

    platform: Platform
    words: Sequence[PreparedTurn]
    balancer: LoadBalancer
    started: AsyncExitStack
    begun: float = field(default_factory=time.monotonic)
    callers: list[RehearsalCaller] = field(default_factory=list)
    calls: list[asyncio.Task[None]] = field(default_factory=list)

    async def call(self, count: int, turns: int | None = None) -> list[RehearsalCaller]:
        """Start more calls, half of them over each carrier. `turns` limits the turns of their callers."""
        words = self.words[:turns]
        more = [scripted_caller(words, len(self.callers) + index) for index in range(count)]
        self.callers += more
        self.calls += await start_calls(self.platform, more, per_s=10.0)
        return more

    async def start(self, program: Program) -> Program:
        """Start a program, which is stopped at the end."""
        await program.start()
        self.started.push_async_callback(program.stop)
        return program

    def step(self, what: str) -> None:
        """Print what was just done, with the time."""
        running = sum(not call.done() for call in self.calls)
        print(f"  {time.monotonic() - self.begun:6.1f} s  {what} ({running} calls running)", flush=True)
