"""Types of blocked callers."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.http.fields import CreatedAt, Id


@dataclass(frozen=True, slots=True)
class BlockedCaller:
    """A caller whose calls the workspace refuses."""

    id: Id
    caller: Annotated[
        str, Field(description="E.164 number, or `anonymous` for all who withhold theirs.", examples=["+12025550123"])
    ]
    note: Annotated[str, Field(description="Why, for the workspace's members.", examples=["Sales calls"])]
    created_at: CreatedAt
