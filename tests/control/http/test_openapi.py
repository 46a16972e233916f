"""The document: valid OpenAPI 3.1, complete, and made of the types that validate."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from control.api.docs import readable
from control.app import ROUTES
from control.http.access import Kind
from control.http.openapi import document, short_names
from control.http.route import Route, path_names, shape
from tests.control.http.stage import ROUTES as OURS
from tests.control.running import Api

DOCUMENT = document(ROUTES, version="1.2.3", public_url="https://api.example.com")
TRIED = document(OURS, version="1.2.3", public_url="https://api.example.com")


def operation(told: dict[str, Any], route: Route) -> dict[str, Any]:
    found: dict[str, Any] = told["paths"][route.path][route.method.lower()]
    return found


def each(part: Any, key: str) -> Iterator[Any]:
    """The values of every `key`, however deep."""
    if isinstance(part, dict):
        if key in part:
            yield part[key]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from each(item, key)


@pytest.mark.parametrize("told", [DOCUMENT, TRIED])
def test_is_valid_openapi_3_1(told: dict[str, Any]) -> None:
    assert told["openapi"] == "3.1.0"
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(told)] == []


def test_every_route_is_there_and_nothing_else() -> None:
    told = {(method.upper(), path) for path, its in DOCUMENT["paths"].items() for method in its}
    assert told == {(route.method, route.path) for route in ROUTES}


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = {str(reference).rpartition("/")[2] for reference in each(DOCUMENT, "$ref")}
    assert used == DOCUMENT["components"]["schemas"].keys()


def test_an_invitation_to_another_address_is_a_documented_refusal() -> None:
    assert "403" in DOCUMENT["paths"]["/invitations/accept"]["post"]["responses"]


def test_names_are_short_and_told_apart_by_audience() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]
    assert short_names({"control__api__admin__a__View", "control__api__client__a__View", "AdminView"}) == {
        "control__api__client__a__View": "View"
    }


def test_operations_have_ids_of_their_own_and_say_what_they_do() -> None:
    operations = [operation(DOCUMENT, route) for route in ROUTES]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z_]+", one) for one in ids)
    assert all(one["summary"] and one["tags"] for one in operations)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_security_and_roles_are_those_of_the_routes_line(route: Route) -> None:
    told = operation(DOCUMENT, route)
    scheme: dict[Kind, list[dict[str, list[str]]]] = {
        Kind.OPEN: [],
        Kind.USER: [{"user": []}],
        Kind.MEMBER: [{"user": []}],
        Kind.ADMIN: [{"admin": []}],
    }
    assert told["security"] == scheme[route.access.kind]
    assert set(told.get("x-roles", [])) == route.access.roles
    assert [one["name"] for one in told["parameters"] if one["in"] == "path"] == list(path_names(route.path))
    assert ("Idempotency-Key" in [one["name"] for one in told["parameters"]]) == route.idempotent


def test_the_least_role_of_a_members_route_comes_last() -> None:
    told = operation(TRIED, OURS[5])
    assert told["x-roles"] == ["owner", "admin"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_error_has_the_one_shape(route: Route) -> None:
    responses = operation(DOCUMENT, route)["responses"]
    good = [status for status in responses if status.startswith("2")]
    is_file = shape(route).file
    assert good == (["200", "206"] if is_file else [str(route.status)]) or good == ["204"]
    for status, response in responses.items():
        if status >= "400" and not (is_file and status == "416"):  # a range outside of the file: nobody reads a body
            assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert {"400", "422", "500", "503"} <= responses.keys()


def test_a_body_is_described_by_the_type_that_validates_it() -> None:
    told = TRIED["components"]["schemas"]["NewNote"]
    assert told["additionalProperties"] is False
    assert told["properties"]["text"]["maxLength"] == 2_000
    assert TRIED["components"]["schemas"]["Inner"]["properties"]["level"]["maximum"] == 9


def test_a_query_is_described_with_its_bounds_and_without_null() -> None:
    told = {one["name"]: one for one in operation(TRIED, OURS[8])["parameters"]}
    assert told["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert told["search"] == {
        "name": "search", "in": "query", "required": False, "schema": {"type": "string", "maxLength": 50},
    }  # fmt: skip
    assert told["page"]["description"]


def test_path_parameters_have_their_types() -> None:
    told = {one["name"]: one["schema"] for one in operation(TRIED, OURS[9])["parameters"]}
    assert told["thingId"] == {"type": "string", "format": "uuid"}
    assert told["number"] == {"type": "integer"}


async def test_is_served_with_a_tag_that_spares_the_next_look(api: Api) -> None:
    reply = await api.nobody.get("/openapi.json")
    assert (reply.status, reply.body["openapi"]) == (200, "3.1.0")
    again = await api.nobody.get("/openapi.json", headers={"If-None-Match": reply.headers["ETag"]})
    assert (again.status, again.raw) == (304, b"")
    other = await api.nobody.get("/openapi.json", headers={"If-None-Match": '"other"'})
    assert (other.status, other.raw) == (200, reply.raw)


async def test_the_page_to_read_it_comes_whole_from_this_machine(api: Api) -> None:
    page = await api.nobody.get("/docs")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    leads = re.findall(r'(?:src|href)="([^"]+)"', page.raw.decode())
    assert len(leads) == 4
    for path in [*leads, "/docs/document.json"]:
        assert path.startswith("/docs/")
        reply = await api.nobody.get(path)
        assert reply.status == 200 and len(reply.raw) > 100, path
    assert "http" not in re.sub(r"http-equiv", "", page.raw.decode())


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/..%2Fsettings.py", "/docs/index.html", "/docs/%2e%2e"])
async def test_no_other_file_is_given_out(api: Api, path: str) -> None:
    assert (await api.nobody.get(path)).status == 404


def test_the_page_reads_an_older_spelling_of_the_same() -> None:
    told = readable(DOCUMENT)
    assert told["openapi"] == "3.0.3"
    assert told["paths"].keys() == DOCUMENT["paths"].keys()
    assert {"type": "null"} not in [choice for choices in each(told, "anyOf") for choice in choices]
    assert readable({"anyOf": [{"type": "string"}, {"type": "null"}]})["nullable"] is True
    assert readable({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]})["allOf"] == [{"$ref": "#/x"}]
