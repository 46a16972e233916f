"""Parses server-sent events from bytes. Pure (WHATWG HTML, section 9.2)."""

from typing import Final

MAX_EVENT_BYTES: Final = 1_000_000


class SseError(ValueError):
    """An event of the stream is too large."""


class SseParser:
    """Parses server-sent events from chunks of any size. Ignores comments, event names, IDs and retry times."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that is now complete. Raises SseError for an event larger than a megabyte."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._check_size(len(self._rest))
        events = [self._line(line.removesuffix(b"\r")) for line in lines]
        return [event for event in events if event is not None]

    def end(self) -> list[bytes]:
        """End the stream and return its last event, because many servers omit the blank line after it."""
        return self.feed(b"\n\n")

    def _line(self, line: bytes) -> bytes | None:
        if line:
            self._field(line)
            return None
        data, self._data, self._size = self._data, [], 0
        return b"\n".join(data) if data else None

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
            self._check_size(self._size)

    def _check_size(self, size: int) -> None:
        if size > MAX_EVENT_BYTES:
            raise SseError("an event is larger than a megabyte")
