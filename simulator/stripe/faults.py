"""Faults on demand of the simulated Stripe, each for the next requests to a path."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

StripeFaultKind = Literal[
    "rate_limited",  # 429 before anything happened; kept under no key
    "conflict",  # 409 before anything happened, as of an object that another request holds
    "error",  # 500 without effect; kept under the idempotency key
    "error_after",  # the operation takes effect, and the answer is a 500, kept under the key
    "silence",  # the operation takes effect, and no answer comes
    "reset",  # the connection is reset before anything happened
]


@dataclass(frozen=True, slots=True)
class StripeFault:
    """path: how the requests' path ends, such as `/finalize`; empty: any. method: GET or POST; empty: any."""

    kind: StripeFaultKind
    path: str = ""
    method: str = ""


class StripeFaultQueue:
    """Faults in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: deque[StripeFault] = deque()

    def add(self, fault: StripeFault, requests: int = 1) -> None:
        """For so many requests."""
        self._faults.extend([fault] * requests)

    def take(self, method: str, path: str) -> StripeFaultKind | None:
        """The fault of a request that begins now."""
        for fault in self._faults:
            if path.endswith(fault.path) and fault.method in ("", method):
                self._faults.remove(fault)
                return fault.kind
        return None
