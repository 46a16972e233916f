"""Response models of blocked callers (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.calls.model import BlockedCaller
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class BlockedCallerView:
    """A blocked caller. caller: E.164, or `anonymous`: all who withhold their number."""

    id: UUID
    caller: str
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BlockedCallerAnswer:
    """A blocked caller."""

    blocked_caller: BlockedCallerView


@dataclass(frozen=True, slots=True)
class BlockedCallerList(ListAnswer):
    """A page of blocked callers, newest first."""

    blocked_callers: list[BlockedCallerView]


def to_view(blocked: BlockedCaller) -> BlockedCallerView:
    return BlockedCallerView(blocked.id, blocked.caller, blocked.note, blocked.created_at)
