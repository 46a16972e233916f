"""Server-sent events as pure text handling: bytes in, the data of whole events out (WHATWG HTML, section 9.2)."""

from typing import Final

LONGEST_EVENT: Final = 1_000_000


class SseError(ValueError):
    """The stream is no sequence of events of a sane size."""


class SseParser:
    """Feed it what the socket gives. Comments, event names, ids and retry times are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Returns the data of every event that is complete now. Raises SseError for one above a megabyte."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._bound(len(self._rest))
        events = [self._line(line.removesuffix(b"\r")) for line in lines]
        return [event for event in events if event is not None]

    def end(self) -> list[bytes]:
        """The stream ended; many servers leave out the blank line behind their last event."""
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
            self._bound(self._size)

    def _bound(self, size: int) -> None:
        if size > LONGEST_EVENT:
            raise SseError("an event of more than a megabyte")
