"""Makes results of the API's answers: bounded, because all of it goes into a model's context, and cleaned where it
holds words of people outside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from control.mcp.requests import ApiReply
from control.mcp.tools import ApiTool
from control.tools.outside_text import CUT, clean

# Characters of JSON, some 10,000 tokens: clients warn of results of that size.
MOST_CHARS: Final = 40_000
MOST_ERROR_CHARS: Final = 2_000
Shaped = dict[str, Any]


@dataclass(frozen=True, slots=True)
class McpResult:
    """text: for a model. structured: the same as an object, by the tool's output schema; None for an error."""

    text: str
    structured: Shaped | None

    @property
    def is_error(self) -> bool:
        """Whether the call failed."""
        return self.structured is None


def make_result(tool: ApiTool, reply: ApiReply, offset: int = 0) -> McpResult:
    """The result of one call. offset: entries of a sliced list to skip."""
    if reply.status >= 400:
        return McpResult(describe_error(reply), None)
    answer = _clean_texts(tool, msgspec.json.decode(reply.body)) if reply.body else {"done": True}
    for path in tool.declaration.omitted:
        _omit(answer, path.split("."))
    if tool.rows:
        answer = _fit_page(answer, tool.rows)
    elif tool.declaration.sliced:
        answer = _fit_slice(answer, tool.declaration.sliced_path, offset)
    written = _write(answer)
    if len(written) > MOST_CHARS:
        return McpResult(
            f"The answer has {len(written)} characters, more than the {MOST_CHARS} that a tool gives. Ask for less.",
            None,
        )
    return McpResult(_marked(tool, written), answer)


def describe_error(reply: ApiReply) -> str:
    """What the API says is wrong, in a few lines: code, message, and each field at fault."""
    try:
        error = msgspec.json.decode(reply.body)["error"]
        lines = [f"{error['code']}: {error['message']}"]
        lines += [f"{one['param']}: {one['message']}" for one in error["errors"] if one["param"]]
        lines += [f"request_id: {error['request_id']}"]
    except (ValueError, KeyError, TypeError):
        lines = [f"The API answered with status {reply.status}."]
    if reply.retry_after_s:
        lines.append(f"Try again after {reply.retry_after_s} s.")
    return clean("\n".join(lines), MOST_ERROR_CHARS)


def _clean_texts(tool: ApiTool, answer: Any) -> Any:
    """Words from outside as in results that our own agents get (docs/untrusted-content.md)."""
    most = tool.declaration.longest_text

    def cut(text: str) -> str:
        return text if len(text) <= most else text[:most] + CUT

    def cleaned(text: str) -> str:
        return clean(text, most)

    return _map_texts(answer, cleaned if tool.declaration.has_outside_words else cut)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map_texts(one, change) for one in value]
    if isinstance(value, dict):
        return {change(name): _map_texts(one, change) for name, one in value.items()}
    return value


def _omit(answer: Any, path: Sequence[str]) -> None:
    if isinstance(answer, list):
        for one in answer:
            _omit(one, path)
        return
    first, *rest = path
    if not isinstance(answer, dict):
        return
    if rest:
        _omit(answer.get(first), rest)
    else:
        answer.pop(first, None)


def _fit_page(answer: Shaped, name: str) -> Shaped:
    """As many rows as fit; the cursor leads to the others."""
    rows = answer[name]
    kept = _fitting(rows)
    goes_on = bool(kept) and (len(kept) < len(rows) or answer["has_more"])
    return {name: kept, "next_cursor": kept[-1]["id"] if goes_on else None, "total": answer["total"]}


def _fit_slice(answer: Shaped, path: Sequence[str], offset: int) -> Shaped:
    *above, name = path
    for part in above:
        answer = answer[part]
    rows = answer[name]
    kept = _fitting(rows[offset:])
    end = offset + len(kept)
    return {name: kept, "next_offset": end if kept and end < len(rows) else None, "total": len(rows)}


def _fitting(rows: Sequence[Any]) -> list[Any]:
    """The first rows, at least one, of which MOST_CHARS holds all."""
    kept: list[Any] = []
    room = MOST_CHARS - 200  # for what stands beside the rows
    for row in rows:
        room -= len(_write(row)) + 1
        if kept and room < 0:
            break
        kept.append(row)
    return kept


def _write(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _marked(tool: ApiTool, text: str) -> str:
    """Between the marks of outside data, which the text cannot hold; its brackets were replaced."""
    if not tool.declaration.has_outside_words:
        return text
    return f"[Begin of outside data from {tool.name}]\n{text}\n[End of outside data]"
