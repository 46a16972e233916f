"""Operations of OpenAPI documents become actions; what is hostile or does not fit is skipped with a reason."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.integrations.types.openapi_import import import_operations
from shared.errors import Invalid

CONTACT = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 80}, "tags": {"type": "array", "items": {"type": "string"}}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/accounts/{account-id}/contacts": {
            "parameters": [{"$ref": "#/components/parameters/Account"}],
            "post": {
                "operationId": "createContact",
                "summary": "Creates a contact.",
                "parameters": [{"name": "X-Source", "in": "header", "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Contact"}}}},
                "responses": {
                    "400": {"description": "no"},
                    "201": {"content": {"application/json": {"schema": {
                        "type": "object", "properties": {"contactId": {}, "a/b": {}},
                    }}}},
                },
            },
            "get": {
                "operationId": "list.contacts",
                "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"content": {"application/json": {"schema": {
                    "type": "array", "items": {"$ref": "#/components/schemas/Contact"},
                }}}}},
            },
        },
        "/loop": {"get": {"operationId": "loop", "responses": {"200": {"$ref": "#/components/responses/Loop"}}}},
        "/away": {"get": {"operationId": "away", "parameters": [{"$ref": "https://evil.example/p.json"}]}},
        "/gone": {"get": {"operationId": "gone", "parameters": [{"$ref": "#/components/parameters/None"}]}},
        "/file": {"post": {"operationId": "upload", "requestBody": {"content": {"image/png": {}}}}},
        "/x/{id}": {"get": {"operationId": "unnamed"}},
    },
    "components": {
        "parameters": {"Account": {"name": "account-id", "in": "path", "required": True, "schema": {"type": "string"}}},
        "schemas": {"Contact": CONTACT},
        "responses": {"Loop": {"$ref": "#/components/responses/Loop"}},
    },
}  # fmt: skip


def test_operation_becomes_an_action() -> None:
    (action,) = import_operations(DOCUMENT, ["createContact"]).actions
    assert (action.name, action.description, action.read_only) == ("create_contact", "Creates a contact.", False)
    request = action.request
    assert (request.method, request.path) == ("POST", "/accounts/{{input.account_id}}/contacts")
    assert request.headers == {"X-Source": "{{input.X_Source}}"}
    assert request.body == {"name": "{{input.name}}", "tags": "{{input.tags}}"}
    assert action.input_schema["required"] == ["account_id", "name"]
    assert action.input_schema["properties"]["name"] == {"type": "string", "maxLength": 80}
    assert action.response.fields == {"contact_id": "/contactId", "a_b": "/a~1b"}


def test_list_becomes_an_action_with_items() -> None:
    (action,) = import_operations(DOCUMENT, ["list.contacts"]).actions
    assert (action.name, action.read_only, action.response.items) == ("list_contacts", True, "")
    assert action.request.query == {"q": "{{input.q}}"}
    assert action.response.fields == {"name": "/name", "tags": "/tags"}


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("loop", "more than 12 levels"),
        ("away", "another document"),
        ("gone", "which does not exist"),
        ("upload", "not a JSON object"),
        ("unnamed", "no parameter id"),
        ("nothing", "no such operation"),
    ],
)
def test_unfit_operation_is_skipped_with_its_reason(operation: str, reason: str) -> None:
    found = import_operations(DOCUMENT, [operation, "createContact"])
    assert reason in found.skipped[operation] and [action.name for action in found.actions] == ["create_contact"]


def test_document_that_doubles_with_each_reference_is_bounded() -> None:
    schemas: dict[str, Any] = {"S0": {"type": "string"}}
    for level in range(1, 30):
        part = {"$ref": f"#/components/schemas/S{level - 1}"}
        schemas[f"S{level}"] = {"type": "object", "properties": {name: part for name in "abcdefgh"}}
    document = {
        "openapi": "3.0.3",
        "components": {"schemas": schemas},
        "paths": {"/bomb": {"post": {"operationId": "bomb", "requestBody": {
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/S29"}}},
        }}}},
    }  # fmt: skip
    assert "5,000 parts" in import_operations(document, ["bomb"]).skipped["bomb"]


@pytest.mark.parametrize("document", [{}, {"openapi": "2.0", "paths": {}}, {"openapi": "3.1.0", "paths": []}])
def test_other_documents_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        import_operations(document, ["x"])
    assert (caught.value.code, caught.value.param) == ("document_invalid", "document")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["$ref", "name", "in", "schema", "content", "application/json", "properties", "type", "items",
                         "parameters", "requestBody", "responses", "200"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_garbage_is_skipped_or_fits(operation: Any) -> None:
    named = {**operation, "operationId": "x"} if isinstance(operation, dict) else operation
    found = import_operations({"openapi": "3.1.0", "paths": {"/x": {"post": named}}}, ["x"])
    assert len(found.actions) + len(found.skipped) == 1
