"""Values of another JSON type than the documented one."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from control.app import ROUTES
from control.http.inputs import read_model
from control.http.openapi.document import body_schema
from control.http.route import read_signature
from shared.errors import Invalid
from tests.platform.api import running_api

# Texts and numbers that a lenient reader takes for another type.
LOOKALIKES: dict[str, tuple[Any, ...]] = {
    "boolean": ("off", "no", "yes", "true", "1", 0, 1),
    "integer": ("75", True, 7.5),
    "number": ("75", True),
}


def _typed_fields() -> list[tuple[str, type[BaseModel], str, str]]:
    """The fields of all request bodies that OpenAPI declares with one of the types above and no other one but null."""
    bodies = {f"{route.method} {route.path}": (route, read_signature(route).body) for route in ROUTES}
    return [
        (f"{name} {field}", body, field, kind)
        for name, (route, body) in bodies.items()
        if body is not None
        for field, schema in body_schema(route)["properties"].items()
        if (kind := _only_type(schema)) in LOOKALIKES
    ]


def _only_type(schema: dict[str, Any]) -> str:
    kinds = {part.get("type", "") for part in schema.get("anyOf", [schema])} - {"null"}
    return kinds.pop() if len(kinds) == 1 else ""


FIELDS = _typed_fields()


@pytest.mark.parametrize(("body", "field", "kind"), [field[1:] for field in FIELDS], ids=[field[0] for field in FIELDS])
def test_refuses_values_of_another_type(body: type[BaseModel], field: str, kind: str) -> None:
    for value in LOOKALIKES[kind]:
        with pytest.raises(Invalid) as raised:
            read_model(body, json.dumps({field: value}).encode())
        assert [error.code for error in raised.value.errors if error.param == field] == ["wrong_type"], value


def test_finds_the_fields_of_all_routes() -> None:
    assert {kind for *_, kind in FIELDS} >= {"boolean", "integer"}
    assert len(FIELDS) > 40


def test_reads_amounts_of_money_from_numbers_and_texts() -> None:
    """OpenAPI declares both, because a text keeps all decimal places in any client."""
    route = next(route for route in ROUTES if route.path == "/admin/billing/exchange-rates" and route.method == "POST")
    body = read_signature(route).body
    assert body is not None
    assert body_schema(route)["properties"]["usd"]["anyOf"][1] == {"type": "string"}
    for value in ("1.08", 1.08):
        document = json.dumps({"currency": "eur", "usd": value}).encode()
        assert str(read_model(body, document).model_dump()["usd"]) == "1.08"


async def test_user_is_not_deactivated_by_a_text(seeded_database_url: str, valkey_url: str) -> None:
    async with running_api(seeded_database_url, valkey_url) as api:
        user, admin = await api.sign_up(), await api.admin("super_admin")
        for value in ("off", "no", 0):
            reply = await admin.put(f"/admin/users/{user.id}", {"is_active": value})
            assert reply.status == 422
            assert reply.body["error"]["errors"] == [
                {"param": "is_active", "code": "wrong_type", "message": "must be true or false"}
            ]
        assert (await admin.get(f"/admin/users/{user.id}")).body["user"]["is_active"] is True
        assert (await admin.get("/admin/calls?limit=75&page=1")).status == 200
