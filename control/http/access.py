"""Who may call a route: declared with the route, checked before its handler runs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from control.http.key_text import WORKSPACE_ROLES, Scope
from control.http.key_text import WorkspaceRole as WorkspaceRole  # also for those who import it from here

AdminRole = Literal["super_admin", "support", "finance", "read_only"]

ADMIN_ROLES: tuple[AdminRole, ...] = ("super_admin", "support", "finance", "read_only")


class AccessKind(StrEnum):
    """What the caller must be."""

    OPEN = "open"  # anybody
    USER = "user"  # a signed-in user
    MEMBER = "member"  # a member of the workspace in the path
    ADMIN = "admin"  # of the platform's staff


@dataclass(frozen=True, slots=True)
class Access:
    """roles: the roles that may call; empty for OPEN and USER. scope: what an API key needs to call;
    None: no key may."""

    kind: AccessKind
    roles: frozenset[str] = frozenset()
    scope: Scope | None = None

    def allows(self, role: str | None) -> bool:
        """Whether this role may call (MEMBER and ADMIN only)."""
        return role in self.roles

    @property
    def needed(self) -> str:
        """The role that is needed, for a message: the least one of a workspace; of the staff all, which have no
        order."""
        if self.kind is AccessKind.MEMBER:
            return next(role for role in reversed(WORKSPACE_ROLES) if role in self.roles)
        return " or ".join(role for role in reversed(ADMIN_ROLES) if role in self.roles)


OPEN = Access(AccessKind.OPEN)
USER = Access(AccessKind.USER)


def user(scope: Scope) -> Access:
    """Signed-in users, and API keys with this scope."""
    return Access(AccessKind.USER, scope=scope)


def member(least: WorkspaceRole, scope: Scope | None = None) -> Access:
    """Members of the workspace in the path who have this role or a higher one, and its API keys with this scope whose
    holders have."""
    return Access(AccessKind.MEMBER, frozenset(WORKSPACE_ROLES[: WORKSPACE_ROLES.index(least) + 1]), scope)


def admin(*others: AdminRole) -> Access:
    """Super admins and the roles named. Staff roles have no order: finance includes nothing of support."""
    return Access(AccessKind.ADMIN, frozenset(("super_admin", *others)))


ANY_ADMIN = admin("support", "finance", "read_only")
