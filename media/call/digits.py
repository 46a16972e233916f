"""DTMF digits: collected for a tool that asked for them, otherwise gathered into a caller's turn."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

# Unrequested digits become a turn after this pause.
GATHER_MS = 1_500.0
# A terminator that follows the last requested digit this soon belongs to the request.
TERMINATOR_MS = 3_000.0
# Keys that follow others this soon continue a number: the last digit of one that was longer than the tool expected, or
# that is typed slowly.
ALONE_MS = 5_000.0


@dataclass(slots=True)
class _Collection:
    """A running request for digits. deadline: on the call's clock."""

    most: int
    terminator: str
    timeout_ms: float
    result: asyncio.Future[str]
    deadline: float


class DigitCollector:
    """Collects a call's digits. Times are in ms on the call's clock; `tick` drives the time-outs."""

    def __init__(self, on_collecting: Callable[[bool], None] = lambda is_collecting: None) -> None:
        """on_collecting: called when a tool begins to wait for digits, and when none does any more."""
        self._on_collecting = on_collecting
        self._keys = ""
        self._pressed_at = -math.inf
        self._since_others = math.inf
        self._terminator_pending = ""
        self._collection: _Collection | None = None

    @property
    def is_collecting(self) -> bool:
        """Whether a tool waits for digits."""
        return self._collection is not None

    @property
    def are_alone(self) -> bool:
        """Whether the keys that `tick` returned last were pressed on their own, and continue no number."""
        return self._since_others >= ALONE_MS

    async def collect(self, most: int, terminator: str, timeout_ms: float, now: float) -> str:
        """Waits for up to `most` digits, the terminator key, or `timeout_ms` without a key; returns what was pressed.

        Keys pressed before the request count (type-ahead). If it is cancelled, what was pressed is dropped: it may be a
        card number or a PIN, and must not become the caller's words."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        collection = self._collection = _Collection(most, terminator, timeout_ms, future, now + timeout_ms)
        self._on_collecting(True)
        self._check_complete()
        try:
            return await future
        finally:
            if self._collection is collection:
                self._collection = None
                self._keys = ""
            if not self.is_collecting:
                self._on_collecting(False)

    def press(self, digit: str, now: float) -> None:
        """A key was pressed."""
        late_terminator, self._terminator_pending = self._terminator_pending, ""
        if digit == late_terminator and now - self._pressed_at < TERMINATOR_MS:
            return
        if not self._keys:
            self._since_others = now - self._pressed_at
        self._keys += digit
        self._pressed_at = now
        if self._collection:
            self._collection.deadline = now + self._collection.timeout_ms
            self._check_complete()

    def tick(self, now: float, agent_silent: bool, *, may_interrupt: bool = True) -> str:
        """Returns unrequested digits once they are complete; ends a collection that has timed out.

        The time-out does not run while the agent still speaks. may_interrupt: otherwise they wait for a later tick."""
        if self._collection:
            self._check_timeout(self._collection, now, agent_silent)
            return ""
        if not self._keys or now - self._pressed_at < GATHER_MS or not may_interrupt:
            return ""
        keys, self._keys = self._keys, ""
        return keys

    def _check_timeout(self, collection: _Collection, now: float, agent_silent: bool) -> None:
        if not agent_silent:
            collection.deadline = now + collection.timeout_ms
        elif now >= collection.deadline:
            self._finish(self._keys)

    def _check_complete(self) -> None:
        collection = self._collection
        if collection is None:
            return
        end = collection.terminator
        keys, found, _ = self._keys.partition(end) if end else (self._keys, "", "")
        if found or len(keys) >= collection.most:
            self._finish(keys[: collection.most])
            self._terminator_pending = "" if found else end

    def _finish(self, keys: str) -> None:
        collection, self._collection = self._collection, None
        self._keys = ""
        if collection and not collection.result.done():
            collection.result.set_result(keys)
