"""The operations of the document as methods of resources: what goes in, and what comes out."""

import keyword
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vocalized.clients.document import reachable
from vocalized.clients.python_types import UnknownSchema, reference_name

Schema = dict[str, Any]

# What names a row to go on after, by the parameter of the list: the first that a row has.
_CURSOR_FIELDS: Final = {"starting_after": ("id", "version", "user_id"), "after_seq": ("seq",)}
# Parameters that a pager sets, or that exclude it.
PAGER_PARAMETERS: Final = frozenset({"page", "ending_before"})


@dataclass(frozen=True, slots=True)
class ListCursor:
    """How a list is paged. parameter: takes `field` of the last row. rows: the answer's property with the rows, of
    schema `row`."""

    parameter: str
    field: str
    rows: str
    row: str


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """resource, name: of the method in a client. path, query: parameters as in the document. body: the schema of the
    JSON. answer: the schema of the JSON, None for none. file_type: of an answer that is a file; several: the first.
    has_key: takes an Idempotency-Key."""

    resource: str
    name: str
    method: str
    path: str
    raw: Schema
    body: Schema | None
    is_upload: bool
    answer: Schema | None
    file_type: str
    has_key: bool
    cursor: ListCursor | None

    @property
    def path_parameters(self) -> list[Schema]:
        return [parameter for parameter in self.raw["parameters"] if parameter["in"] == "path"]

    @property
    def query_parameters(self) -> list[Schema]:
        return [parameter for parameter in self.raw["parameters"] if parameter["in"] == "query"]

    @property
    def query_names(self) -> set[str]:
        return {query_parameter["name"] for query_parameter in self.query_parameters}

    @property
    def errors(self) -> dict[str, list[str]]:
        """Codes of errors by status."""
        answers = self.raw["responses"].items()
        return {status: one["x-error-codes"] for status, one in answers if one.get("x-error-codes")}


def read_operations(document: Schema) -> list[ApiOperation]:
    """All operations, those of a resource together. One that answers JSON or a file is there twice. Raises
    UnknownSchema."""
    schemas = document["components"]["schemas"]
    found = [
        operation
        for path, methods in document["paths"].items()
        for method, raw in methods.items()
        for operation in _operations(method.upper(), path, raw, schemas)
    ]
    names = Counter((one.resource, one.name) for one in found)
    if twice := [key for key, times in names.items() if times > 1]:
        raise UnknownSchema(f"two operations have one name: {twice}")
    order = list(dict.fromkeys(one.resource for one in found))
    return sorted(found, key=lambda one: order.index(one.resource))


def answer_names(
    operations: list[ApiOperation], webhooks: Mapping[str, Schema], schemas: Mapping[str, Schema]
) -> set[str]:
    """The schemas of answers and events."""
    return reachable(
        [operation.answer for operation in operations if operation.answer] + list(webhooks.values()), schemas
    )


def input_names(operations: list[ApiOperation], schemas: Mapping[str, Schema]) -> set[str]:
    """The schemas inside of bodies; a body itself becomes parameters."""
    bodies = [properties(operation.body, schemas) for operation in operations if operation.body]
    return reachable(bodies, schemas)


def properties(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """The properties of an object, named or not."""
    resolved = schemas[reference_name(schema)] if "$ref" in schema else schema
    found: Schema = resolved.get("properties", {})
    return found


def method_name(operation_id: str, tag: str) -> str:
    """The verb alone, where the rest is the tag's noun: list_agents of `Agents` is `list`. try_http_tool stays as it
    is, because `try` is a word of Python."""
    words = tag.lower().split()
    for start in range(len(words)):
        plural = "_".join(words[start:])
        for noun in (plural, _singular(plural)):
            verb = operation_id.removesuffix(f"_{noun}")
            if verb != operation_id and "_" not in verb and not keyword.iskeyword(verb):
                return verb
    return operation_id


def _singular(noun: str) -> str:
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun.removesuffix("es" if noun.endswith("sses") else "s")


def _operations(method: str, path: str, raw: Schema, schemas: Mapping[str, Schema]) -> Iterator[ApiOperation]:
    tag = raw["tags"][0]
    name = method_name(raw["operationId"], tag)
    content = raw.get("requestBody", {}).get("content", {})
    answers = _answers(raw)
    for number, (kind, schema) in enumerate(answers):
        is_file = kind != "application/json" and schema is not None
        yield ApiOperation(
            resource=re.sub(r"\W+", "_", tag.lower()),
            name=f"{name}_{kind.rpartition('/')[2]}" if number else name,
            method=method,
            path=path,
            raw={"parameters": [], **raw},
            body=content.get("application/json", {}).get("schema"),
            is_upload="application/octet-stream" in content,
            answer=None if is_file else schema,
            file_type=kind if is_file else "",
            has_key=any(one["name"] == "Idempotency-Key" for one in raw.get("parameters", ())),
            cursor=None if is_file or schema is None else _cursor(raw, schema, schemas),
        )


def _answers(raw: Schema) -> list[tuple[str, Schema | None]]:
    """The types and schemas of success: JSON, one file, or both; ("", None) without a body."""
    contents = [one.get("content", {}) for status, one in raw["responses"].items() if status.startswith("2")]
    kinds = {kind: value["schema"] for content in contents for kind, value in content.items()}
    if not kinds:
        return [("", None)]
    first = next(iter(kinds))
    if first != "application/json":
        return [(first, kinds[first])]
    return list(kinds.items())


def _cursor(raw: Schema, answer: Schema, schemas: Mapping[str, Schema]) -> ListCursor | None:
    names = {one["name"] for one in raw.get("parameters", ())}
    parameter = next((name for name in _CURSOR_FIELDS if name in names), None)
    if parameter is None:
        return None
    fields = properties(answer, schemas)
    arrays = {name: value["items"] for name, value in fields.items() if value.get("type") == "array"}
    if len(arrays) != 1 or "has_more" not in fields:
        raise UnknownSchema(f"{raw['operationId']}: a list without has_more and one array")
    ((rows, item),) = arrays.items()
    has = properties(item, schemas)
    field = next((name for name in _CURSOR_FIELDS[parameter] if name in has), None)
    if field is None:
        raise UnknownSchema(f"{raw['operationId']}: its rows have no id")
    return ListCursor(parameter, field, rows, reference_name(item))
