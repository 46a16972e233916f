"""Roles of keys, and the rules that the routes' scopes keep."""

import pytest

from control.api.routes import CLIENT_ROUTES
from control.app import ROUTES as ALL_ROUTES
from control.http.access import AccessKind
from control.http.key_text import SCOPES, limit_role, order_scopes
from control.http.openapi.document import operation_id
from control.workspaces.rules import Role

# POST because the question is in its body.
READS_BY_POST = {"preview_agent", "search_knowledge"}


@pytest.mark.parametrize(
    ("holder", "role"), [("owner", "admin"), ("admin", "admin"), ("member", "member"), ("viewer", "viewer")]
)
def test_key_has_its_holders_role_but_admin_at_most(holder: Role, role: Role) -> None:
    assert limit_role(holder) == role


def test_scopes_are_ordered_as_documented() -> None:
    assert order_scopes(frozenset(reversed(SCOPES))) == SCOPES


def test_every_scope_reaches_a_route_and_reading_changes_nothing() -> None:
    scoped = [route for route in CLIENT_ROUTES if route.access.scope is not None]
    assert {route.access.scope for route in scoped} == set(SCOPES)
    for route in scoped:
        reads = route.method == "GET" or operation_id(route) in READS_BY_POST
        changing = (":write", ":supervise")
        assert str(route.access.scope).endswith(":read" if reads else changing), route.path


def test_no_key_reaches_what_only_owners_may_or_what_gives_access() -> None:
    for route in ALL_ROUTES:
        gives_access = any(
            part in route.path for part in ("/api-keys", "/invitations", "/payment-method", "/exports", "/auth/")
        ) or (route.method != "GET" and "/members" in route.path)
        of_owners = route.access.kind is AccessKind.MEMBER and not route.access.allows("admin")
        if gives_access or of_owners or route.access.kind is AccessKind.ADMIN:
            assert route.access.scope is None, f"{route.method} {route.path}"
