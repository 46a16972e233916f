"""Writes log lines without blocking or raising; lines that cannot be written are counted and dropped."""

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Final, Protocol

# A pipe that is ready takes this many bytes at once without blocking (POSIX, PIPE_BUF). Linux: 4096.
_PIECE: Final = select.PIPE_BUF
# Readiness that does not mean that writing is possible: the reader has gone, or the descriptor is closed.
_BROKEN: Final = select.POLLERR | select.POLLNVAL


class TextOutput(Protocol):
    """An object besides a descriptor to which a log may be written, such as a captured stderr."""

    def write(self, text: str, /) -> object:
        """Write a text."""

    def flush(self) -> object:
        """Flush the text."""


class LogSink:
    """The log of a process.

    A reader that stops reading must not block a call, so a line is written only as far as the pipe has room for it.

    Attributes:
        dropped: The number of lines that were lost since the start, because the disk is full, or the reader of the pipe
            has gone or does not read.
    """

    def __init__(self, output: TextOutput | None = None, descriptor: int | None = None) -> None:
        """Create a sink. `output` replaces the descriptor. If `descriptor` is None, the sink writes to stderr."""
        self._output = output
        self._descriptor = 2 if descriptor is None else descriptor
        # Reentrant, because a signal handler may log while a line is being written.
        self._lock = threading.RLock()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._is_torn = False  # whether the last line was written only in part
        self._subscribers: list[Callable[[float], object]] = []
        self.dropped = 0

    def subscribe(self, count: Callable[[float], object]) -> None:
        """Call `count` with the number of lines lost so far, and then with 1 for each further line."""
        with self._lock:
            self._subscribers.append(count)
            if self.dropped:
                count(self.dropped)

    def write(self, text: str) -> None:
        """Write a text of whole lines, in full, in part, or not at all. Never raises and never waits for a reader."""
        with self._lock:
            if not self._write(text):
                self.count_dropped()

    def flush(self) -> None:
        """Do nothing, because nothing is buffered."""

    def count_dropped(self) -> None:
        """Count a lost line."""
        with self._lock:
            self.dropped += 1
            for count in self._subscribers:
                count(1)

    def _write(self, text: str) -> bool:
        """Write the text. Return whether all of it was written."""
        try:
            if self._output is not None:
                self._output.write(text)
                self._output.flush()
                return True
            return self._write_bytes(text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):  # ValueError: a closed file
            return False

    def _write_bytes(self, data: bytes) -> bool:
        """Write bytes as far as there is room. Raises OSError."""
        rest = b"\n" + data if self._is_torn else data
        while rest:
            if not self._has_room():
                return False
            written = os.write(self._descriptor, rest[:_PIECE])
            self._is_torn = written > 0 and written < len(rest)
            rest = rest[written:]
        return True

    def _has_room(self) -> bool:
        """Return whether the output accepts a write. Regular files always do, until a write fails."""
        ready = self._poll.poll(0)
        return bool(ready) and not ready[0][1] & _BROKEN


def stderr_sink() -> LogSink:
    """Return the sink for stderr.

    If stderr was replaced by an object without a descriptor, as in tests, the sink writes to that object. Without
    stderr, every line is dropped and counted.
    """
    if sys.stderr is None:  # Python found the descriptor closed. By now it may be anything, such as a socket.
        return LogSink(output=_NoOutput())
    try:
        return LogSink(descriptor=sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        return LogSink(output=sys.stderr)


class _NoOutput:
    """Rejects every line."""

    def write(self, text: str) -> None:
        raise ValueError("the program was started without standard error")

    def flush(self) -> None:
        """Do nothing, because nothing is buffered."""
