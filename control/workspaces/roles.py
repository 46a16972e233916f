"""Roles of a workspace, and the rule who may change whose role."""

from typing import Final, Literal

Role = Literal["owner", "admin", "member", "viewer"]

# From most to least powerful.
ROLES: Final[tuple[Role, ...]] = ("owner", "admin", "member", "viewer")


def may_change_role(actor: Role, target: Role | None, new: Role | None) -> bool:
    """Returns whether `actor` may change a role from `target` to `new`.

    target None: an invitation. new None: a removal. Owners may do everything; admins everything that neither changes
    nor makes an owner; others nothing. So nobody can raise their own role. The caller checks that everybody may leave,
    and that one owner remains.
    """
    return actor in ("owner", needed_role(target, new))


def needed_role(target: Role | None, new: Role | None) -> Role:
    """Returns the least role that may make this change; see `may_change_role`."""
    return "owner" if "owner" in (target, new) else "admin"


def grantable_roles(actor: Role) -> frozenset[Role]:
    """Returns the roles to which `actor` may invite."""
    return frozenset(role for role in ROLES if may_change_role(actor, None, role))
