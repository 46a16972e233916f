"""Faults on demand, each for the next requests to a path."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

StripeFaultKind = Literal[
    "rate_limited",  # 429 without effect; not kept under the key
    "conflict",  # 409 without effect, as if another request held the object
    "error",  # 500 without effect; kept under the idempotency key
    "error_after",  # the operation takes effect, but the answer is a 500, kept under the key
    "silence",  # the operation takes effect, but no answer follows
    "reset",  # the connection is reset without effect
]


@dataclass(frozen=True, slots=True)
class StripeFault:
    """A fault of a request.

    Attributes:
        path: End of the request's path, such as `/finalize`; empty for any path.
        method: GET or POST; empty for any method.
    """

    kind: StripeFaultKind
    path: str = ""
    method: str = ""


class StripeFaultQueue:
    """Faults in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: deque[StripeFault] = deque()

    def add(self, fault: StripeFault, requests: int = 1) -> None:
        """Add a fault for this many requests."""
        self._faults.extend([fault] * requests)

    def take(self, method: str, path: str) -> StripeFaultKind | None:
        """Return the fault of a request that begins now; None if there is none."""
        for fault in self._faults:
            if path.endswith(fault.path) and fault.method in ("", method):
                self._faults.remove(fault)
                return fault.kind
        return None
