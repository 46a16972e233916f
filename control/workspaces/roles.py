"""Who may do what to whom within a workspace: a ladder of four roles and one pure rule."""

from typing import Final, Literal

Role = Literal["owner", "admin", "member", "viewer"]

# From most to least.
ROLES: Final[tuple[Role, ...]] = ("owner", "admin", "member", "viewer")


def may(actor: Role, target: Role | None, new: Role | None) -> bool:
    """Whether `actor` may bring somebody from the role `target` to `new`.

    target None: somebody who comes in (an invitation). new None: somebody who goes. Owners may do all of it; admins all
    that neither touches nor makes an owner; others nothing. So nobody raises themselves. That everybody may leave, and
    that an owner has to stay, is for the caller to see.
    """
    if actor == "owner":
        return True
    return actor == "admin" and "owner" not in (target, new)


def grantable(actor: Role) -> frozenset[Role]:
    """The roles to which `actor` may invite."""
    return frozenset(role for role in ROLES if may(actor, None, role))
