"""Blocked callers as values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BlockedCaller:
    """A caller whose calls a workspace rejects. caller: E.164, or ANONYMOUS for all who withhold their number."""

    id: UUID
    caller: str
    note: str
    created_at: datetime
