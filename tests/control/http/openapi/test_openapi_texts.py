"""What the OpenAPI document says to people: descriptions, examples, sections, summaries, error codes, headers."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from control.api.reference import REFERENCE
from control.app import ROUTES
from control.http.openapi.document import make_document, split_summary
from control.http.openapi.schemas import complete_schemas, has_values
from control.inbound_webhooks.routes import WEBHOOK_ROUTES
from control.outbound_webhooks.event_types import API_VERSION, EVENT_DESCRIPTIONS

ADVICE = (
    "declare it on the model: Annotated[T, Field(description=…, examples=[…])], or use a type of control/http/fields.py"
)


@cache
def document() -> dict[str, Any]:
    return make_document(
        ROUTES,
        WEBHOOK_ROUTES,
        version="1.2.3",
        public_url="https://api.example.com",
        reference=REFERENCE,
        events=EVENT_DESCRIPTIONS,
        event_version=API_VERSION,
    )


def schemas() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document()["components"]["schemas"]
    return found


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in document()["paths"].items() for operation in methods.values()]


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in schemas().items():
        for key, value in schema.get("properties", {}).items():
            yield f"{name}.{key}", value


def test_openapi_spec_validator_finds_no_fault() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_every_schema_has_its_name_as_title_and_a_description() -> None:
    assert {name: schema["title"] for name, schema in schemas().items()} == {name: name for name in schemas()}
    assert [name for name, schema in schemas().items() if not schema.get("description")] == []


def test_every_property_has_a_description_and_an_example() -> None:
    assert [name for name, value in properties() if not value.get("description")] == [], ADVICE
    assert [name for name, value in properties() if has_values(value) and "examples" not in value] == [], ADVICE


def test_null_is_described_where_it_may_be() -> None:
    """A shared type's text may say more than holds in one schema: then that field needs a text of its own."""
    told = re.compile(r"\bnull (for|if|while|without|before|unless|until|when)\b", re.IGNORECASE)
    wrong = [name for name, value in properties() if told.search(value["description"]) and not is_nullable(value)]
    assert wrong == []


def is_nullable(value: dict[str, Any]) -> bool:
    return {"type": "null"} in value.get("anyOf", [])


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("CallRow.cost_total", "What is billed for it, after included and trial minutes."),
        ("CallRow.variables", "What placeholders in the agent's texts stand for in this call."),
        ("CallRow.created_at", "Time of the creation (UTC)."),
        ("AgentConfig.turn", "When the caller's turn ends, and whether the caller may interrupt."),
        ("AgentConfigPatch.turn", "When the caller's turn ends, and whether the caller may interrupt."),
        ("ErrorDetail.param", "The field, dotted; null where no field is at fault."),
    ],
)
def test_property_is_described_as_in_its_own_schema(name: str, description: str) -> None:
    assert dict(properties())[name]["description"] == description


def test_every_example_is_valid() -> None:
    resource = DRAFT202012.create_resource(document())
    registry: Registry[Any] = Registry().with_resource("urn:document", resource)
    faults = []
    for name, value in [*properties(), *parameters()]:
        absolute = with_absolute_references(value)
        validator = OAS31Validator(absolute, registry=registry, format_checker=OAS31Validator.FORMAT_CHECKER)
        for example in value.get("examples", []):
            faults += [f"{name}: {error.message}" for error in validator.iter_errors(example)]
    assert faults == []


def parameters() -> Iterator[tuple[str, dict[str, Any]]]:
    for _, operation in operations():
        for parameter in operation.get("parameters", []):
            yield f"{operation['operationId']} {parameter['name']}", parameter["schema"]


def with_absolute_references(part: Any) -> Any:
    if isinstance(part, list):
        return [with_absolute_references(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: f"urn:document{value}" if key == "$ref" else with_absolute_references(value) for key, value in part.items()
    }


def test_every_parameter_has_a_description() -> None:
    missing = [
        f"{operation['operationId']} {parameter['name']}"
        for _, operation in operations()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
    ]
    assert missing == [], ADVICE


def test_sections_are_described_and_in_order_customers_first() -> None:
    sections = [section.name for section in REFERENCE.sections]
    used = {name for _, operation in operations() for name in operation["tags"]}
    assert [tag["name"] for tag in document()["tags"]] == sections and used == set(sections), (
        "see control/api/sections.py"
    )
    assert all(tag["description"] for tag in document()["tags"])
    staff = [name.startswith("Admin: ") for name in sections if name != "Webhooks"]
    assert staff == sorted(staff) and sections[:2] == ["Auth", "Workspaces"]


def test_summaries_are_whole_sentences() -> None:
    for path, operation in operations():
        summary = operation["summary"]
        assert summary[0].isupper() and summary[-1].isalnum() | (summary[-1] in "…)`"), (path, summary)
        assert "\n" not in summary and len(summary) <= 120, (path, summary)
    docstring = "Signs in. After wrong\npasswords it waits.\n\nCode `x`."
    assert split_summary(docstring) == ("Signs in", "After wrong passwords it waits.\n\nCode `x`.")


def test_config_of_an_agent_is_a_schema_of_its_own() -> None:
    for name, schema in (
        ("AgentView", "AgentConfig"),
        ("NewAgent", "AgentConfigPatch"),
        ("TemplateView", "AgentConfig"),
    ):
        key = "preview_config" if name == "TemplateView" else "config"
        assert schemas()[name]["properties"][key]["$ref"] == f"#/components/schemas/{schema}"
    turn = schemas()["AgentConfigPatch"]["properties"]["turn"]
    assert turn["anyOf"] == [{"$ref": "#/components/schemas/TurnTakingPatch"}, {"type": "null"}]
    assert schemas()["AgentConfigPatch"]["properties"].keys() == schemas()["AgentConfig"]["properties"].keys()
    silence = schemas()["TurnTakingPatch"]["properties"]["silence_ms"]
    assert {"type": "null"} in silence["anyOf"] and "default" not in silence
    assert schemas()["AgentConfig"]["properties"]["facts"]["additionalProperties"]["type"] == "string"


def test_each_error_has_a_text_and_is_an_example() -> None:
    assert REFERENCE.error_texts.keys() == {error for route in ROUTES for error in route.errors}
    for _, operation in operations():
        for status, response in operation["responses"].items():
            if status >= "400" and "content" in response:
                examples = response["content"]["application/json"]["examples"]
                assert response["x-error-codes"] == sorted(examples) != []
    example = document()["components"]["examples"]["agent_limit_409"]["value"]["error"]
    assert (example["type"], example["code"], example["errors"][0]["code"]) == (
        "conflict",
        "agent_limit",
        "agent_limit",
    )


def test_schemas_get_published_names_and_the_texts_that_follow_from_types() -> None:
    thing = {
        "title": "Old",
        "description": "A thing\nof ours.",
        "properties": {"title": {"title": "Title", "type": "string", "description": "Its title.", "examples": ["A"]}},
    }
    owner = {
        "title": "Owner",
        "description": "An owner.",
        "properties": {
            "thing": {"$ref": "#/components/schemas/Old"},
            "kind": {"enum": ["person", "firm"]},
            "limit": {"type": "integer", "default": 50},
        },
    }
    completed = complete_schemas({"Old": thing, "Owner": owner}, {"Old": "New"})
    assert completed["New"]["title"] == "New" and completed["New"]["description"] == "A thing of ours."
    text = {"type": "string", "description": "Its title.", "examples": ["A"]}
    assert completed["New"]["properties"] == {"title": text}
    assert completed["Owner"]["properties"] == {
        "thing": {"$ref": "#/components/schemas/New", "description": "A thing of ours."},
        "kind": {"enum": ["person", "firm"], "examples": ["person"]},
        "limit": {"type": "integer", "default": 50, "examples": [50]},
    }
