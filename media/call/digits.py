"""Keys of the phone: collected for a tool that asked for them, otherwise gathered into a caller's turn."""

import asyncio
from dataclasses import dataclass

# Keys pressed without being asked for become a turn after this pause.
GATHER_MS = 1_500.0


@dataclass(slots=True)
class _Collection:
    """One running request for digits."""

    most: int
    terminator: str
    timeout_ms: float
    done: asyncio.Future[str]
    deadline: float


class Digits:
    """The call's keypad. Times in ms of the call's clock; `tick` drives the timeouts."""

    def __init__(self) -> None:
        self._keys = ""
        self._last = 0.0
        self._collection: _Collection | None = None

    @property
    def collecting(self) -> bool:
        """A tool waits for digits."""
        return self._collection is not None

    async def collect(self, most: int, terminator: str, timeout_ms: float, now: float) -> str:
        """Waits for up to `most` digits, the terminator key, or `timeout_ms` without a key (returns what was pressed).

        Keys pressed before the asking count (type-ahead)."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._collection = _Collection(most, terminator, timeout_ms, future, now + timeout_ms)
        self._check()
        try:
            return await future
        finally:
            self._collection = None

    def press(self, digit: str, now: float) -> None:
        """A key was pressed."""
        self._keys += digit
        self._last = now
        if self._collection:
            self._collection.deadline = now + self._collection.timeout_ms
            self._check()

    def tick(self, now: float, agent_silent: bool) -> str:
        """Returns keys that nobody asked for, once they are complete; ends a collection that has timed out.

        The time to press does not run while the agent still speaks."""
        if self._collection:
            self._wait_on(self._collection, now, agent_silent)
            return ""
        if not self._keys or now - self._last < GATHER_MS:
            return ""
        keys, self._keys = self._keys, ""
        return keys

    def _wait_on(self, collection: _Collection, now: float, agent_silent: bool) -> None:
        if not agent_silent:
            collection.deadline = now + collection.timeout_ms
        elif now >= collection.deadline:
            self._give(self._keys)

    def _check(self) -> None:
        collection = self._collection
        if collection is None:
            return
        keys, found, _ = self._keys.partition(collection.terminator) if collection.terminator else (self._keys, "", "")
        if found or len(keys) >= collection.most:
            self._give(keys[: collection.most])

    def _give(self, keys: str) -> None:
        self._keys = ""
        if self._collection and not self._collection.done.done():
            self._collection.done.set_result(keys)
