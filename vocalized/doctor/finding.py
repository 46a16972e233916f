"""The result of one check."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. `remedy` says what to do when `ok` is false. needed: a missing one makes the doctor fail."""

    what: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


Check = Callable[[Path], Iterator[Finding]]
