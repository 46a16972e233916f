"""The events of one streamed chat completion, as OpenAI, Groq, OpenRouter, Azure OpenAI and xAI send them."""

import json
import random
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.vendors.openai_request import Flavour

CREATED: Final = 1_795_000_000
_FILTERS: Final = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the model calls. arguments: JSON text."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the model answers. finish: its finish_reason, by default `stop` or `tool_calls`. refusal: what it says in
    place of an answer, where it declines; only of replies that are not streamed."""

    text: str
    tools: tuple[ToolUse, ...] = ()
    finish: str = ""
    refusal: str = ""


@dataclass(slots=True)
class ReplyStream:
    """Makes the events of one reply, and counts its tokens: a word is a token. cached, written: tokens of the prompt
    that the vendor had cached, and that it caches now (OpenRouter tells them, and OpenAI of some models). reasoning:
    tokens that are billed besides: of thinking before the reply. xAI counts them apart."""

    flavour: Flavour
    body: Mapping[str, Any]
    reply: ChatReply
    model: str
    cached: int = 0
    reasoning: int = 0
    written: int = 0
    garbage: bytes = field(default=b'data: {"choices":[{"delta":{"conte\n\n', init=False)
    completion_tokens: int = field(default=0, init=False)
    prompt_tokens: int = field(default=0, init=False)
    id: str = field(default_factory=lambda: "chatcmpl-" + "".join(random.choices(string.ascii_letters, k=12)))

    def __post_init__(self) -> None:
        texts = [json.dumps(message) for message in (*self.body["messages"], *(self.body.get("tools") or []))]
        self.prompt_tokens = sum(len(text.split()) for text in texts)
        self.cached = min(self.cached, self.prompt_tokens)
        self.written = min(self.written, self.prompt_tokens - self.cached)

    def head(self) -> Iterator[bytes]:
        """What comes before the first token's event."""
        if self.flavour == "openrouter":
            yield b": OPENROUTER PROCESSING\n\n"
        if self.flavour == "azure":
            results = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
            blank = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
            yield _event({**blank, "prompt_filter_results": results})

    def tokens(self) -> Iterator[bytes]:
        """An event a token; the first also brings the role. Each counts when it is taken."""
        role: dict[str, Any] = {"role": "assistant", "content": ""}
        for word in self._words():
            self.completion_tokens += 1
            yield self._delta({**role, "content": word})
            role = {}
        for index, tool in enumerate(self.reply.tools):
            yield from self._tool(index, tool, role)
            role = {}

    def end(self) -> Iterator[bytes]:
        """The reason of the end, the usage if it is wanted, and the mark of the end."""
        usage = self.usage()
        last = self._chunk([{"index": 0, "delta": {}, "finish_reason": self.finish, "logprobs": None}])
        yield _event({**last, "x_groq": {"id": f"req_{self.id}", "usage": usage}} if self.flavour == "groq" else last)
        wanted = bool((self.body.get("stream_options") or {}).get("include_usage")) or self.flavour == "openrouter"
        if wanted:
            yield _event({**self._chunk([]), "usage": usage})
        yield b"data: [DONE]\n\n"

    def error(self) -> Iterator[bytes]:
        """An error after the stream began, as the vendor reports it."""
        if self.flavour == "openrouter":
            choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
            fields = {"code": 502, "message": "Provider disconnected"}
            yield _event({**self._chunk([choice]), "error": fields})
        elif self.flavour == "groq":
            failed = {"message": "over capacity", "type": "internal_server_error"}
            yield b"event: error\n" + _event({"error": failed})
        else:
            message = "The server had an error while processing your request."
            yield _event({"error": {"message": message, "type": "server_error", "param": None, "code": None}})

    def usage(self) -> dict[str, Any]:
        """What the reply cost until now."""
        is_apart = self.flavour == "xai"
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens + (0 if is_apart else self.reasoning),
            "total_tokens": self.prompt_tokens + self.completion_tokens + self.reasoning,
            "prompt_tokens_details": {
                "cached_tokens": self.cached,
                **({"cache_write_tokens": self.written} if self.written else {}),
            },
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }

    @property
    def finish(self) -> str:
        """Why the reply ends."""
        return self.reply.finish or ("tool_calls" if self.reply.tools else self._finish_of_text())

    @property
    def sent_text(self) -> str:
        """The reply's text up to its limit."""
        return "".join(self._words())

    def _words(self) -> list[str]:
        limit = self.body.get("max_completion_tokens") or self.body.get("max_tokens") or len(self.reply.text) + 1
        return re.findall(r"\S+\s*|\s+", self.reply.text)[:limit]

    def _finish_of_text(self) -> str:
        return "stop" if self.completion_tokens == len(re.findall(r"\S+\s*|\s+", self.reply.text)) else "length"

    def _tool(self, index: int, tool: ToolUse, role: dict[str, Any]) -> Iterator[bytes]:
        half = len(tool.arguments) // 2
        head = {"index": index, "id": f"call_{self.id[-6:]}_{index}", "type": "function"}
        self.completion_tokens += 1
        yield self._delta({**role, "tool_calls": [{**head, "function": {"name": tool.name, "arguments": ""}}]})
        for piece in (tool.arguments[:half], tool.arguments[half:]):
            self.completion_tokens += 1
            yield self._delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
        if self.flavour == "azure":
            choice["content_filter_results"] = _FILTERS
        chunk = self._chunk([choice])
        options = self.body.get("stream_options") or {}
        if self.flavour == "openai" and options.get("include_obfuscation", True):
            chunk["obfuscation"] = "".join(random.choices(string.ascii_letters + string.digits, k=8))
        if self.flavour == "groq" and "role" in delta:
            chunk["x_groq"] = {"id": f"req_{self.id}"}
        return _event(chunk)

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        chunk = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        }
        return {**chunk, "provider": "Simulated"} if self.flavour == "openrouter" else chunk


def _event(fields: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"
