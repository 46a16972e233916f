"""Response models of members (client API)."""

from dataclasses import dataclass

from control.workspaces.model import Member


@dataclass(frozen=True, slots=True)
class MemberList:
    """A page of members, the oldest membership first."""

    members: list[Member]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class MemberAnswer:
    """A member."""

    member: Member
