"""The spec and the route tables, both ways: every endpoint is there with its query, body and answer,
and every route is in the spec or among the additions that docs/develop/api-additions.md lists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.api.routes import ADMIN_ROUTES as ADMIN
from control.api.routes import CLIENT_ROUTES as CLIENT
from control.http.access import AccessKind
from control.http.openapi.document import body_schema, query_names, response_schema
from control.inbound_webhooks.routes import WEBHOOK_ROUTES

ROOT = Path(__file__).parent
SPEC: list[dict[str, Any]] = json.loads((ROOT / "spec" / "api_surface.json").read_text())
ADDITIONS = ROOT.parent / "docs" / "develop" / "api-additions.md"
BEFORE_SIGN_IN = {"/admin/auth/login", "/admin/auth/refresh", "/admin/auth/totp/enrol"}
ROUTES = {(route.method, route.path): route for route in (*ADMIN, *CLIENT)}
WEBHOOKS = {(route.method, route.path): route.beyond_spec for route in WEBHOOK_ROUTES}
BEYOND = {key for key, route in ROUTES.items() if route.beyond_spec} | {
    key for key, beyond in WEBHOOKS.items() if beyond
}
DUE = [entry for entry in SPEC if entry["audience"] != "webhook"]


def _id(entry: dict[str, Any]) -> str:
    return f"{entry['method']} {entry['path']}"


@pytest.mark.parametrize("entry", DUE, ids=_id)
def test_spec_endpoint_exists_as_specified(entry: dict[str, Any]) -> None:
    route = ROUTES.get((entry["method"], entry["path"]))
    assert route is not None, "no such route"
    assert not route.beyond_spec
    query = set(re.findall(r"[?&](\w+)=", entry["query"] or ""))
    assert query <= query_names(route)
    if isinstance(entry["body"], dict):
        assert set(entry["body"]) <= set(body_schema(route).get("properties", {}))
    if isinstance(entry["returns"], dict):
        missing = list(_missing(entry["returns"], response_schema(route), response_schema(route), ""))
        assert not missing, f"the answer lacks {missing}"


def test_every_webhook_of_the_spec_has_a_route() -> None:
    due = {(entry["method"], entry["path"]) for entry in SPEC if entry["audience"] == "webhook"}
    assert due == {key for key, beyond in WEBHOOKS.items() if not beyond}


def test_every_route_is_in_the_spec_or_documented() -> None:
    spec = {(entry["method"], entry["path"]) for entry in SPEC}
    listed = set(re.findall(r"^\| `([A-Z]+) (/\S*)` \|", ADDITIONS.read_text(), re.MULTILINE))
    assert not {key for key in (*ROUTES, *WEBHOOKS) if key not in spec} - BEYOND, (
        "neither in the spec nor marked as an addition"
    )
    assert not BEYOND & spec, "marked as an addition, but in the spec"
    assert listed == BEYOND, "docs/develop/api-additions.md lists other additions than there are"


def test_audiences_and_roles_agree_with_the_paths() -> None:
    for (_, path), route in ROUTES.items():
        if path.startswith("/admin/") and path not in BEFORE_SIGN_IN:
            assert route.access.kind is AccessKind.ADMIN, path
        if path.startswith("/workspaces/{workspaceId}"):
            assert route.access.kind is AccessKind.MEMBER, path


def _missing(wanted: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    """Fields of the spec's response that are missing in the schema."""
    schema = _resolved(schema, root)
    if isinstance(wanted, list):
        yield from _missing(wanted[0], schema.get("items", {}), root, f"{at}[]")
    elif isinstance(wanted, dict):
        properties = schema.get("properties", {})
        for name, part in wanted.items():
            if name == "...":
                continue
            if name not in properties:
                yield f"{at}.{name}".lstrip(".")
            else:
                yield from _missing(part, properties[name], root, f"{at}.{name}".lstrip("."))


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema with references resolved and the null of an optional removed."""
    if "$ref" in schema:
        return _resolved(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return _resolved(choices[0], root) if choices else schema
