"""Resolves names that customers gave, apart from all others: one whose name server never answers stops nobody else.

A look-up holds a thread until the system gives it up, which may take half a minute, however soon its callers do. So
these have threads of their own, few of them for names of one domain, and a bounded queue. Callers that want the same
name at once share one look-up: a hundred calls that turn to a customer's server together are no flood.
"""

import asyncio
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
LookUp = Callable[[str, int], list[AddressInfo]]

# A label so short before a country's is no domain of somebody ("co.uk").
_SHORT: Final = 3


@dataclass(frozen=True, slots=True)
class ResolverLimits:
    """threads: look-ups at once, per_domain: of one domain. waiting: look-ups that wait for a thread,
    waiting_per_domain: for one domain; beyond these, ResolverBusy. timeout_s: of a look-up, the queue included."""

    threads: int = 16
    per_domain: int = 3
    waiting: int = 64
    waiting_per_domain: int = 8
    timeout_s: float = 3.0


class ResolverBusy(OSError):
    """Too many look-ups run and wait."""


@dataclass(eq=False, slots=True)
class _Waiter:
    domain: str
    granted: "asyncio.Future[None]"


@dataclass(eq=False, slots=True)
class _SharedLookUp:
    """callers: that wait for the answer."""

    answer: "asyncio.Task[list[AddressInfo]]"
    callers: int = 0


def look_up_name(name: str, port: int) -> list[AddressInfo]:
    """The system's answer; blocks. Raises OSError."""
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)


class NameResolver:
    """Use it on one event loop. look_up: blocks; runs in a thread."""

    def __init__(self, look_up: LookUp | None = None, limits: ResolverLimits | None = None) -> None:
        self._look_up = look_up
        self._limits = limits or ResolverLimits()
        self._running: Counter[str] = Counter()  # by domain
        self._waiting: deque[_Waiter] = deque()
        self._shared: dict[tuple[str, int], _SharedLookUp] = {}  # those that are not answered yet

    @property
    def running(self) -> int:
        """Threads in use."""
        return self._running.total()

    async def resolve(self, name: str, port: int) -> list[AddressInfo]:
        """As getaddrinfo. Raises OSError if there is no address, ResolverBusy, TimeoutError."""
        key = (name, port)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = _SharedLookUp(asyncio.create_task(self._resolve_once(name, port)))
            shared.answer.add_done_callback(lambda _: self._end_sharing(key, shared))
        shared.callers += 1
        try:
            return await asyncio.shield(shared.answer)
        finally:
            shared.callers -= 1
            if not shared.callers:  # nobody wants the answer: whoever comes next asks anew
                self._end_sharing(key, shared)
                shared.answer.cancel()

    def _end_sharing(self, key: tuple[str, int], shared: _SharedLookUp) -> None:
        if self._shared.get(key) is shared:
            del self._shared[key]

    async def _resolve_once(self, name: str, port: int) -> list[AddressInfo]:
        domain = find_domain(name)
        async with asyncio.timeout(self._limits.timeout_s):
            await self._take_thread(domain)
            return await self._run(domain, name, port)

    async def _take_thread(self, domain: str) -> None:
        if self._has_room(domain):
            self._running[domain] += 1
            return
        same = sum(waiter.domain == domain for waiter in self._waiting)
        if len(self._waiting) >= self._limits.waiting or same >= self._limits.waiting_per_domain:
            raise ResolverBusy("too many names are being resolved")
        waiter = _Waiter(domain, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.granted.cancelled():
                self._release(domain)
            raise

    async def _run(self, domain: str, name: str, port: int) -> list[AddressInfo]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[AddressInfo]] = loop.create_future()
        look_up = self._look_up or look_up_name

        def work() -> None:
            found: list[AddressInfo] | OSError
            try:
                found = look_up(name, port)
            except (OSError, UnicodeError) as error:
                found = error if isinstance(error, OSError) else OSError("the name cannot be resolved")
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._finish, domain, answer, found)

        try:
            threading.Thread(target=work, name="name-resolver", daemon=True).start()
        except RuntimeError:  # no more threads
            self._release(domain)
            raise ResolverBusy("no thread is left") from None
        return await answer

    def _finish(
        self, domain: str, answer: "asyncio.Future[list[AddressInfo]]", found: list[AddressInfo] | OSError
    ) -> None:
        self._release(domain)
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def _release(self, domain: str) -> None:
        """Gives the thread to the caller that waits longest and whose domain has room."""
        self._running[domain] -= 1
        if not self._running[domain]:
            del self._running[domain]
        for waiter in self._waiting:
            if not waiter.granted.done() and self._has_room(waiter.domain):
                self._waiting.remove(waiter)
                self._running[waiter.domain] += 1
                waiter.granted.set_result(None)
                return

    def _has_room(self, domain: str) -> bool:
        return self.running < self._limits.threads and self._running[domain] < self._limits.per_domain


def find_domain(name: str) -> str:
    """What one owner controls, as far as a name tells: the last two labels, three where a country follows a short
    one."""
    labels = name.lower().rstrip(".").split(".")
    is_short = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SHORT
    return ".".join(labels[-3:] if is_short else labels[-2:])
