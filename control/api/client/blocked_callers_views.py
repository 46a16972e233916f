"""Response models of blocked callers (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.calls.blocked_callers.rules import BlockedCaller
from control.http.fields import CreatedAt, Id
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class BlockedCallerView:
    """A blocked caller."""

    id: Id
    caller: Annotated[
        str, Field(description="E.164 number, or `anonymous` for all who withhold theirs.", examples=["+12025550123"])
    ]
    note: Annotated[str, Field(description="Why, for the workspace's members.", examples=["Sales calls"])]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class BlockedCallerAnswer:
    """A blocked caller."""

    blocked_caller: Annotated[BlockedCallerView, Field(description="The blocked caller.")]


@dataclass(frozen=True, slots=True)
class BlockedCallerList(ListAnswer):
    """A page of blocked callers, newest first."""

    blocked_callers: Annotated[list[BlockedCallerView], Field(description="The blocked callers.")]


def to_view(blocked: BlockedCaller) -> BlockedCallerView:
    return BlockedCallerView(blocked.id, blocked.caller, blocked.note, blocked.created_at)
