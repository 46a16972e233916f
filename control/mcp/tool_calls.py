"""Converts a tool call to an API request, and the API's answer to the tool's result.

The operation checks the values of the arguments, as for any request. A result is limited in size, because a model's
context holds all of it, and cleaned if it contains words of people outside.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from yarl import URL

from control.http.auth.authorization import ValidKey
from control.http.route import snake_case
from control.mcp.declarations import ToolEffect
from control.mcp.tools import DEFAULT_ROWS, MOST_ROWS, OFFSET, ApiTool
from control.tools.rules import CUT, clean

log = structlog.get_logger()


# -- The request, from a tool's arguments --

MOST_OFFSET: Final = 1_000_000


class InvalidArgument(ValueError):
    """An argument that cannot be part of a request. The message names it."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to the API.

    Attributes:
        body: JSON; None for a request without a body.
        idempotency_key: Empty if none is sent.
    """

    method: str
    url: URL
    body: bytes | None
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class ApiReply:
    """An answer of the API.

    Attributes:
        body: JSON; empty for status 204.
        retry_after_s: Seconds to wait, if the answer contains them.
        is_replayed: Whether the answer repeats an earlier request with this Idempotency-Key. The current request did
            nothing then.
    """

    status: int
    body: bytes
    retry_after_s: str = ""
    is_replayed: bool = False


def make_request(tool: ApiTool, workspace_id: UUID, arguments: Mapping[str, Any]) -> ApiRequest:
    """Convert a tool call to an API request. Raises InvalidArgument for an unknown, missing or misplaced argument."""
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
    """Return the number of list entries to skip. Raises InvalidArgument."""
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
        raise InvalidArgument(f"{unknown[0][:100]}: this argument does not exist; the arguments are: {known}")
    missing = [name for name in tool.required if arguments.get(name) in (None, "")]
    if missing:
        raise InvalidArgument(f"{missing[0]}: is required")


def _given(tool: ApiTool, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out null arguments if the operation does not accept null.

    Models write null for arguments that they want to leave out, because some programs require all arguments.
    """
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
    """Fill the path with ids only, so that no other text can become part of a path."""
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
    """Encode a body as JSON. Raises InvalidArgument for a value that JSON cannot represent."""
    try:
        return msgspec.json.encode(body)
    except (ValueError, RecursionError):
        raise InvalidArgument("the arguments cannot be written as JSON") from None


# -- The result, from the API's answer --

# Maximum size of a result in characters of JSON, about 10,000 tokens. Clients warn about larger results.
MOST_CHARS: Final = 40_000
MOST_ERROR_CHARS: Final = 2_000
# Limits in characters that are tried in turn to shorten the texts of an answer that is too long; its lists follow.
SHORTER_TEXTS: Final = (8_000, 2_000, 500, 100)
SHORTER_LISTS: Final = (100, 30, 10)
SHORTENED: Final = "The answer was too long: texts of over {texts} characters{lists} were cut off."
REPLAYED_NOTE: Final = "Nothing was done: this is the answer to an earlier call with the same idempotency_key."
Shaped = dict[str, Any]
Change = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class McpResult:
    """The result of a tool.

    Attributes:
        text: The result as text for a model.
        structured: The result as an object that fits the tool's output schema; None for an error.
    """

    text: str
    structured: Shaped | None

    @property
    def is_error(self) -> bool:
        """Return whether the call failed."""
        return self.structured is None


def make_result(tool: ApiTool, reply: ApiReply, offset: int = 0) -> McpResult:
    """Convert the API's answer to the result of a tool call.

    Args:
        offset: Number of entries of a sliced list to skip.
    """
    if reply.status >= 400:
        return McpResult(describe_error(reply), None)
    answer = msgspec.json.decode(reply.body) if reply.body else {"done": True}
    for path in tool.declaration.omitted:
        _omit(answer, path.split("."))
    change = _text_change(tool)
    if tool.rows:
        answer = _fit_page(answer, tool.rows, change)
    elif tool.declaration.sliced:
        answer = _fit_slice(answer, tool.declaration.sliced_path, offset, change)
    else:
        answer = _map_texts(answer, change)
    if reply.is_replayed:
        answer["replayed"] = REPLAYED_NOTE
    return _write_result(tool, answer)


def describe_error(reply: ApiReply) -> str:
    """Describe an API error in a few lines: code, message, and each invalid field."""
    try:
        error = msgspec.json.decode(reply.body)["error"]
        lines = [f"{error['code']}: {error['message']}"]
        lines += [f"{fault['param']}: {fault['message']}" for fault in error["errors"] if fault["param"]]
        lines += [f"request_id: {error['request_id']}"]
    except (ValueError, KeyError, TypeError):
        lines = [f"The API answered with status {reply.status}."]
    if reply.retry_after_s:
        lines.append(f"Try again after {reply.retry_after_s} s.")
    return clean("\n".join(lines), MOST_ERROR_CHARS)


def _write_result(tool: ApiTool, answer: Shaped) -> McpResult:
    """Convert an answer to a result.

    An answer that is too long and has no next page is shortened, which `shortened` states.
    """
    written, whole = _write(answer), answer
    for texts, lists in _shorter_sizes():
        if len(written) <= MOST_CHARS:
            break
        note = SHORTENED.format(texts=texts, lists=f" and lists of over {lists} entries" if lists else "")
        answer = {"shortened": note, **_shorten(whole, texts, lists)}
        written = _write(answer)
    if len(written) > MOST_CHARS:
        return McpResult(f"The answer has {len(written)} characters, more than the {MOST_CHARS} of a tool.", None)
    return McpResult(_marked(tool, written), answer)


def _shorter_sizes() -> Iterable[tuple[int, int]]:
    """Yield limits for the characters of a text and the entries of a list; 0 keeps whole lists."""
    yield from ((texts, 0) for texts in SHORTER_TEXTS)
    yield from ((SHORTER_TEXTS[-1], lists) for lists in SHORTER_LISTS)


def _shorten(value: Any, texts: int, lists: int) -> Any:
    if isinstance(value, str):
        return _cut(value, texts)
    if isinstance(value, list):
        return [_shorten(item, texts, lists) for item in (value[:lists] if lists else value)]
    if isinstance(value, dict):
        return {name: _shorten(part, texts, lists) for name, part in value.items()}
    return value


def _text_change(tool: ApiTool) -> Change:
    """Return the function that changes texts. Words from outside are marked as in the results for our own agents.

    See docs/evidence/untrusted-content.md.
    """
    most = tool.declaration.longest_text
    if tool.declaration.has_outside_words:
        return lambda text: clean(text, most)
    return lambda text: _cut(text, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most + len(CUT) else text[:most] + CUT


def _map_texts(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {change(name): _map_texts(part, change) for name, part in value.items()}
    return value


def _omit(answer: Any, path: Sequence[str]) -> None:
    if isinstance(answer, list):
        for part in answer:
            _omit(part, path)
        return
    first, *rest = path
    if not isinstance(answer, dict):
        return
    if rest:
        _omit(answer.get(first), rest)
    else:
        answer.pop(first, None)


def _fit_page(answer: Shaped, name: str, change: Change) -> Shaped:
    """Shorten a page to the rows that fit. The cursor leads to the next rows."""
    rows = answer[name]
    kept = _fitting(rows, change)
    goes_on = bool(kept) and (len(kept) < len(rows) or answer["has_more"])
    return {name: kept, "next_cursor": kept[-1]["id"] if goes_on else None, "total": answer["total"]}


def _fit_slice(answer: Shaped, path: Sequence[str], offset: int, change: Change) -> Shaped:
    *above, name = path
    for part in above:
        answer = answer[part]
    rows = answer[name]
    kept = _fitting(rows[offset:], change)
    end = offset + len(kept)
    return {name: kept, "next_offset": end if kept and end < len(rows) else None, "total": len(rows)}


def _fitting(rows: Sequence[Any], change: Change) -> list[Any]:
    """Return the first rows that fit into MOST_CHARS, at least one row, with their texts changed.

    The other rows are not cleaned: cleaning all 3,000 turns of a long call for each part blocked the event loop for 60
    ms.
    """
    kept: list[Any] = []
    room = MOST_CHARS - 200  # 200 characters are reserved for the rest of the answer.
    for row in rows:
        changed = _map_texts(row, change)
        room -= len(_write(changed)) + 1
        if kept and room < 0:
            break
        kept.append(changed)
    return kept


def _write(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _marked(tool: ApiTool, text: str) -> str:
    """Put the text between the marks of outside data.

    The text cannot contain the marks, because its brackets are replaced.
    """
    if not tool.declaration.has_outside_words:
        return text
    return f"[Begin of outside data from {tool.name}]\n{text}\n[End of outside data]"


# -- The tools of one connection --

ASKABLE: Final = tuple(effect for effect in ToolEffect if effect is not ToolEffect.READ)
SendRequest = Callable[[ApiRequest], Awaitable[ApiReply]]


class UnknownTool(LookupError):
    """No tool has this name, for any key."""


class KeyTools:
    """The tools of a connection: tools that its key's scopes and role allow, and that read or have a requested effect.

    Args:
        tools: All tools by name.
        effects: The effects that the connection requested.
        send: Sends a request to the API with the connection's key, so that the API authorizes each call again.
    """

    def __init__(
        self, tools: Mapping[str, ApiTool], key: ValidKey, effects: Collection[ToolEffect], send: SendRequest
    ) -> None:
        self._tools, self._key = tools, key
        self._effects = frozenset(effects) | {ToolEffect.READ}
        self._send = send

    def list_available(self) -> list[ApiTool]:
        """Return the tools that the key may call and whose effects the connection requested."""
        return [tool for tool in self._tools.values() if not self._refusal(tool)]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> McpResult:
        """Call a tool. Returns its result, or a description of the error in the call. Raises UnknownTool."""
        tool = self._tools.get(name)
        if tool is None:
            raise UnknownTool(name)
        if refusal := self._refusal(tool):
            return McpResult(refusal, None)
        try:
            offset = read_offset(arguments)
            request = make_request(tool, self._key.identity.workspace_id, arguments)
        except InvalidArgument as fault:
            return McpResult(str(fault), None)
        reply = await self._send(request)
        log.info("mcp_tool.called", tool=name, status=reply.status, api_key_id=str(self._key.identity.key_id))
        return make_result(tool, reply, offset)

    def _refusal(self, tool: ApiTool) -> str:
        """Return why this connection cannot use the tool; empty if it can."""
        effect = tool.declaration.effect
        if tool.scope not in self._key.identity.scopes:
            return f"{tool.name} needs the scope {tool.scope}, which the API key does not have."
        if tool.roles and self._key.role not in tool.roles:
            return f"{tool.name} needs another role than {self._key.role}, that of the API key's holder."
        if effect not in self._effects:
            return (
                f"{tool.name} is off. Whoever set up this connection can turn it on by adding {effect} to `allow` "
                "in the server's settings; a model cannot."
            )
        return ""
