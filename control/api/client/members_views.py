"""Response models of members (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.http.pagination import ListAnswer
from control.workspaces.rules import Member


@dataclass(frozen=True, slots=True)
class MemberList(ListAnswer):
    """A page of members, the oldest membership first."""

    members: Annotated[list[Member], Field(description="The workspace's members.")]


@dataclass(frozen=True, slots=True)
class MemberAnswer:
    """A member."""

    member: Annotated[Member, Field(description="The member.")]
