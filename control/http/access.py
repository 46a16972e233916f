"""Defines who may call a route. Access is declared with the route and checked before its handler runs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from control.http.key_text import WORKSPACE_ROLES, Scope
from control.http.key_text import WorkspaceRole as WorkspaceRole  # re-exported for other modules

AdminRole = Literal["super_admin", "support", "finance", "read_only"]

ADMIN_ROLES: tuple[AdminRole, ...] = ("super_admin", "support", "finance", "read_only")


class AccessKind(StrEnum):
    """The kind of caller that a route requires."""

    OPEN = "open"  # anyone
    USER = "user"  # a signed-in user
    MEMBER = "member"  # a member of the workspace in the path
    ADMIN = "admin"  # a member of the platform's staff


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route.

    Attributes:
        roles: The roles that may call. Empty for OPEN and USER.
        scope: The scope that an API key needs. None if no key may call.
    """

    kind: AccessKind
    roles: frozenset[str] = frozenset()
    scope: Scope | None = None

    def allows(self, role: str | None) -> bool:
        """Return whether this role may call. Applies only to MEMBER and ADMIN."""
        return role in self.roles

    @property
    def needed(self) -> str:
        """The required role for a message: the lowest workspace role, or all staff roles, which have no order."""
        if self.kind is AccessKind.MEMBER:
            return next(role for role in reversed(WORKSPACE_ROLES) if role in self.roles)
        return " or ".join(role for role in reversed(ADMIN_ROLES) if role in self.roles)


OPEN = Access(AccessKind.OPEN)
USER = Access(AccessKind.USER)


def user(scope: Scope) -> Access:
    """Allow signed-in users, and API keys with this scope."""
    return Access(AccessKind.USER, scope=scope)


def member(least: WorkspaceRole, scope: Scope | None = None) -> Access:
    """Allow members of the workspace in the path with this role or a higher role.

    Also allow the workspace's API keys that have this scope and whose holders have such a role.
    """
    return Access(AccessKind.MEMBER, frozenset(WORKSPACE_ROLES[: WORKSPACE_ROLES.index(least) + 1]), scope)


def admin(*others: AdminRole) -> Access:
    """Allow super admins and the named roles. Staff roles have no order: finance does not include support."""
    return Access(AccessKind.ADMIN, frozenset(("super_admin", *others)))


ANY_ADMIN = admin("support", "finance", "read_only")
