"""An attempt whose first unit is awaited by a task, because it must continue while another provider is tried."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Protocol, TypeVar

from media.providers.chain.candidates import Attempts, NamedProvider
from media.providers.cleanup import close_stream, close_within
from media.providers.deadline_timer import DeadlineTimer

E = TypeVar("E")


class StreamedAttempt(Protocol[E]):
    """An attempt at one provider, whose events are streamed."""

    @property
    def has_begun(self) -> bool:
        """Whether the provider gave a sign of life before its first unit. If so, no other provider is tried."""

    def stream(self) -> AsyncIterator[E]:
        """Stream the provider's events. Raises ProviderError."""

    def is_unit(self, event: E) -> bool:
        """Return whether the event decides a race."""

    def is_useful(self, event: E) -> bool:
        """Return whether the event shows that the provider did its work."""

    def felt_since(self, due_at: float) -> float:
        """Return since when the caller has heard nothing, if the first unit was due at `due_at`."""


class DueSignal:
    """Called by an attempt when its first unit is due. The receiver holds the attempt, and `end` breaks that reference
    cycle."""

    __slots__ = ("_receive",)

    def __init__(self, receive: Callable[[], None]) -> None:
        self._receive: Callable[[], None] | None = receive

    def __call__(self) -> None:
        if self._receive is not None:
            self._receive()

    def end(self) -> None:
        """Remove the receiver."""
        self._receive = None


P = TypeVar("P", bound=NamedProvider)
A = TypeVar("A", bound=StreamedAttempt[Any])
T = TypeVar("T")


class RunningAttempt(Generic[P, A, T]):
    """An attempt whose first unit is read by a task. Times are the event loop's.

    Args:
        late_after_s: How long the first unit may take before another provider is also tried. None means no limit.
        on_late: Called when that time has passed.

    Attributes:
        asked_at: When the attempt was started.
        due_at: When the first unit was due, or None before.
        due: Must be called when the first unit is due. Further calls change nothing.
    """

    attempt: A
    first: "asyncio.Task[T | None]"

    def __init__(self, attempts: Attempts[P], late_after_s: float | None, on_late: Callable[[], None]) -> None:
        self.attempts = attempts
        self.due = DueSignal(self._mark_due)
        self.asked_at = _now()
        self.due_at: float | None = None
        self._late_after_s = late_after_s
        self._on_late = on_late
        self._timer: DeadlineTimer | None = None
        self._has_missed_limit = False
        self._early: list[T] = []  # events that arrived before the first unit
        self._is_first_taken = False
        self._replaced_at: float | None = None

    def begin(self, attempt: A) -> None:
        """Start the request."""
        self.attempt = attempt
        self._source: AsyncIterator[T] = attempt.stream()
        self.first = asyncio.create_task(self._read_first())

    def _mark_due(self) -> None:
        if self.due_at is None:
            self.due_at = _now()
            self.attempts.start_wait()
            if self._late_after_s is not None:
                self._timer = DeadlineTimer(self._late_after_s, self._miss_limit)

    def mark_replaced(self) -> None:
        """Record that another provider was started."""
        self._replaced_at = _now()

    @property
    def waited_s(self) -> float:
        """The time since the first unit was due, excluding the time by which this process's event loop was late."""
        late_s = self._timer.late_s if self._timer is not None else 0.0
        return 0.0 if self.due_at is None else _now() - self.due_at - late_s

    @property
    def cost_s(self) -> float:
        """How long the caller waited for this attempt alone."""
        until = _now() if self._replaced_at is None else self._replaced_at
        return 0.0 if self.due_at is None else max(0.0, until - self.attempt.felt_since(self.due_at))

    @property
    def is_late(self) -> bool:
        """Whether another provider should also be tried."""
        return self._has_missed_limit and not self.attempt.has_begun and self.attempts.has_rival

    @property
    def is_useful(self) -> bool:
        """Whether the first unit arrived and is useful."""
        if not self.first.done() or self.first.cancelled() or self.first.exception() is not None:
            return False
        unit = self.first.result()
        return unit is not None and self.attempt.is_useful(unit)

    async def next_event(self) -> T | None:
        """Return the next event of the winning attempt, beginning with its first unit, or None at the end. Raises
        ProviderError."""
        if self._early:
            return self._early.pop(0)
        if self._is_first_taken:
            return await anext(self._source, None)
        self._is_first_taken = True
        return self.first.result()

    def settle(self) -> None:
        """Stop the deadline, because the attempt is over or its first unit arrived."""
        self.due.end()
        if self._timer is not None:
            self._timer.cancel()

    async def close(self) -> None:
        """End the winning attempt."""
        await close_stream(self._source)

    async def wait_for_end(self) -> None:
        """Wait at most a second for the end of the canceled attempt."""
        await close_within(self._close_cancelled())

    def _miss_limit(self) -> None:
        self._has_missed_limit = True
        self._on_late()

    async def _close_cancelled(self) -> None:
        await asyncio.gather(self.first, return_exceptions=True)
        await close_stream(self._source)

    async def _read_first(self) -> T | None:
        while (event := await anext(self._source, None)) is not None and not self.attempt.is_unit(event):
            self._early.append(event)
        return event


def _now() -> float:
    return asyncio.get_running_loop().time()
