"""The OpenAPI document: valid, complete, and made from the types that validate requests."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from control.app import ROUTES
from control.http.openapi.document import make_document
from control.http.route import Route
from control.outbound_webhooks.event_types import API_VERSION, EventType
from tests.control.http.probe_routes import ROUTES as PROBE_ROUTES
from tests.platform.api import Api
from tests.platform.api_document import api_document

FOLDER = Path(__file__).parent


@cache
def probe_document() -> dict[str, Any]:
    return make_document(PROBE_ROUTES, version="1.2.3", public_url="https://api.example.com")


def operation(document: dict[str, Any], route: Route) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][route.path][route.method.lower()]
    return found


def values_of(part: Any, key: str) -> Iterator[Any]:
    """The values of every `key`, at any depth."""
    if isinstance(part, dict):
        if key in part:
            yield part[key]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from values_of(item, key)


@pytest.mark.parametrize("make", [api_document, probe_document])
def test_document_is_valid_openapi_3_1(make: Callable[[], dict[str, Any]]) -> None:
    document = make()
    assert document["openapi"] == "3.1.0"
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_document_has_every_route_and_no_other() -> None:
    documented = {(method.upper(), path) for path, methods in api_document()["paths"].items() for method in methods}
    assert documented == {(route.method, route.path) for route in ROUTES}


def test_every_reference_resolves_and_every_component_is_used() -> None:
    used = {str(reference).removeprefix("#/components/") for reference in values_of(api_document(), "$ref")}
    components = api_document()["components"]
    assert used == {f"{kind}/{name}" for kind in ("schemas", "headers", "examples") for name in components[kind]}


def test_every_event_is_a_webhook_with_its_version_and_no_sign_in() -> None:
    assert set(api_document()["webhooks"]) == set(get_args(EventType))
    for name, methods in api_document()["webhooks"].items():
        (schema,) = values_of(methods["post"]["requestBody"], "schema")
        assert schema["properties"]["type"] == {"const": name, "description": "Type of the event."}
        assert schema["properties"]["api_version"]["const"] == API_VERSION
        assert "security" not in methods["post"]


def test_accepting_an_invitation_can_be_forbidden() -> None:
    assert "403" in api_document()["paths"]["/invitations/accept"]["post"]["responses"]


def test_published_names_of_schemas_and_operations_stay() -> None:
    names = api_document()["components"]["schemas"].keys()
    assert not [name for name in names if "__" in name], "two classes have one name"
    assert set((FOLDER / "published_schemas.txt").read_text().split()) <= names
    operations = {operation(api_document(), route)["operationId"] for route in ROUTES}
    assert set((FOLDER / "published_operations.txt").read_text().split()) <= operations


def test_operations_have_unique_ids_summaries_and_tags() -> None:
    operations = [operation(api_document(), route) for route in ROUTES]
    ids = [operation_object["operationId"] for operation_object in operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z_]+", operation_id) for operation_id in ids)
    assert all(operation_object["summary"] and operation_object["tags"] for operation_object in operations)


def test_least_role_of_a_members_route_is_last() -> None:
    assert operation(probe_document(), PROBE_ROUTES[5])["x-roles"] == ["owner", "admin"]


def test_body_schema_comes_from_the_type_that_validates() -> None:
    schema = probe_document()["components"]["schemas"]["NewNote"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["text"]["maxLength"] == 2_000
    assert probe_document()["components"]["schemas"]["Inner"]["properties"]["level"]["maximum"] == 9


def test_query_parameters_have_bounds_and_no_null() -> None:
    parameters = {
        parameter["name"]: parameter for parameter in operation(probe_document(), PROBE_ROUTES[8])["parameters"]
    }
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert parameters["search"] == {
        "name": "search", "in": "query", "required": False, "schema": {"type": "string", "maxLength": 50},
    }  # fmt: skip
    assert parameters["page"]["description"]


def test_path_parameters_have_their_types() -> None:
    schemas = {
        parameter["name"]: parameter["schema"]
        for parameter in operation(probe_document(), PROBE_ROUTES[9])["parameters"]
    }
    assert {key: schemas["thingId"][key] for key in ("type", "format")} == {"type": "string", "format": "uuid"}
    assert schemas["number"] == {"type": "integer"}


async def test_document_is_served_with_an_etag(api: Api) -> None:
    reply = await api.anonymous.get("/openapi.json")
    assert (reply.status, reply.body["openapi"]) == (200, "3.1.0")
    cached = await api.anonymous.get("/openapi.json", headers={"If-None-Match": reply.headers["ETag"]})
    assert (cached.status, cached.raw) == (304, b"")
    other = await api.anonymous.get("/openapi.json", headers={"If-None-Match": '"other"'})
    assert (other.status, other.raw) == (200, reply.raw)
