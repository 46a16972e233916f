"""Response models of members (client API)."""

from dataclasses import dataclass

from control.http.pagination import ListAnswer
from control.workspaces.model import Member


@dataclass(frozen=True, slots=True)
class MemberList(ListAnswer):
    """A page of members, the oldest membership first."""

    members: list[Member]


@dataclass(frozen=True, slots=True)
class MemberAnswer:
    """A member."""

    member: Member
