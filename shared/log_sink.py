"""Writes log lines without blocking or raising; lines that cannot be written are counted and dropped."""

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Final, Protocol

# A pipe that is ready for writing takes so many bytes at once without waiting (POSIX, PIPE_BUF). Linux: 4096.
_PIECE: Final = select.PIPE_BUF
# Readiness that does not mean that writing is possible: the reader has gone, or the descriptor is closed.
_BROKEN: Final = select.POLLERR | select.POLLNVAL


class TextOutput(Protocol):
    """What a log may be written to besides a descriptor: a captured stderr."""

    def write(self, text: str, /) -> object:
        """Writes a text."""

    def flush(self) -> object:
        """Hands it on."""


class LogSink:
    """The log of a process. dropped: lines that were lost since the start, because the disk is full, the reader of the
    pipe has gone, or does not read.

    A reader that stops reading must stop no call, so a line is written only as far as the pipe has room for it.
    """

    def __init__(self, output: TextOutput | None = None, descriptor: int | None = None) -> None:
        """output: used in place of the descriptor; None: the descriptor. descriptor: None: that of stderr."""
        self._output = output
        self._descriptor = 2 if descriptor is None else descriptor
        # Reentrant: a signal handler may log while a line is being written.
        self._lock = threading.RLock()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._is_torn = False  # the last line was written in part
        self._subscribers: list[Callable[[float], object]] = []
        self.dropped = 0

    def subscribe(self, count: Callable[[float], object]) -> None:
        """Has `count` called with the number of lines lost so far, and then with 1 for each further one."""
        with self._lock:
            self._subscribers.append(count)
            if self.dropped:
                count(self.dropped)

    def write(self, text: str) -> None:
        """Writes a text of whole lines, or a part of it, or nothing. Never raises, never waits for a reader."""
        with self._lock:
            if not self._write(text):
                self.count_dropped()

    def flush(self) -> None:
        """Does nothing: nothing is kept."""

    def count_dropped(self) -> None:
        """Counts a line that is lost."""
        with self._lock:
            self.dropped += 1
            for count in self._subscribers:
                count(1)

    def _write(self, text: str) -> bool:
        """Returns whether all of it was written."""
        try:
            if self._output is not None:
                self._output.write(text)
                self._output.flush()
                return True
            return self._write_bytes(text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):  # ValueError: a closed file
            return False

    def _write_bytes(self, data: bytes) -> bool:
        """Raises OSError."""
        rest = b"\n" + data if self._is_torn else data
        while rest:
            if not self._has_room():
                return False
            written = os.write(self._descriptor, rest[:_PIECE])
            self._is_torn = written > 0 and written < len(rest)
            rest = rest[written:]
        return True

    def _has_room(self) -> bool:
        """Regular files always have, until writing fails."""
        ready = self._poll.poll(0)
        return bool(ready) and not ready[0][1] & _BROKEN


def stderr_sink() -> LogSink:
    """The sink for stderr; of a replaced one without a descriptor, as in tests, for that object. Without stderr every
    line is dropped, and counted."""
    if sys.stderr is None:  # Python found the descriptor closed: by now it may be anything, a socket for one
        return LogSink(output=_NoOutput())
    try:
        return LogSink(descriptor=sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        return LogSink(output=sys.stderr)


class _NoOutput:
    """Refuses every line."""

    def write(self, text: str) -> None:
        raise ValueError("the program was started without standard error")

    def flush(self) -> None:
        """Does nothing: nothing is kept."""
