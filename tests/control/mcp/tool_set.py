"""The tools of the API as it is, and their routes."""

from functools import cache
from uuid import UUID

from control.api.reference import REFERENCE
from control.app import ROUTES
from control.http.access import WorkspaceRole
from control.http.auth.authorization import ValidKey
from control.http.auth.queries import KeyIdentity
from control.http.openapi.document import make_document, operation_id
from control.http.route import Route
from control.mcp.declarations import TOOLS
from control.mcp.tools import ApiTool, make_tools

WORKSPACE = UUID(int=7)
ROUTE_OF: dict[str, Route] = {operation_id(route): route for route in ROUTES}


@cache
def all_tools() -> dict[str, ApiTool]:
    used = {tool.operation: ROUTE_OF[tool.operation] for tool in TOOLS}.values()
    return make_tools(
        TOOLS, make_document(used, version="1", public_url="https://api.example.com", reference=REFERENCE)
    )


def key_with(scopes: frozenset[str], role: WorkspaceRole = "admin") -> ValidKey:
    identity = KeyIdentity(
        key_id=UUID(int=1),
        workspace_id=WORKSPACE,
        scopes=scopes,
        has_expired=False,
        holder_id=UUID(int=2),
        email="ann@example.com",
        name="Ann",
        is_verified=True,
        role=role,
        workspace_status="active",
        is_use_due=False,
    )
    return ValidKey(identity, role, None)
