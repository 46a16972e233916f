"""The events of one message of Anthropic's Messages API.

Source: the anthropic SDK 2.14.0 (`types/raw_*.py`, `types/message.py`, `types/usage.py`).
"""

import json
import random
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.vendors.anthropic_request import error_body
from simulator.vendors.openai_stream import ChatReply, ToolUse


def count_tokens(*parts: Any) -> int:
    """A word is a token."""
    return sum(len(json.dumps(part).split()) for part in parts if part)


@dataclass(slots=True)
class MessageStream:
    """Makes the events of one reply. cached: tokens of the prompt that the vendor had cached. written: those that it
    caches now."""

    body: Mapping[str, Any]
    reply: ChatReply
    cached: int = 0
    written: int = 0
    model: str = field(init=False)
    garbage: bytes = field(default=b'event: content_block_delta\ndata: {"type":"content_bl\n\n', init=False)
    completion_tokens: int = field(default=0, init=False)
    reasoning: int = field(default=0, init=False)
    prompt_tokens: int = field(default=0, init=False)
    id: str = field(default_factory=lambda: "msg_" + "".join(random.choices(string.ascii_letters, k=12)))

    def __post_init__(self) -> None:
        self.model = str(self.body["model"])
        self.prompt_tokens = count_tokens(self.body.get("system"), self.body.get("tools"), self.body["messages"])

    def head(self) -> Iterator[bytes]:
        """The message's beginning, and a ping."""
        yield _event("message_start", message={**self._message(), "usage": {**self._input(), "output_tokens": 1}})
        yield _event("ping")

    def tokens(self) -> Iterator[bytes]:
        """A delta a token; a block's beginning comes with its first one."""
        words = self._words()
        for place, word in enumerate(words):
            self.completion_tokens += 1
            began = self._begin(0, {"type": "text", "text": ""}) if place == 0 else b""
            ended = _event("content_block_stop", index=0) if place == len(words) - 1 else b""
            yield began + self._delta(0, {"type": "text_delta", "text": word}) + ended
        for place, tool in enumerate(self.reply.tools, start=bool(words)):
            yield from self._tool(place, tool)

    def end(self) -> Iterator[bytes]:
        """The reason of the end with the cumulative usage, and the mark of the end."""
        delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": self.completion_tokens})
        yield _event("message_stop")

    def error(self) -> Iterator[bytes]:
        """An error after the stream began."""
        body = error_body("overloaded_error", "Overloaded")
        yield b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"

    @property
    def stop_reason(self) -> str:
        """Why the reply ends."""
        is_cut = not self.reply.tools and len(self._words()) < len(_split(self.reply.text))
        return self.reply.finish or ("tool_use" if self.reply.tools else "max_tokens" if is_cut else "end_turn")

    def make_message(self) -> dict[str, Any]:
        """The whole reply, whose tokens count now."""
        for _ in self.tokens():
            pass
        text = "".join(self._words())
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        content += [
            {"type": "tool_use", "id": self._tool_id(place), "name": tool.name, "input": json.loads(tool.arguments)}
            for place, tool in enumerate(self.reply.tools)
        ]
        usage = {**self._input(), "output_tokens": self.completion_tokens}
        return {**self._message(), "content": content, "stop_reason": self.stop_reason, "usage": usage}

    def _words(self) -> list[str]:
        return _split(self.reply.text)[: self.body["max_tokens"]]

    def _tool(self, index: int, tool: ToolUse) -> Iterator[bytes]:
        """A tool without arguments has an empty text as its input."""
        self.completion_tokens += 1
        block = {"type": "tool_use", "id": self._tool_id(index), "name": tool.name, "input": {}}
        yield self._begin(index, block) + self._delta(index, {"type": "input_json_delta", "partial_json": ""})
        arguments = "" if tool.arguments == "{}" else tool.arguments
        half = len(arguments) // 2
        for piece in filter(None, (arguments[:half], arguments[half:])):
            self.completion_tokens += 1
            yield self._delta(index, {"type": "input_json_delta", "partial_json": piece})
        yield _event("content_block_stop", index=index)

    def _tool_id(self, index: int) -> str:
        return f"toolu_01{self.id[-8:]}{index}"

    def _begin(self, index: int, block: Mapping[str, Any]) -> bytes:
        return _event("content_block_start", index=index, content_block=block)

    def _delta(self, index: int, delta: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", index=index, delta=delta)

    def _input(self) -> dict[str, int]:
        return {
            "input_tokens": self.prompt_tokens - self.cached - self.written,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.cached,
        }

    def _message(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }


def _split(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()
