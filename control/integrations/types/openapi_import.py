"""Converts operations of an OpenAPI 3 document to actions.

Sizes are bounded, and references must stay within the document.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from control.integrations.types.rules import MAX_FIELDS, PLACEHOLDER, Action, find_value
from control.validation import list_faults
from shared.errors import Invalid

# Bounds of an operation after references are resolved. A recursive schema exceeds MAX_DEPTH.
MAX_DEPTH: Final = 12
MAX_NODES: Final = 5_000
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_JSON: Final = "application/json"
_KEPT: Final = (
    "type", "description", "enum", "format", "items", "properties", "required", "default", "minimum", "maximum",
    "minLength", "maxLength", "minItems", "maxItems",
)  # fmt: skip
_PATH_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")


class OperationUnfit(Exception):
    """An operation that cannot become an action. The message states the reason."""


@dataclass(frozen=True, slots=True)
class ImportedOperations:
    """The result of an import.

    Attributes:
        skipped: Reasons for skipped operations, keyed by operationId.
    """

    actions: list[Action]
    skipped: dict[str, str] = field(default_factory=dict)


def import_operations(document: Mapping[str, Any], wanted: Iterable[str]) -> ImportedOperations:
    """Return the actions for these operationIds. Raises Invalid (code document_invalid) unless the document is OpenAPI
    3.
    """
    paths = document.get("paths")
    if not str(document.get("openapi", "")).startswith("3.") or not isinstance(paths, Mapping):
        raise Invalid("This is not an OpenAPI 3 document.", code="document_invalid", param="document")
    operations = _operations(paths)
    found = ImportedOperations([])
    for name in dict.fromkeys(wanted):
        try:
            if name not in operations:
                raise OperationUnfit("the document has no such operation")
            found.actions.append(_make_action(document, name, *operations[name]))
        except OperationUnfit as unfit:
            found.skipped[name] = str(unfit)
    return found


def _operations(paths: Mapping[str, Any]) -> dict[str, tuple[str, str, Mapping[str, Any], list[Any]]]:
    """Return path, method, operation and the parameters shared by the path, keyed by operationId."""
    found = {}
    for path, item in paths.items():
        if not isinstance(item, Mapping):
            continue
        shared = item.get("parameters")
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, Mapping) and isinstance(operation.get("operationId"), str):
                shared_list = shared if isinstance(shared, list) else []
                found[operation["operationId"]] = (str(path), method, operation, shared_list)
    return found


def _make_action(
    document: Mapping[str, Any], name: str, path: str, method: str, operation: Mapping[str, Any], shared: list[Any]
) -> Action:
    schemas = SchemaReader(document)
    inputs = ActionInputs()
    own = operation.get("parameters")
    for raw in [*shared, *(own if isinstance(own, list) else [])]:
        inputs.add_parameter(schemas.read(raw))
    body = schemas.read(operation.get("requestBody") or {})
    if body:
        inputs.add_body(find_value(body, f"/content/{_JSON.replace('/', '~1')}/schema"))
    missing = set(_PATH_PARAMETER.findall(path)) - inputs.in_path.keys()
    if missing:
        raise OperationUnfit(f"its path has no parameter {', '.join(sorted(missing))}")
    declared = {
        "name": _snake_case(name),
        "description": str(operation.get("summary") or operation.get("description") or "")[:2_000],
        "input_schema": inputs.schema,
        "request": {
            "method": method.upper(),
            "path": _PATH_PARAMETER.sub(lambda part: inputs.in_path[part[1]], path),
            "query": inputs.query,
            "headers": inputs.headers,
            "body": inputs.body or None,
        },
        "response": _read_response(schemas, operation),
        "read_only": method == "get",
    }
    try:
        return Action.model_validate(declared)
    except ValidationError as error:
        fault = list_faults(error)[0]
        raise OperationUnfit(f"{fault.param}: {fault.message}") from None


class SchemaReader:
    """Resolves the references in a document's schemas and drops parts that actions do not need."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document, self._nodes = document, 0

    def read(self, value: Any, depth: int = 0) -> Any:
        """Return a schema with resolved references.

        Raises OperationUnfit for a reference to another document, and if the bounds are exceeded.
        """
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise OperationUnfit(f"its schemas have more than {MAX_DEPTH} levels or {MAX_NODES:,} parts")
        if isinstance(value, list):
            return [self.read(item, depth + 1) for item in value]
        if not isinstance(value, Mapping):
            return value
        if "$ref" in value:
            return self.read(self._resolve(value["$ref"]), depth + 1)
        return {key: self.read(inner, depth + 1) for key, inner in value.items()}

    def _resolve(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise OperationUnfit("it refers to another document")
        found = find_value(self._document, reference[1:])
        if found is None:
            raise OperationUnfit(f"it refers to {reference[:100]}, which does not exist")
        return found


class ActionInputs:
    """The arguments of an action and their places in the request.

    Attributes:
        in_path: Placeholders, keyed by the parameter names in the path.
    """

    def __init__(self) -> None:
        self.in_path: dict[str, str] = {}
        self.query: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.body: dict[str, str] = {}
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        required = {"required": self._required} if self._required else {}
        return {"type": "object", "properties": self._properties, "additionalProperties": False} | required

    def add_parameter(self, parameter: Any) -> None:
        """Add a parameter of the path, query or header. Cookies are not sent."""
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("name"), str):
            raise OperationUnfit("a parameter has no name")
        name, place = parameter["name"], parameter.get("in")
        places = {"path": self.in_path, "query": self.query, "header": self.headers}
        target = places.get(str(place))
        if target is None:
            return
        is_required = place == "path" or parameter.get("required") is True
        target[name] = self._add(name, parameter.get("schema"), is_required=is_required)

    def add_body(self, schema: Any) -> None:
        """Add the properties of a JSON body."""
        if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
            raise OperationUnfit("its body is not a JSON object")
        required = schema.get("required")
        for name, inner in schema["properties"].items():
            is_required = isinstance(required, list) and name in required
            self.body[name] = self._add(name, inner, is_required=is_required)

    def _add(self, name: str, schema: Any, *, is_required: bool) -> str:
        """Add an argument and return its placeholder."""
        argument = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if argument in self._properties or len(self._properties) >= MAX_FIELDS:
            raise OperationUnfit(f"it has two arguments {argument}, or more than {MAX_FIELDS}")
        self._properties[argument] = _keep(schema)
        if is_required:
            self._required.append(argument)
        placeholder = f"{{{{input.{argument}}}}}"
        if not PLACEHOLDER.fullmatch(placeholder):
            raise OperationUnfit(f"its argument {name[:50]!r} has no name that a placeholder can hold")
        return placeholder


def _keep(schema: Any) -> dict[str, Any]:
    """Return the parts of an argument's schema that a language model needs."""
    if not isinstance(schema, Mapping):
        return {}
    kept = {key: schema[key] for key in _KEPT if key in schema}
    if isinstance(kept.get("properties"), Mapping):
        kept["properties"] = {name: _keep(inner) for name, inner in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _keep(kept["items"])
    return kept


def _read_response(schemas: SchemaReader, operation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the first success response with JSON. Return an empty dict if there is no such response."""
    responses = operation.get("responses")
    for status, raw in sorted(responses.items()) if isinstance(responses, Mapping) else ():
        if str(status).startswith("2"):
            schema = find_value(schemas.read(raw), f"/content/{_JSON.replace('/', '~1')}/schema")
            if isinstance(schema, Mapping):
                return _map_response(schema)
    return {"fields": {}}


def _map_response(schema: Mapping[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return {"items": "", "fields": _fields(schema["items"])}
    return {"fields": _fields(schema)}


def _fields(schema: Mapping[str, Any]) -> dict[str, str]:
    properties = schema.get("properties")
    names = list(properties)[:MAX_FIELDS] if isinstance(properties, Mapping) else []
    return {_snake_case(name): "/" + name.replace("~", "~0").replace("/", "~1") for name in names}


def _snake_case(name: str) -> str:
    """Return the name in snake case: `createContact` and `create-contact` become `create_contact`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")[:64]
