"""Faults on demand of a simulated vendor: per role, for the next connections, or for open ones too until healed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Literal
from weakref import WeakSet

Role = Literal["stt", "llm", "tts"]
FaultKind = Literal[
    "refuse",  # the connection is reset before an answer
    "unauthorized",  # the key is refused
    "no_credit",  # the account's quota is used up
    "rate_limited",  # too many requests at once
    "stall",  # nothing comes after `after_units`; the connection stays open
    "slow",  # every delay takes `factor` times longer
    "cut",  # the connection is reset after `after_units`
    "garbage",  # after `after_units` comes what no client can read
    "error",  # after `after_units` the vendor reports an error of its own
    "half_open",  # nothing is read and nothing sent after `after_units`, and the connection stays open
    "deaf",  # audio is taken, and never understood
    "reorder",  # a final comes before the interim result that it follows
    "repeat",  # each final comes twice
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. after_units: tokens, chunks of audio or results that are sent before it. factor: of `slow`."""

    kind: FaultKind
    after_units: int = 0
    factor: float = 10.0


class FaultCut(Exception):
    """The connection has to be reset now."""


class FaultBoard:
    """The faults that the next connections of each role get."""

    def __init__(self) -> None:
        self._queued: dict[Role, deque[Fault]] = {}
        self._standing: dict[Role, Iterator[Fault]] = {}
        self._open: dict[Role, WeakSet[FaultInjector]] = {}

    def queue(self, role: Role, fault: Fault, connections: int = 1) -> None:
        """Give the fault to this many further connections (requests, where a vendor has no connections)."""
        self._queued.setdefault(role, deque()).extend([fault] * connections)

    def keep(self, role: Role, *faults: Fault) -> None:
        """Give a fault, of several each in its turn, to every further connection until `clear`."""
        self._standing[role] = cycle(faults)

    def strike(self, role: Role, *faults: Fault) -> None:
        """As `keep`, and gives a fault to every open connection now; its units are counted from now on."""
        self.keep(role, *faults)
        for injector, fault in zip(tuple(self._open.get(role, ())), cycle(faults), strict=False):
            injector.begin(fault)

    def heal(self, role: Role) -> None:
        """Open and further connections have no fault; one that already hangs goes on hanging."""
        self.clear(role)
        for injector in self._open.get(role, ()):
            injector.fault = None

    def clear(self, role: Role) -> None:
        """Further connections have no fault."""
        self._queued.pop(role, None)
        self._standing.pop(role, None)

    def take(self, role: Role) -> "FaultInjector":
        """The fault of a connection that begins now, if any."""
        queued = self._queued.get(role)
        standing = self._standing.get(role)
        injector = FaultInjector(queued.popleft() if queued else next(standing) if standing else None)
        self._open.setdefault(role, WeakSet()).add(injector)
        return injector


class FaultInjector:
    """Applies a connection's fault, unit by unit. fault: None when the connection works. on_begin: called when a fault
    strikes the open connection."""

    def __init__(self, fault: Fault | None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.fault = fault
        self.on_begin: Callable[[Fault], None] | None = None
        self._sleep = sleep
        self._units = 0

    def begin(self, fault: Fault) -> None:
        """Strike the open connection with a fault; its units are counted from now on."""
        self.fault, self._units = fault, 0
        if self.on_begin is not None:
            self.on_begin(fault)

    def has(self, *kinds: FaultKind) -> bool:
        """Whether the connection has one of these faults."""
        return self.fault is not None and self.fault.kind in kinds

    @property
    def is_due(self) -> bool:
        """Whether the units before the fault were sent."""
        return self.fault is not None and self._units >= self.fault.after_units

    @property
    def reports_error(self) -> bool:
        """Whether the vendor reports an error in place of the next unit."""
        return self.has("error") and self.is_due

    @property
    def reads_nothing(self) -> bool:
        """Whether what the client sends stays unread now."""
        return self.has("half_open") and self.is_due

    async def wait(self, seconds: float, waited: float = 0.0) -> None:
        """Wait as the vendor would before a unit. waited: seconds that have passed of it."""
        slow = self.fault.factor if self.fault is not None and self.fault.kind == "slow" else 1.0
        await self._sleep(max(0.0, seconds * slow - waited))

    async def begin_unit(self) -> bool:
        """Called before each unit. Returns whether garbage is to be sent in its place; never returns while the
        connection stalls. Raises FaultCut."""
        if self.has("cut") and self.is_due:
            raise FaultCut
        if self.has("stall", "half_open") and self.is_due:
            await asyncio.Event().wait()
        is_garbage = self.has("garbage") and self.is_due
        self._units += 1
        return is_garbage
