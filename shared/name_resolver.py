"""Resolves host names that customers gave. A name server that does not answer blocks no other customer.

A look-up occupies a thread until the system gives up, which may take half a minute, even if its callers give up sooner.
These look-ups therefore have their own threads, with limits for each domain and each customer, and a bounded queue. If
a customer's callers want the same name at once, they share one look-up. A hundred calls that switch to a customer's
server together are therefore no burst.
"""

import asyncio
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

# The group to which a look-up counts: its domain, and its customer if there is one.
Group = tuple[Literal["domain", "owner"], str]
AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
LookUp = Callable[[str, int], list[AddressInfo]]

# A label this short before a country's label belongs to the registry ("co.uk"), not to a domain owner.
_SHORT: Final = 3


@dataclass(frozen=True, slots=True)
class ResolverLimits:
    """The limits of look-ups.

    If the customer is unknown (media), the limits for domains apply: one workspace has eight hosts at the providers
    that ship with the product, so it uses at most 24 of the threads.

    Attributes:
        threads: The maximum number of concurrent look-ups.
        per_domain: The maximum for one domain.
        per_owner: The maximum for one customer.
        waiting: The maximum number of look-ups that wait for a thread. Further ones raise ResolverBusy.
        waiting_per_domain: The maximum of these for one domain.
        waiting_per_owner: The maximum of these for one customer.
        timeout_s: The time limit of a look-up in seconds, including its time in the queue.
    """

    threads: int = 32
    per_domain: int = 3
    per_owner: int = 6
    waiting: int = 64
    waiting_per_domain: int = 8
    waiting_per_owner: int = 16
    timeout_s: float = 3.0


class ResolverBusy(OSError):
    """Too many look-ups are running or waiting."""


@dataclass(eq=False, slots=True)
class _Waiter:
    groups: frozenset[Group]
    granted: "asyncio.Future[None]"


@dataclass(eq=False, slots=True)
class _SharedLookUp:
    """A look-up with the number of callers that wait for it."""

    answer: "asyncio.Task[list[AddressInfo]]"
    callers: int = 0


def look_up_name(name: str, port: int) -> list[AddressInfo]:
    """Return the system's answer. Blocks. Raises OSError."""
    return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)


class NameResolver:
    """Resolves names on one event loop. `look_up` blocks and runs in a thread."""

    def __init__(self, look_up: LookUp | None = None, limits: ResolverLimits | None = None) -> None:
        self._look_up = look_up
        self._limits = limits or ResolverLimits()
        self._running: Counter[Group] = Counter()
        self._threads = 0
        self._waiting: deque[_Waiter] = deque()
        self._shared: dict[tuple[str, int, str], _SharedLookUp] = {}  # look-ups without an answer yet

    @property
    def running(self) -> int:
        """The number of threads in use."""
        return self._threads

    async def resolve(self, name: str, port: int, owner: str = "") -> list[AddressInfo]:
        """Resolve a name as getaddrinfo does.

        Args:
            owner: The customer who gave the name, if known.

        Raises:
            OSError: The name has no address.
            ResolverBusy: Too many look-ups are running or waiting.
            TimeoutError: The look-up took too long.
        """
        key = (name, port, owner)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = _SharedLookUp(asyncio.create_task(self._resolve_once(name, port, owner)))
            shared.answer.add_done_callback(lambda _: self._end_sharing(key, shared))
        shared.callers += 1
        try:
            return await asyncio.shield(shared.answer)
        finally:
            shared.callers -= 1
            if not shared.callers:  # no caller waits for the answer any longer: the next caller starts a new look-up
                self._end_sharing(key, shared)
                shared.answer.cancel()

    def _end_sharing(self, key: tuple[str, int, str], shared: _SharedLookUp) -> None:
        if self._shared.get(key) is shared:
            del self._shared[key]

    async def _resolve_once(self, name: str, port: int, owner: str) -> list[AddressInfo]:
        groups = _find_groups(name, owner)
        async with asyncio.timeout(self._limits.timeout_s):
            await self._wait_for_thread(groups)
            return await self._run(groups, name, port)

    async def _wait_for_thread(self, groups: frozenset[Group]) -> None:
        if self._has_room(groups):
            self._take_thread(groups)
            return
        if not self._may_wait(groups):
            raise ResolverBusy("too many names are being resolved")
        waiter = _Waiter(groups, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.granted.cancelled():
                self._release(groups)
            raise

    async def _run(self, groups: frozenset[Group], name: str, port: int) -> list[AddressInfo]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[AddressInfo]] = loop.create_future()
        look_up = self._look_up or look_up_name

        def work() -> None:
            found: list[AddressInfo] | OSError
            try:
                found = look_up(name, port)
            except (OSError, UnicodeError) as error:
                found = error if isinstance(error, OSError) else OSError("the name cannot be resolved")
            with suppress(RuntimeError):  # the loop is closed, and no caller waits
                loop.call_soon_threadsafe(self._finish, groups, answer, found)

        try:
            threading.Thread(target=work, name="name-resolver", daemon=True).start()
        except RuntimeError:  # the system has no more threads
            self._release(groups)
            raise ResolverBusy("no thread is left") from None
        return await answer

    def _finish(
        self, groups: frozenset[Group], answer: "asyncio.Future[list[AddressInfo]]", found: list[AddressInfo] | OSError
    ) -> None:
        self._release(groups)
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def _take_thread(self, groups: frozenset[Group]) -> None:
        self._threads += 1
        self._running.update(groups)

    def _release(self, groups: frozenset[Group]) -> None:
        """Give the thread to the caller that has waited longest and whose groups have room."""
        self._threads -= 1
        self._running.subtract(groups)
        for group in groups:
            if not self._running[group]:
                del self._running[group]
        for waiter in self._waiting:
            if not waiter.granted.done() and self._has_room(waiter.groups):
                self._waiting.remove(waiter)
                self._take_thread(waiter.groups)
                waiter.granted.set_result(None)
                return

    def _has_room(self, groups: frozenset[Group]) -> bool:
        limits = {"domain": self._limits.per_domain, "owner": self._limits.per_owner}
        has_share = all(self._running[group] < limits[group[0]] for group in groups)
        return has_share and self._threads < self._limits.threads

    def _may_wait(self, groups: frozenset[Group]) -> bool:
        limits = {"domain": self._limits.waiting_per_domain, "owner": self._limits.waiting_per_owner}
        waiting = Counter(group for waiter in self._waiting for group in waiter.groups)
        has_share = all(waiting[group] < limits[group[0]] for group in groups)
        return has_share and len(self._waiting) < self._limits.waiting


def _find_groups(name: str, owner: str) -> frozenset[Group]:
    domain: Group = ("domain", find_domain(name))
    return frozenset([domain, ("owner", owner)] if owner else [domain])


def find_domain(name: str) -> str:
    """Return the domain of one owner as far as a name shows it: the last two labels, or three if a short label precedes
    a country's."""
    labels = name.lower().rstrip(".").split(".")
    is_short = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SHORT
    return ".".join(labels[-3:] if is_short else labels[-2:])
