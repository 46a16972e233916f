"""The modules of the Python client with its resources and methods, once for threads and once for asyncio."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from vocalized.clients.operations import PAGER_PARAMETERS, ApiOperation, properties
from vocalized.clients.python_models import NOTICE
from vocalized.clients.python_types import TypeWriter, UnknownSchema, docstring, python_name

Schema = dict[str, Any]

_WORKSPACE: Final = "workspaceId"
# The others can come from any method.
_TOLD_ERRORS: Final = ("404", "409", "422", "429", "503")
_INPUTS: Final = TypeWriter(is_input=True, prefix="params.")
_ANSWERS: Final = TypeWriter(is_input=False, prefix="models.")


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between both clients. prefix: of their classes."""

    text: str
    prefix: str
    base: str
    define: str
    wait: str
    context_manager: str

    @property
    def pager(self) -> str:
        return f"{self.prefix}Pager"

    @property
    def file(self) -> str:
        return f"{self.prefix}FileDownload"


THREADS: Final = Flavour("for threads", "", "SyncClient", "def", "", "AbstractContextManager")
ASYNCIO: Final = Flavour("for asyncio", "Async", "AsyncClient", "async def", "await ", "AbstractAsyncContextManager")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a method. key: its name in the request. default: empty for one that is required."""

    name: str
    key: str
    kind: str
    default: str
    text: str

    @property
    def declaration(self) -> str:
        return f"{self.name}: {self.kind}" + (f" = {self.default}" if self.default else "")


def write_resources(operations: Sequence[ApiOperation], schemas: Mapping[str, Schema], flavour: Flavour) -> str:
    """The module of one flavour: a class for each resource, then the client."""
    parts = [NOTICE.format(text=f"The client's resources and methods, {flavour.text}.") + _imports(flavour)]
    resources = [(name, list(ones)) for name, ones in groupby(operations, key=lambda one: one.resource)]
    parts += [_resource(name, ones, schemas, flavour) for name, ones in resources]
    return "\n\n\n".join([*parts, _client([name for name, _ in resources], flavour)]) + "\n"


def class_name(resource: str, flavour: Flavour) -> str:
    """`phone_numbers` is PhoneNumbers."""
    return flavour.prefix + "".join(word.capitalize() for word in resource.split("_"))


def _imports(flavour: Flavour) -> str:
    return f"""
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import {flavour.context_manager}
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from . import models, params
from .clients import {flavour.base}
from .files import {flavour.file}
from .operation import Cursor, Operation, make_key
from .pages import {flavour.pager}
from .transport import {flavour.prefix}Transport
from .values import NOT_GIVEN, NotGiven
from .version import VERSION"""


def _resource(name: str, operations: Sequence[ApiOperation], schemas: Mapping[str, Schema], flavour: Flavour) -> str:
    head = [
        f"class {class_name(name, flavour)}:",
        f'    """The methods of `client.{name}`."""',
        "",
        f"    def __init__(self, transport: {flavour.prefix}Transport) -> None:",
        "        self._transport = transport",
    ]
    return "\n".join(
        [*head, *(line for operation in operations for line in ["", *_method(operation, schemas, flavour)])]
    )


def _client(resources: Sequence[str], flavour: Flavour) -> str:
    return "\n".join(
        [
            f"class {flavour.prefix}Vocalized({flavour.base}):",
            f'    """The API, {flavour.text}. See `{flavour.base}` for the arguments."""',
            "",
            "    _version = VERSION",
            "",
            f"    def _bind(self, transport: {flavour.prefix}Transport) -> None:",
            *(f"        self.{name} = {class_name(name, flavour)}(transport)" for name in resources),
        ]
    )


def _method(operation: ApiOperation, schemas: Mapping[str, Schema], flavour: Flavour) -> Iterator[str]:
    path = [
        _path_parameter(path_parameter)
        for path_parameter in operation.path_parameters
        if path_parameter["name"] != _WORKSPACE
    ]
    query = [
        _query_parameter(query_parameter)
        for query_parameter in operation.query_parameters
        if _is_shown(operation, query_parameter)
    ]
    body = _body_parameters(operation, schemas)
    others = list(_other_parameters(operation))
    named = [*sorted([*body, *query], key=lambda one: bool(one.default)), *others]
    _check(operation, [*path, *named])
    is_direct = operation.cursor is not None or bool(operation.file_type)
    declared = ", ".join(["self", *(one.declaration for one in path), *(["*"] if named else [])])
    declared = ", ".join([declared, *(one.declaration for one in named)])
    yield f"    {'def' if is_direct else flavour.define} {operation.name}({declared}) -> {_result(operation, flavour)}:"
    yield from docstring(_description(operation, [*path, *named]), " " * 8)
    yield "        operation = Operation("
    yield from (f"            {argument}," for argument in _arguments(operation, path, query, body))
    yield "        )"
    yield f"        {'return ' if is_direct or operation.answer is not None else ''}{_call(operation, flavour)}"


def _is_shown(operation: ApiOperation, parameter: Schema) -> bool:
    return operation.cursor is None or parameter["name"] not in PAGER_PARAMETERS


def _path_parameter(raw: Schema) -> Parameter:
    name = python_name(raw["name"])
    return Parameter(name, raw["name"], _INPUTS.write(raw["schema"]), "", raw.get("description", ""))


def _query_parameter(raw: Schema) -> Parameter:
    """Without a value it is left out, and the API's default holds."""
    kind = _INPUTS.write(raw["schema"])
    is_required = raw.get("required", False)
    kind = kind if is_required or kind.endswith("None") else f"{kind} | None"
    return Parameter(
        python_name(raw["name"]), raw["name"], kind, "" if is_required else "None", raw.get("description", "")
    )


def _body_parameters(operation: ApiOperation, schemas: Mapping[str, Schema]) -> list[Parameter]:
    """A field that is not given is left out; None is sent as null."""
    if operation.is_upload:
        return [Parameter("content", "", "bytes", "", "The file.")]
    if operation.body is None:
        return []
    resolved = schemas[operation.body["$ref"].rpartition("/")[2]] if "$ref" in operation.body else operation.body
    required = resolved.get("required", [])
    return [
        Parameter(
            python_name(key),
            key,
            _INPUTS.write(value) if key in required else f"{_INPUTS.write(value)} | NotGiven",
            "" if key in required else "NOT_GIVEN",
            value.get("description", ""),
        )
        for key, value in properties(operation.body, schemas).items()
    ]


def _other_parameters(operation: ApiOperation) -> Iterator[Parameter]:
    if operation.has_key:
        text = "By default a new one, which the repeats of this request share. Give yours to repeat it later."
        yield Parameter("idempotency_key", "", "str | None", "None", text)
    if any(path_parameter["name"] == _WORKSPACE for path_parameter in operation.path_parameters):
        yield Parameter("workspace_id", "", "UUID | str | None", "None", "By default the client's.")


def _check(operation: ApiOperation, parameters: Sequence[Parameter]) -> None:
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names) or "operation" in names:
        raise UnknownSchema(f"{operation.raw['operationId']}: two parameters have one name")


def _result(operation: ApiOperation, flavour: Flavour) -> str:
    if operation.file_type:
        return f"{flavour.context_manager}[{flavour.file}]"
    answer = "None" if operation.answer is None else _ANSWERS.write(operation.answer)
    if operation.cursor is not None:
        return f"{flavour.pager}[{answer}, models.{operation.cursor.row}]"
    return answer


def _call(operation: ApiOperation, flavour: Flavour) -> str:
    if operation.file_type:
        return "self._transport.download(operation)"
    answer = "None" if operation.answer is None else _ANSWERS.write(operation.answer)
    if operation.cursor is not None:
        one = operation.cursor
        cursor = f"Cursor({one.parameter!r}, {one.field!r}, {one.rows!r})"
        return f"{flavour.pager}(self._transport, operation, {answer}, {cursor})"
    if operation.answer is None:
        return f"{flavour.wait}self._transport.send_only(operation)"
    return f"{flavour.wait}self._transport.send(operation, {answer})"


def _arguments(
    operation: ApiOperation, path: Sequence[Parameter], query: Sequence[Parameter], body: Sequence[Parameter]
) -> Iterator[str]:
    yield repr(operation.method)
    yield repr(operation.path)
    values = {one.key: one.name for one in path}
    if any(path_parameter["name"] == _WORKSPACE for path_parameter in operation.path_parameters):
        values = {_WORKSPACE: "self._transport.settings.workspace(workspace_id)", **values}
    if values:
        yield f"path_values={_mapping(values)}"
    if query:
        yield f"query={_mapping({one.key: one.name for one in query})}"
    if operation.is_upload:
        yield "body=content"
    elif operation.body is not None:
        yield f"body={_mapping({one.key: one.name for one in body})}"
    if operation.has_key:
        yield "idempotency_key=make_key(idempotency_key)"
    if operation.file_type:
        yield f"accept={_accepted(operation)!r}"


def _accepted(operation: ApiOperation) -> str:
    """Of a recording any type, because the carrier may have made it."""
    return operation.file_type if operation.name.endswith(f"_{operation.file_type.rpartition('/')[2]}") else "*/*"


def _mapping(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in values.items()) + "}"


def _description(operation: ApiOperation, parameters: Sequence[Parameter]) -> str:
    raw = operation.raw
    lines = [f"{raw['summary']}.", *(["", raw["description"]] if raw.get("description") else [])]
    if operation.cursor is not None:
        lines += ["", "Iterate it for the rows of all pages; `limit` is the number of rows in one request."]
    if operation.file_type:
        lines += ["", "Use it in a `with` statement."]
    texts = [f"{parameter.name}: {parameter.text}" for parameter in parameters if parameter.text]
    errors = [f"{status}: {', '.join(codes)}" for status, codes in operation.errors.items() if status in _TOLD_ERRORS]
    lines += (["", *texts] if texts else []) + (
        ["", "Raises ApiError, among others with these codes:", *errors] if errors else []
    )
    return "\n".join(lines)
