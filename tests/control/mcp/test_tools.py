"""Tools made of the OpenAPI document: which there are, what they take, and how much of a model's context they use."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from control.http.key_text import SCOPES
from control.http.openapi.document import response_schema
from control.mcp.declarations import TOOLS, ToolDeclaration, ToolEffect
from control.mcp.tools import OUTSIDE_WORDS, InvalidTool, make_tools, outline
from tests.control.mcp.tool_set import ROUTE_OF, all_tools


def test_every_declaration_is_a_tool_of_a_route_that_keys_may_call() -> None:
    tools = all_tools()
    assert list(tools) == [one.name for one in TOOLS] and len(tools) == len(TOOLS)
    for tool in tools.values():
        route = ROUTE_OF[tool.declaration.operation]
        assert (tool.method, tool.path, tool.scope) == (route.method, route.path, route.access.scope)
        assert tool.roles == route.access.roles and tool.scope in SCOPES


def test_effects_agree_with_the_scopes_of_the_routes() -> None:
    """A tool that only reads needs no right to write, and the other way round; what deletes says so."""
    for tool in all_tools().values():
        effect = tool.declaration.effect
        assert tool.scope.endswith(":read") == (effect is ToolEffect.READ), tool.name
        assert (tool.method == "DELETE") == (effect is ToolEffect.DELETE), tool.name


def test_every_tool_of_callers_words_says_that_they_are_no_instructions() -> None:
    tools = all_tools()
    marked = {name for name, tool in tools.items() if tool.declaration.has_outside_words}
    assert marked >= {"get_call", "get_transcript", "list_calls", "list_messages", "search_knowledge"}
    assert all((OUTSIDE_WORDS in tool.description) == (name in marked) for name, tool in tools.items())


def test_the_tools_fit_into_a_models_context() -> None:
    """What a model is shown of all tools is 18,500 characters now, some 4,500 tokens; users of other servers complain
    of tools that fill a context of 128,000 tokens."""
    shown = [{"d": tool.description, "i": tool.input_schema, "t": tool.title} for tool in all_tools().values()]
    assert len(json.dumps(shown)) < 20_000
    assert len(json.dumps([tool.output_schema for tool in all_tools().values()])) < 60_000
    assert len(TOOLS) <= 30


def test_schemas_are_valid_and_stand_alone() -> None:
    for tool in all_tools().values():
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object" and "$ref" not in json.dumps(schema), tool.name
        assert "workspace_id" not in tool.input_schema["properties"], tool.name
        assert set(tool.required) <= set(tool.input_schema["properties"]), tool.name
        for name, property_schema in tool.input_schema["properties"].items():
            assert property_schema["description"], f"{tool.name}.{name} is not described"
            assert "null" not in property_schema["description"], f"{tool.name}.{name} must not be null"


@pytest.mark.parametrize("tool", [one for one in TOOLS if one.sliced or one.omitted], ids=lambda one: one.name)
def test_omitted_and_sliced_properties_exist(tool: ToolDeclaration) -> None:
    whole = response_schema(ROUTE_OF[tool.operation])
    for path in (*tool.omitted, *filter(None, [tool.sliced])):
        part: Any = whole
        for name in path.split("."):
            part = part.get("items", part)
            part = whole["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            assert name in part["properties"], f"{tool.name}: {path}"
            part = part["properties"][name]


def test_outlines_leave_out_what_results_do() -> None:
    transcript = all_tools()["get_transcript"]
    assert list(transcript.output_schema["properties"]) == ["turns", "next_offset", "total"]
    turn = transcript.output_schema["properties"]["turns"]["items"]["properties"]
    assert set(turn) == {"turn", "caller", "agent", "person", "start_ms", "interrupted", "tools"}
    assert transcript.title == "What caller and agent said in a call, by turn, in parts"
    call = all_tools()["get_call"].output_schema["properties"]
    assert "transcription" not in call and "turns" not in call["call"]["properties"]


def test_a_page_has_one_cursor_and_a_bounded_limit() -> None:
    schema = all_tools()["list_calls"].input_schema["properties"]
    assert not {"page", "starting_after", "ending_before"} & set(schema)
    assert schema["limit"]["maximum"] == 50 and "next_cursor" in schema["cursor"]["description"]
    assert all_tools()["list_calls"].rows == "calls"
    assert "%2B" not in json.dumps(schema)


def test_tools_that_dial_require_an_idempotency_key() -> None:
    assert all_tools()["place_call"].required == ("idempotency_key", "agent_id", "phone_number_to_call")


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"security": [{"user": []}]}, "no API key may call x"),
        (
            {
                "security": [{"api_key": ["calls:read"]}],
                "parameters": [{"name": name, "in": "query", "required": False, "schema": {}} for name in ("a", "a")],
            },
            "two arguments are called a",
        ),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(operation: dict[str, Any], why: str) -> None:
    whole = {"operationId": "x", "summary": "X", "parameters": [], "responses": {"204": {}}} | operation
    document = {"paths": {"/x": {"get": whole}}, "components": {"schemas": {}}}
    with pytest.raises(InvalidTool, match=why):
        make_tools([ToolDeclaration("x", "x")], document)


def test_an_operation_that_is_not_there_is_no_tool() -> None:
    assert make_tools(TOOLS, {"paths": {}, "components": {"schemas": {}}}) == {}


def test_an_outline_keeps_names_and_types_to_its_depth() -> None:
    schemas = {"Leaf": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}}
    leaf = {"$ref": "#/components/schemas/Leaf"}
    whole = {
        "type": "object",
        "properties": {"a": leaf | {"description": "A."}, "b": {"anyOf": [leaf, {"type": "null"}]}},
        "required": ["a", "b"],
    }
    found = outline(whole, schemas, ["b"], depth=2)
    assert found == {
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
        "required": ["a"],
    }
    assert outline(whole, schemas, depth=1)["properties"]["a"] == {"type": "object"}


def test_the_document_names_every_tool_with_its_scope_and_effect() -> None:
    document = (Path(__file__).parents[3] / "docs" / "use" / "mcp.md").read_text()
    for tool in all_tools().values():
        effect = "" if tool.declaration.effect is ToolEffect.READ else f"`{tool.declaration.effect}`"
        assert f"| `{tool.name}` | `{tool.scope}` | {effect} | {tool.title} |" in document
    assert sum(line.startswith("| `") for line in document.splitlines()) == len(TOOLS) + 3
