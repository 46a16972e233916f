"""Scopes of API keys: which areas of the API a key may read or change. Each route declares its own."""

from typing import Final, Literal, get_args

from control.workspaces.roles import ROLES, Role

Scope = Literal[
    "workspace:read",
    "workspace:write",
    "agents:read",
    "agents:write",
    "numbers:read",
    "numbers:write",
    "calls:read",
    "calls:write",
    "campaigns:read",
    "campaigns:write",
    "do_not_call:read",
    "do_not_call:write",
    "voice:read",
    "voice:write",
    "integrations:read",
    "integrations:write",
    "tools:read",
    "tools:write",
    "knowledge:read",
    "knowledge:write",
    "privacy:read",
    "privacy:write",
    "analytics:read",
    "billing:read",
]
# In the order of the documentation.
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
# No key may do what only owners may.
HIGHEST_ROLE: Final[Role] = "admin"


def limit_role(holder: Role) -> Role:
    """Returns the role with which a key acts: that of the member who holds it, HIGHEST_ROLE at most."""
    return max(holder, HIGHEST_ROLE, key=ROLES.index)


def order_scopes(scopes: frozenset[Scope]) -> tuple[Scope, ...]:
    """Returns them in the order of SCOPES."""
    return tuple(scope for scope in SCOPES if scope in scopes)
