"""Breaks reference cycles, so that a finished call is freed with its last reference.

A full garbage collection stalls every call of the process, so there is none under calls but one an hour
(`media/server/collector.py`; docs/decisions/0002). Objects that refer to each other would wait for it:
5,000 malformed sessions left 28,000 objects behind, and memory grew by 6 to 11 MB per 10,000 sessions. With the
cycles broken nothing is left, and memory grows by 1.4 MB over the first 4,000 sessions and not at all over the next
6,000. The test runs with the collector off: `tests/media/server/test_reference_cycles.py`.
"""

from typing import TypeVar

ErrorT = TypeVar("ErrorT", bound=BaseException)


def break_cycle(owner: object, *names: str) -> None:
    """Deletes attributes of an object that is at its end and that refer back to it, directly or through others.

    An attribute with a default in its class reads as that default afterwards. Raises AttributeError for one that is
    not set.
    """
    for name in names:
        delattr(owner, name)


def without_traceback(error: ErrorT) -> ErrorT:
    """Returns the error without its traceback.

    A traceback holds its frames and their variables. A time-out's frame holds the task, which holds the error; a
    reader that stores the error is a variable of the frame that raised it.
    """
    return error.with_traceback(None)
