"""An event loop whose clock jumps to the next timer, so that timed code runs immediately and deterministically."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextvars import Context
from inspect import iscoroutinefunction
from threading import get_ident
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Virtual seconds after which a run counts as deadlocked, although timers such as a heartbeat keep it running.
LIMIT_S = 3_600.0
# Limit of work on a thread, in real seconds.
THREAD_LIMIT_S = 60.0


class Deadlock(AssertionError):
    """The run cannot end, or not within the limit; the message lists the waiting tasks."""


class Unhandled(AssertionError):
    """A callback, or a task that is not awaited, failed; its error is chained."""


def run_virtual(main: Coroutine[Any, Any, T], *, limit_s: float = LIMIT_S) -> T:
    """Runs a coroutine in virtual time, from 0.0 s. No sockets: waiting for I/O is a deadlock.

    Work for threads is done while the clock stands still. Raises Deadlock, and Unhandled unless the coroutine sets an
    exception handler of its own; unfinished tasks are cancelled. PYTHONASYNCIODEBUG=1 has tracebacks say where a task
    or a callback was made.
    """
    loop = VirtualLoop(limit_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(main)
    loop.raise_fault()
    return result


def clock_ms() -> float:
    """The running loop's clock, in ms."""
    return asyncio.get_running_loop().time() * 1000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop behind `run_virtual`.

    Like asyncio's debug mode, it refuses calls from another thread and callbacks that are coroutines. The mode itself
    is off: it keeps a stack for every callback, future and coroutine, which was most of the time of these tests.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._now = 0.0
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(1)
        self.fault: Mapping[str, Any] | None = None  # the first unhandled failure
        self._thread = get_ident()
        super().__init__(_JumpingSelector(self._jump))
        self.set_exception_handler(_keep_fault)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Runs the work immediately on a thread of the executor, while everything else waits."""
        work = (executor or self._threads).submit(func, *args)
        if wait([work], timeout=THREAD_LIMIT_S).not_done:
            raise Deadlock(f"{func!r} did not return")
        return asyncio.wrap_future(work, loop=self)

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's. Raises RuntimeError in another thread, and TypeError for a coroutine."""
        self._check(callback)
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, also for `call_later`. Raises what `call_soon` raises."""
        self._check(callback)
        return super().call_at(when, callback, *args, context=context)

    def advance(self, seconds: float) -> None:
        """Advances the clock without running anything: simulates code that blocks the loop."""
        self._now += seconds

    def close(self) -> None:
        """Closes the loop and its thread."""
        super().close()
        self._threads.shutdown()

    def raise_fault(self) -> None:
        """Raises Unhandled for the first unhandled failure."""
        if self.fault is not None:
            raise Unhandled(str(self.fault["message"])) from self.fault.get("exception")

    def _check(self, callback: object) -> None:
        if get_ident() != self._thread:
            raise RuntimeError(f"{callback!r} comes from another thread; call_soon_threadsafe is for that")
        if asyncio.iscoroutine(callback) or iscoroutinefunction(callback):
            raise TypeError(f"{callback!r} is a coroutine, no callback")

    def _jump(self, seconds: float | None) -> None:
        if seconds is None:
            raise Deadlock(f"at {self._now:g} s nothing can happen any more; waiting: {self._waiting()}")
        self._now += seconds
        if self._now > self._limit_s:
            raise Deadlock(f"not over after {self._limit_s:g} s; waiting: {self._waiting()}")

    def _waiting(self) -> str:
        places = []
        for task in asyncio.all_tasks(self):
            frames = task.get_stack(limit=1)
            place = f" at {frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else ""
            places.append(f"{getattr(task.get_coro(), '__qualname__', task.get_name())}{place}")
        return ", ".join(sorted(places)) or "no task"


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never sleeps: calls `jump` with the time that it would wait (None: for ever)."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._jump(timeout)
        return ready


def _keep_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, VirtualLoop)
    loop.fault = loop.fault or context
