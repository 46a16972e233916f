"""Faults of a simulated vendor on demand, by role: for the next connections, or also for open ones until healed."""

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
    "rate_limited",  # too many simultaneous requests
    "stall",  # nothing arrives after `after_units`; the connection stays open
    "slow",  # every delay takes `factor` times longer
    "cut",  # the connection is reset after `after_units`
    "garbage",  # after `after_units`, unreadable data is sent
    "error",  # after `after_units`, the vendor reports an error
    "half_open",  # after `after_units`, nothing is read or sent; the connection stays open
    "deaf",  # audio is accepted but never recognized
    "reorder",  # a final result precedes the interim result that it follows
    "repeat",  # each final result is sent twice
]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a connection.

    Attributes:
        after_units: Number of tokens, chunks of audio or results sent before the fault.
        factor: The factor of `slow`.
    """

    kind: FaultKind
    after_units: int = 0
    factor: float = 10.0


class FaultCut(Exception):
    """The connection must be reset now."""


class FaultBoard:
    """The faults of the next connections of each role."""

    def __init__(self) -> None:
        self._queued: dict[Role, deque[Fault]] = {}
        self._standing: dict[Role, Iterator[Fault]] = {}
        self._open: dict[Role, WeakSet[FaultInjector]] = {}

    def queue(self, role: Role, fault: Fault, connections: int = 1) -> None:
        """Assign the fault to this many further connections (requests, if a vendor has no connections)."""
        self._queued.setdefault(role, deque()).extend([fault] * connections)

    def keep(self, role: Role, *faults: Fault) -> None:
        """Assign faults to all further connections until `clear`. Several faults alternate."""
        self._standing[role] = cycle(faults)

    def strike(self, role: Role, *faults: Fault) -> None:
        """Assign faults as in `keep`, and also to all open connections now. Their units are counted from now on."""
        self.keep(role, *faults)
        for injector, fault in zip(tuple(self._open.get(role, ())), cycle(faults), strict=False):
            injector.begin(fault)

    def heal(self, role: Role) -> None:
        """Remove the faults of open and further connections. A connection that already hangs continues to hang."""
        self.clear(role)
        for injector in self._open.get(role, ()):
            injector.fault = None

    def clear(self, role: Role) -> None:
        """Remove the faults of further connections."""
        self._queued.pop(role, None)
        self._standing.pop(role, None)

    def take(self, role: Role) -> "FaultInjector":
        """Return the fault injector of a connection that begins now."""
        queued = self._queued.get(role)
        standing = self._standing.get(role)
        injector = FaultInjector(queued.popleft() if queued else next(standing) if standing else None)
        self._open.setdefault(role, WeakSet()).add(injector)
        return injector


class FaultInjector:
    """Applies a connection's fault, unit by unit.

    Attributes:
        fault: None if the connection works.
        on_begin: Called when a fault is applied to the open connection.
    """

    def __init__(self, fault: Fault | None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.fault = fault
        self.on_begin: Callable[[Fault], None] | None = None
        self._sleep = sleep
        self._units = 0

    def begin(self, fault: Fault) -> None:
        """Apply a fault to the open connection. Its units are counted from now on."""
        self.fault, self._units = fault, 0
        if self.on_begin is not None:
            self.on_begin(fault)

    def has(self, *kinds: FaultKind) -> bool:
        """Return whether the connection has one of these faults."""
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
        """Whether the client's data is not being read."""
        return self.has("half_open") and self.is_due

    async def wait(self, seconds: float, waited: float = 0.0) -> None:
        """Wait as the vendor would before a unit. `waited` seconds of the wait have already passed."""
        slow = self.fault.factor if self.fault is not None and self.fault.kind == "slow" else 1.0
        await self._sleep(max(0.0, seconds * slow - waited))

    async def begin_unit(self) -> bool:
        """Begin a unit. Returns whether garbage must be sent in its place. Never returns while the connection stalls.

        Raises:
            FaultCut: The connection must be reset.
        """
        if self.has("cut") and self.is_due:
            raise FaultCut
        if self.has("stall", "half_open") and self.is_due:
            await asyncio.Event().wait()
        is_garbage = self.has("garbage") and self.is_due
        self._units += 1
        return is_garbage
