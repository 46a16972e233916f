"""What the doctor finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do when it is not there."""

    what: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


Check = Callable[[Path], Iterator[Finding]]
