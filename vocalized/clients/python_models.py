"""The modules of the Python client with the types of answers, of what is sent, of events and of error codes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vocalized.clients.python_types import TypeWriter, docstring, python_name

Schema = dict[str, Any]

NOTICE: Final = '"""{text}\n\nGenerated from the OpenAPI document; not to be edited."""\n'
_IMPORTS: Final = """
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Required, TypedDict
from uuid import UUID
"""


def write_models(schemas: Mapping[str, Schema], names: Iterable[str]) -> str:
    """models.py: a class for each schema of answers."""
    writer = TypeWriter(is_input=False)
    return _module("Types of the API's answers.", _IMPORTS, [_model(name, schemas[name], writer) for name in names])


def write_params(schemas: Mapping[str, Schema], names: Iterable[str]) -> str:
    """params.py: a TypedDict for each schema inside of what is sent."""
    writer = TypeWriter(is_input=True)
    return _module("Types of what is sent.", _IMPORTS, [_typed_dict(name, schemas[name], writer) for name in names])


def write_events(webhooks: Mapping[str, Schema]) -> str:
    """events.py: a class for each type of event, and the verification of webhooks."""
    writer = TypeWriter(is_input=False, prefix="models.")
    names: dict[str, str] = {}
    parts = []
    for kind, methods in webhooks.items():
        schema = event_schema(methods)
        name = "".join(word.capitalize() for word in kind.replace(".", "_").split("_")) + "Event"
        names[f"{kind} {schema['properties']['api_version']['const']}"] = name
        parts.append(_dataclass(name, {**schema, "description": methods["post"]["summary"]}, writer))
    table = "\n".join(f"    {kind!r}: {name}," for kind, name in names.items())
    kinds = " | ".join([*names.values(), "OtherEvent"])
    return _module(
        "Events that the API posts to your systems.",
        f"{_IMPORTS}\nfrom . import models\nfrom .webhooks import read_event\n",
        [*parts, _EVENTS.replace("<kinds>", kinds).replace("<table>", table)],
    )


def write_error_codes(examples: Mapping[str, Schema]) -> str:
    """error_codes.py: all codes of errors, with their meaning."""
    texts = {example["value"]["error"]["code"]: example.get("summary", "") for example in examples.values()}
    lines = [line for code in sorted(texts) for line in _code(code, texts[code])]
    body = "\n".join(["class ErrorCode(StrEnum):", '    """Codes of errors, as in `ApiError.code`."""', "", *lines])
    return _module("Codes of errors.", "\nfrom enum import StrEnum\n", [body])


def event_schema(methods: Schema) -> Schema:
    """The schema of an event's body."""
    schema: Schema = methods["post"]["requestBody"]["content"]["application/json"]["schema"]
    return schema


def _module(text: str, imports: str, parts: list[str]) -> str:
    return "\n\n\n".join([NOTICE.format(text=text) + imports.rstrip(), *parts]) + "\n"


def _model(name: str, schema: Schema, writer: TypeWriter) -> str:
    if "properties" not in schema:
        return f"{name} = {writer.write(schema)}"
    return _dataclass(name, schema, writer)


def _dataclass(name: str, schema: Schema, writer: TypeWriter) -> str:
    lines = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {name}:"]
    lines += docstring(schema.get("description", "")) or docstring(f"{name}.")
    required = schema.get("required", [])
    for key, value in schema["properties"].items():
        lines += [_field(key, value, writer, key in required), *docstring(value.get("description", ""))]
    return "\n".join(lines)


def _field(key: str, schema: Schema, writer: TypeWriter, is_required: bool) -> str:
    """A field that an answer may lack has the document's default, else it is empty or None."""
    name, kind = python_name(key), writer.write(schema)
    arguments = [] if name == key else [f"metadata={{'name': {key!r}}}"]
    if not is_required:
        default = _default(schema, kind)
        kind = f"{kind} | None" if default == "default=None" and not kind.endswith("None") else kind
        arguments.append(default)
    return f"    {name}: {kind}" + (f" = field({', '.join(arguments)})" if arguments else "")


def _default(schema: Schema, kind: str) -> str:
    """The argument of `field`."""
    default = schema.get("default")
    if isinstance(default, bool | int | str) and kind != "Decimal":
        return f"default={default!r}"
    origin = kind.partition("[")[0]
    return f"default_factory={origin}" if origin in ("list", "dict") and not default else "default=None"


def _typed_dict(name: str, schema: Schema, writer: TypeWriter) -> str:
    if "properties" not in schema:
        return f"{name} = {writer.write(schema)}"
    required = schema.get("required", [])
    if any(python_name(key) != key for key in schema["properties"]):
        return _functional_typed_dict(name, schema, writer)
    lines = [f"class {name}(TypedDict, total=False):"]
    lines += docstring(schema.get("description", "")) or docstring(f"{name}.")
    for key, value in schema["properties"].items():
        kind = writer.write(value)
        lines.append(f"    {key}: {f'Required[{kind}]' if key in required else kind}")
        lines += docstring(value.get("description", ""))
    return "\n".join(lines)


def _functional_typed_dict(name: str, schema: Schema, writer: TypeWriter) -> str:
    """For names of fields that are no names in Python."""
    required = schema.get("required", [])
    kinds = {key: writer.write(value) for key, value in schema["properties"].items()}
    fields = [f"    {key!r}: {f'Required[{kind}]' if key in required else kind!r}," for key, kind in kinds.items()]
    return "\n".join([f"{name} = TypedDict({name!r}, {{", *fields, "}, total=False)"])


def _code(code: str, text: str) -> list[str]:
    return [f"    {code.upper()} = {code!r}", *docstring(text)]


_EVENTS: Final = '''@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent:
    """An event of a type, or of a version, that this version of the client does not know."""

    id: UUID
    type: str
    api_version: str
    timestamp: dt.datetime
    workspace_id: UUID
    object_id: UUID
    sequence: int
    data: dict[str, Any]


WebhookEvent = <kinds>
_KINDS: Mapping[str, Any] = {
<table>
}


def verify_webhook(body: bytes, headers: Mapping[str, str], secret: str) -> WebhookEvent:
    """The event of a webhook, whose signature is verified first. body: the bytes as they came. secret: that of the
    endpoint, `whsec_…`. Needs the extra `webhooks`. Raises WebhookInvalid: do not use the body; AnswerInvalid."""
    event: WebhookEvent = read_event(body, headers, secret, _KINDS, OtherEvent)
    return event'''
