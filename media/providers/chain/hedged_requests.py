"""Hedged requests to language models: when the first is late, the next is asked, too, and the first unit decides.

Only before the first unit, so nothing is said twice and no tool is called twice (J. Dean, L. A. Barroso, "The Tail at
Scale", 2013, "hedged requests").
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from media.providers.chain.candidates import Attempts
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.model_attempt import ModelAttempt
from media.providers.cleanup import close_stream, close_within
from media.providers.ports import LanguageModel, LanguageModelEvent, ProviderError, ProviderSlow, TokenUsage

# So many requests for one reply run at a time.
MAX_RUNNING: Final = 2
# Timers fire this much early, or not at all for shorter times.
_RESOLUTION_S: Final = 0.001

# From the provider in use, and the reply's text so far.
StartAttempt = Callable[[Attempts[LanguageModel], str], ModelAttempt]


@dataclass(slots=True, eq=False)
class RunningAttempt:
    """An attempt whose first unit is awaited by a task, because it must go on while another one is asked."""

    attempts: Attempts[LanguageModel]
    attempt: ModelAttempt
    late_after_s: float | None
    source: AsyncIterator[LanguageModelEvent] = field(init=False)
    usage: list[TokenUsage] = field(default_factory=list, init=False)  # told before the first unit; it is none
    first: "asyncio.Task[LanguageModelEvent | None]" = field(init=False)
    started_at: float = field(init=False)
    _first_is_taken: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.source = self.attempt.stream()
        self.started_at = asyncio.get_running_loop().time()
        self.attempts.start_wait()
        self.first = asyncio.create_task(_read_first(self.source, self.usage))

    @property
    def waited_s(self) -> float:
        """Since its start."""
        return asyncio.get_running_loop().time() - self.started_at

    @property
    def patience_s(self) -> float | None:
        """How long to wait before another provider is asked; 0 when it is late; None: as long as the attempt lasts."""
        if self.late_after_s is None or self.attempt.has_begun or not self.attempts.has_rival:
            return None
        left_s = self.late_after_s - self.waited_s
        return left_s if left_s > _RESOLUTION_S else 0.0

    async def next_event(self) -> LanguageModelEvent | None:
        """The next event of the attempt that won, beginning with its first unit; None at the end. Raises
        ProviderError."""
        if self.usage:
            return self.usage.pop(0)
        if self._first_is_taken:
            return await anext(self.source, None)
        self._first_is_taken = True
        return self.first.result()


class HedgedRequests:
    """The attempts at one reply. start: makes the attempt at the provider in use. Close it in the end."""

    def __init__(self, start: StartAttempt, deadlines: Deadlines) -> None:
        self._start = start
        self._deadlines = deadlines
        self._running: list[RunningAttempt] = []  # the one that was asked first comes first
        self._ending: set[asyncio.Task[None]] = set()
        self._said = ""

    async def first_unit(self, attempts: Attempts[LanguageModel], said: str) -> RunningAttempt:
        """The attempt that gave the first unit after the text `said` (or ended without one); the others are cancelled.

        Raises the last ProviderError when all failed.
        """
        self._said = said
        self._ask(attempts)
        while True:
            newest = self._running[-1]
            waiting = [one.first for one in self._running]
            await asyncio.wait(waiting, timeout=self._patience_s(), return_when=asyncio.FIRST_COMPLETED)
            winner = self._take_result()
            if winner is not None:
                self._drop_others(winner)
                return winner
            if self._running[-1] is newest and self._patience_s() == 0.0:
                self._ask_next(newest)

    async def close(self) -> None:
        """Cancels what runs, and waits until it has ended, for a second at most."""
        for one in self._running:
            one.attempts.release()
            self._end(one)
        self._running.clear()
        await asyncio.gather(*self._ending)

    def _ask(self, attempts: Attempts[LanguageModel]) -> None:
        late_after_s = self._deadlines.late_after(attempts.usual_wait)
        self._running.append(RunningAttempt(attempts, self._start(attempts, self._said), late_after_s))

    def _patience_s(self) -> float | None:
        """Of the newest attempt; without end while any model is at work."""
        return None if any(one.attempt.has_begun for one in self._running) else self._running[-1].patience_s

    def _ask_next(self, late: RunningAttempt) -> None:
        """Asks the provider after the newest one; the oldest is given up when too many run."""
        others = late.attempts.split()
        if len(self._running) == MAX_RUNNING:
            self._lose(self._running[0], others.index)
        self._ask(others)

    def _take_result(self) -> RunningAttempt | None:
        """The first attempt that has its unit; moves those on that failed. Raises ProviderError."""
        for one in tuple(self._running):
            if not one.first.done():
                continue
            error = one.first.exception()
            if error is None:
                self._running.remove(one)
                return one
            if not isinstance(error, ProviderError):
                raise error
            self._move_on(one, error)
        return None

    def _move_on(self, failed: RunningAttempt, error: ProviderError) -> None:
        """Replaces a failed attempt, unless another one runs that is later or races no last resort. Raises the error
        when nothing is left."""
        was_newest = failed is self._running[-1]
        self._running.remove(failed)
        for other in self._running:
            other.attempts.exclude(failed.attempts.index)
        if self._running and not (was_newest and failed.attempts.has_rival):
            failed.attempts.lose(error, self._running[-1].attempts.index, demote=True)
            return
        failed.attempts.fail_over(error)
        self._ask(failed.attempts)

    def _drop_others(self, winner: RunningAttempt) -> None:
        """Those asked before the winner lost: they are late. Those asked after it have no result."""
        for one in tuple(self._running):
            if one.started_at < winner.started_at:
                self._lose(one, winner.attempts.index)
                winner.attempts.readmit(one.attempts.index)
            else:
                one.attempts.release()
                self._running.remove(one)
                self._end(one)

    def _lose(self, late: RunningAttempt, winner: int) -> None:
        usual = late.attempts.usual_wait
        reason = f"nothing came for {late.waited_s:.2g} s, another one was asked"
        demote = usual is None or late.waited_s >= self._deadlines.bound(usual)
        late.attempts.lose(ProviderSlow(late.attempts.current.name, reason), winner, demote=demote)
        self._running.remove(late)
        self._end(late)

    def _end(self, one: RunningAttempt) -> None:
        """Cancels the request; its tokens are metered at once, its connection closes in the background."""
        one.first.cancel()
        ending = asyncio.create_task(close_within(_wait_for_end(one)))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


async def _read_first(source: AsyncIterator[LanguageModelEvent], usage: list[TokenUsage]) -> LanguageModelEvent | None:
    while isinstance(event := await anext(source, None), TokenUsage):
        usage.append(event)
    return event


async def _wait_for_end(one: RunningAttempt) -> None:
    await asyncio.gather(one.first, return_exceptions=True)
    await close_stream(one.source)
