"""Makes results of the API's answers: bounded, because all of it goes into a model's context, and cleaned where it
holds words of people outside."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from control.mcp.requests import ApiReply
from control.mcp.tools import ApiTool
from control.tools.outside_text import CUT, clean

# Characters of JSON, some 10,000 tokens: clients warn of results of that size.
MOST_CHARS: Final = 40_000
MOST_ERROR_CHARS: Final = 2_000
# Texts of an answer that is too long are cut to these lengths, one after the other, then its lists.
SHORTER_TEXTS: Final = (8_000, 2_000, 500, 100)
SHORTER_LISTS: Final = (100, 30, 10)
SHORTENED: Final = "The answer was too long: texts of over {texts} characters{lists} were cut off."
REPLAYED_NOTE: Final = "Nothing was done: this is the answer to an earlier call with the same idempotency_key."
Shaped = dict[str, Any]
Change = Callable[[str], str]


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


def _write_result(tool: ApiTool, answer: Shaped) -> McpResult:
    """An answer that is too long, and has no next page, is shortened and says so in `shortened`."""
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
    """Characters of a text and entries of a list; 0: whole lists."""
    yield from ((texts, 0) for texts in SHORTER_TEXTS)
    yield from ((SHORTER_TEXTS[-1], lists) for lists in SHORTER_LISTS)


def _shorten(value: Any, texts: int, lists: int) -> Any:
    if isinstance(value, str):
        return _cut(value, texts)
    if isinstance(value, list):
        return [_shorten(one, texts, lists) for one in (value[:lists] if lists else value)]
    if isinstance(value, dict):
        return {name: _shorten(one, texts, lists) for name, one in value.items()}
    return value


def _text_change(tool: ApiTool) -> Change:
    """What texts go through: words from outside as in results that our own agents get (docs/untrusted-content.md)."""
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


def _fit_page(answer: Shaped, name: str, change: Change) -> Shaped:
    """As many rows as fit; the cursor leads to the others."""
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
    """The first rows with their texts changed, at least one, of which MOST_CHARS holds all. The others are not looked
    at: cleaning all 3,000 turns of a long call for each of its parts held the event loop for 60 ms."""
    kept: list[Any] = []
    room = MOST_CHARS - 200  # for what stands beside the rows
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
    """Between the marks of outside data, which the text cannot hold; its brackets were replaced."""
    if not tool.declaration.has_outside_words:
        return text
    return f"[Begin of outside data from {tool.name}]\n{text}\n[End of outside data]"
