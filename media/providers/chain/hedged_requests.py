"""Hedged requests to models and voices: if the first provider is late, the next one is also tried, and the first unit
decides.

A race ends with the first unit, so nothing is said twice and no tool is called twice (J. Dean, L. A. Barroso, "The Tail
at Scale", 2013, "hedged requests").
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar

from media.providers.chain.candidates import Attempts, NamedProvider
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.running_attempt import RunningAttempt, StreamedAttempt
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import ProviderError, ProviderSlow
from media.providers.wait_history import UsualWait

# The maximum number of simultaneous requests for one reply or speech, excluding a request that has lost.
MAX_RUNNING: Final = 2

P = TypeVar("P", bound=NamedProvider)
A = TypeVar("A", bound=StreamedAttempt[Any])
T = TypeVar("T")

# Starts an attempt at the provider in use. The callable argument must be called when the first unit is due.
StartAttempt = Callable[[Attempts[P], Callable[[], None]], A]


class HedgedRequests(Generic[P, A, T]):
    """The attempts at one reply or speech, whose events have type T. Must be closed.

    Args:
        unknown_s: How long a provider without known figures may take to its first unit before the next one is also
            tried. None means as long as the attempt's own limit.
    """

    def __init__(self, deadlines: Deadlines, unknown_s: float | None = None) -> None:
        self._deadlines = deadlines
        self._unknown_s = unknown_s
        self._running: list[RunningAttempt[P, A, T]] = []  # in the order in which they were started
        # Attempts that have lost and may still answer.
        self._judged: dict[RunningAttempt[P, A, T], tuple[ProviderError, DeadlineTimer]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._late: asyncio.Future[None] | None = None  # set when an attempt becomes late

    async def first_unit(self, attempts: Attempts[P], start: StartAttempt[P, A]) -> RunningAttempt[P, A, T]:
        """Return the attempt with the first unit (or that ended without one), and cancel the others.

        Args:
            start: Starts an attempt.

        Raises:
            ProviderError: All attempts failed. The error is that of the last attempt.
        """
        self._ask(attempts, start)
        while True:
            newest = self._running[-1]
            if not self._must_ask_next(newest):
                await self._wait()
            winner = self._take_result(start)
            if winner is not None:
                self._drop_others(winner)
                return winner
            if self._running[-1] is newest and self._must_ask_next(newest):
                self._ask_next(newest, start)

    async def close(self) -> None:
        """Cancel all attempts and wait at most a second for their end."""
        for one in self._running:
            one.attempts.release()
            self._end(one)
        self._running.clear()
        for late in tuple(self._judged):
            self._judge(late)
        await asyncio.gather(*self._ending)

    async def _wait(self) -> None:
        """Wait until an attempt has a result or becomes late."""
        self._late = asyncio.get_running_loop().create_future()
        waiting: set[asyncio.Future[Any]] = {self._late, *(one.first for one in self._running)}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    def _on_late(self) -> None:
        if self._late is not None and not self._late.done():
            self._late.set_result(None)

    def _ask(self, attempts: Attempts[P], start: StartAttempt[P, A]) -> None:
        running = RunningAttempt[P, A, T](attempts, self._late_after_s(attempts), self._on_late)
        self._running.append(running)
        running.begin(start(attempts, running.due))

    def _late_after_s(self, attempts: Attempts[P]) -> float | None:
        late_after_s = self._deadlines.late_after(attempts.usual_wait)
        if late_after_s is not None or self._unknown_s is None:
            return late_after_s
        factor = self._deadlines.late_factor
        default = UsualWait(self._unknown_s / factor, self._unknown_s / factor)
        return factor * attempts.correct_figures(default).p99_s

    def _must_ask_next(self, newest: RunningAttempt[P, A, T]) -> bool:
        """Whether the newest attempt is late. False while any provider shows signs of life."""
        return newest.is_late and not any(one.attempt.has_begun for one in self._running)

    def _ask_next(self, late: RunningAttempt[P, A, T], start: StartAttempt[P, A]) -> None:
        """Start an attempt at the provider after the newest one. If too many attempts run, the oldest is given up."""
        others = late.attempts.split()
        late.mark_replaced()
        if len(self._running) == MAX_RUNNING:
            self._lose(self._running[0], others.index)
        self._ask(others, start)

    def _take_result(self, start: StartAttempt[P, A]) -> RunningAttempt[P, A, T] | None:
        """Return the first attempt that has its unit, and move failed attempts on to the next provider. Raises
        ProviderError."""
        for one in tuple(self._running):
            if not one.first.done():
                continue
            error = one.first.exception()
            one.settle()
            if error is None:
                self._running.remove(one)
                return one
            if not isinstance(error, ProviderError):
                raise error
            self._move_on(one, error, start)
        return None

    def _move_on(self, failed: RunningAttempt[P, A, T], error: ProviderError, start: StartAttempt[P, A]) -> None:
        """Replace a failed attempt, unless a newer attempt runs or only a last resort is left. Raises the error if
        nothing is left."""
        was_newest = failed is self._running[-1]
        self._running.remove(failed)
        for other in self._running:
            other.attempts.exclude(failed.attempts.index)
        if self._running and not (was_newest and failed.attempts.has_rival):
            failed.attempts.lose(error, self._running[-1].attempts.index, demote=True, cost_s=failed.cost_s)
            return
        failed.attempts.fail_over(error, cost_s=failed.cost_s)
        self._ask(failed.attempts, start)

    def _drop_others(self, winner: RunningAttempt[P, A, T]) -> None:
        """End all other attempts. Attempts that started before the winner lost, because they are late. Attempts that
        started after it have no result."""
        for one in tuple(self._running):
            if one.asked_at < winner.asked_at:
                self._lose(one, winner.attempts.index)
                winner.attempts.readmit(one.attempts.index)
            else:
                one.attempts.release()
                self._running.remove(one)
                self._end(one)

    def _lose(self, late: RunningAttempt[P, A, T], winner: int) -> None:
        """Leave the request to another attempt.

        If only the vendor's figures or no figures are known for the provider, its attempt continues unused for a while.
        If each lost race canceled it at once, it could never show that it is only slower.
        """
        usual, waited_s = late.attempts.usual_wait, late.waited_s
        error = ProviderSlow(late.attempts.current.name, f"no data for {waited_s:.2g} s; another provider was tried")
        demote = usual is None or waited_s >= self._deadlines.bound(usual)
        judge_s = self._deadlines.judge_s if usual is not None else self._deadlines.first_token_s
        left_s = 0.0 if late.attempts.is_learned else judge_s - waited_s
        late.attempts.lose(error, winner, demote=demote, cost_s=late.cost_s, judged=left_s <= 0)
        self._running.remove(late)
        if left_s <= 0:
            self._end(late)
        else:
            self._judged[late] = error, DeadlineTimer(left_s, partial(self._judge, late))
            late.first.add_done_callback(lambda _: self._judge(late))

    def _judge(self, late: RunningAttempt[P, A, T]) -> None:
        """End an attempt that has lost, because it has answered, its time is over, or the reply has ended."""
        if late in self._judged:
            error, timer = self._judged.pop(late)
            timer.cancel()
            late.attempts.judge(None if late.is_useful else error)
            self._end(late)

    def _end(self, one: RunningAttempt[P, A, T]) -> None:
        """Cancel the request. Its usage is metered at once; its connection closes in the background."""
        one.settle()
        one.first.cancel()
        ending = asyncio.create_task(one.wait_for_end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
