"""Who may call a route: told on the route's line, checked before its handler runs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

WorkspaceRole = Literal["owner", "admin", "member", "viewer"]
AdminRole = Literal["super_admin", "support", "finance", "read_only"]

# From most to least. Each workspace role may do what the ones behind it may.
WORKSPACE_ROLES: tuple[WorkspaceRole, ...] = ("owner", "admin", "member", "viewer")
ADMIN_ROLES: tuple[AdminRole, ...] = ("super_admin", "support", "finance", "read_only")


class Kind(StrEnum):
    """What a caller must be."""

    OPEN = "open"  # anybody
    USER = "user"  # a signed-in user
    MEMBER = "member"  # a member of the workspace in the path
    ADMIN = "admin"  # of the platform's staff


@dataclass(frozen=True, slots=True)
class Access:
    """roles: those that may; empty for OPEN and USER."""

    kind: Kind
    roles: frozenset[str] = frozenset()

    def allows(self, role: str | None) -> bool:
        """Whether this role is enough (for MEMBER and ADMIN)."""
        return role in self.roles


OPEN = Access(Kind.OPEN)
USER = Access(Kind.USER)


def member(least: WorkspaceRole) -> Access:
    """Members of the workspace in the path with this role or more."""
    return Access(Kind.MEMBER, frozenset(WORKSPACE_ROLES[: WORKSPACE_ROLES.index(least) + 1]))


def admin(*others: AdminRole) -> Access:
    """Super admins, and the other roles named. Staff roles are not a ladder: finance is no more than support."""
    return Access(Kind.ADMIN, frozenset(("super_admin", *others)))


ANY_ADMIN = admin("support", "finance", "read_only")
