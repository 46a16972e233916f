"""Keys of the phone: collected for a tool that asked for them, otherwise gathered into a caller's turn."""

import asyncio
from dataclasses import dataclass

# Keys pressed without being asked for become a turn after this pause.
GATHER_MS = 1_500.0
# A terminator that follows so soon on the last digit asked for belongs to them.
STRAY_MS = 3_000.0


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
        self._stray = ""
        self._collection: _Collection | None = None

    @property
    def collecting(self) -> bool:
        """A tool waits for digits."""
        return self._collection is not None

    async def collect(self, most: int, terminator: str, timeout_ms: float, now: float) -> str:
        """Waits for up to `most` digits, the terminator key, or `timeout_ms` without a key (returns what was pressed).

        Keys pressed before the asking count (type-ahead). When it is given up, what was pressed is forgotten: it may be
        a card number or a PIN, and may not turn up as the caller's words."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        collection = self._collection = _Collection(most, terminator, timeout_ms, future, now + timeout_ms)
        self._check()
        try:
            return await future
        finally:
            if self._collection is collection:
                self._collection = None
                self._keys = ""

    def press(self, digit: str, now: float) -> None:
        """A key was pressed."""
        stray, self._stray = self._stray, ""
        if digit == stray and now - self._last < STRAY_MS:
            return
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
        end = collection.terminator
        keys, found, _ = self._keys.partition(end) if end else (self._keys, "", "")
        if found or len(keys) >= collection.most:
            self._give(keys[: collection.most])
            self._stray = "" if found else end

    def _give(self, keys: str) -> None:
        collection, self._collection = self._collection, None
        self._keys = ""
        if collection and not collection.done.done():
            collection.done.set_result(keys)
