"""Makes requests to the API of tools' arguments. Values are checked by the operation, as those of any request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from yarl import URL

from control.http.route import snake_case
from control.mcp.tools import DEFAULT_ROWS, MOST_ROWS, OFFSET, ApiTool

MOST_OFFSET: Final = 1_000_000


class InvalidArgument(ValueError):
    """An argument that a request cannot be made of; the message names it."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """body: JSON, None without one. idempotency_key: empty without one."""

    method: str
    url: URL
    body: bytes | None
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class ApiReply:
    """What the API answered. body: JSON, empty for 204. retry_after_s: seconds to wait, if it says so. is_replayed: the
    answer of an earlier request with the same Idempotency-Key; this one did nothing."""

    status: int
    body: bytes
    retry_after_s: str = ""
    is_replayed: bool = False


def make_request(tool: ApiTool, workspace_id: UUID, arguments: Mapping[str, Any]) -> ApiRequest:
    """The request of one call. Raises InvalidArgument for an unknown, missing or misplaced argument."""
    _check_names(tool, arguments)
    arguments = _given(tool, arguments)
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "body": {}, "": {}}
    for name, value in arguments.items():
        argument = tool.arguments[name]
        places[argument.place][argument.name] = value
    if "limit" in tool.arguments:
        places["query"].setdefault("limit", DEFAULT_ROWS)
        _check_limit(places["query"]["limit"])
    has_body = any(argument.place == "body" for argument in tool.arguments.values())
    query = {name: _query_value(name, value) for name, value in places["query"].items()}
    return ApiRequest(
        method=tool.method,
        url=URL.build(path=_fill_path(tool.path, workspace_id, places["path"]), query=query),
        body=_encode(places["body"]) if has_body else None,
        idempotency_key=_header_value(places["header"]),
    )


def read_offset(arguments: Mapping[str, Any]) -> int:
    """Entries of a list to skip. Raises InvalidArgument."""
    offset = arguments.get(OFFSET)
    if offset is None:
        return 0
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= MOST_OFFSET:
        raise InvalidArgument(f"offset: must be a whole number from 0 to {MOST_OFFSET}")
    return offset


def _check_names(tool: ApiTool, arguments: Mapping[str, Any]) -> None:
    unknown = [name for name in arguments if name not in tool.arguments]
    if unknown:
        known = ", ".join(tool.arguments) or "none"
        raise InvalidArgument(f"{unknown[0][:100]}: no such argument; there are: {known}")
    missing = [name for name in tool.required if arguments.get(name) in (None, "")]
    if missing:
        raise InvalidArgument(f"{missing[0]}: is required")


def _given(tool: ApiTool, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without null where the operation knows none: models write it for what they leave out, because some programs have
    them name all arguments."""
    schemas = tool.input_schema["properties"]
    return {
        name: value
        for name, value in arguments.items()
        if value is not None or {"type": "null"} in schemas[name].get("anyOf", ())
    }


def _check_limit(limit: Any) -> None:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_ROWS:
        raise InvalidArgument(f"limit: must be a whole number from 1 to {MOST_ROWS}")


def _fill_path(template: str, workspace_id: UUID, values: Mapping[str, Any]) -> str:
    """Only ids, in their own form: no other text can become part of a path."""
    path = template.replace("{workspaceId}", str(workspace_id))
    for name, value in values.items():
        try:
            written = str(UUID(value))
        except (ValueError, AttributeError, TypeError):
            raise InvalidArgument(f"{snake_case(name)}: must be an id (UUID)") from None
        path = path.replace(f"{{{name}}}", written)
    return path


def _query_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value).encode(errors="replace").decode()
    raise InvalidArgument(f"{name}: must be a text, a number or a truth value")


def _header_value(headers: Mapping[str, Any]) -> str:
    key = headers.get("Idempotency-Key") or ""
    if not isinstance(key, str) or len(key) > 255 or not (key.isascii() and (not key or key.isprintable())):
        raise InvalidArgument("idempotency_key: must be up to 255 printable ASCII characters")
    return key


def _encode(body: Mapping[str, Any]) -> bytes:
    """Raises InvalidArgument for what JSON cannot hold."""
    try:
        return msgspec.json.encode(body)
    except (ValueError, RecursionError):
        raise InvalidArgument("the arguments cannot be written as JSON") from None
