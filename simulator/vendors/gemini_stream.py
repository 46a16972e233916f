"""The events of one reply of the Gemini API.

Source: the google-genai SDK 3.6.1 (`types.py`: GenerateContentResponse, Candidate, Part, UsageMetadata).
"""

import base64
import json
import random
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.vendors.gemini_request import GeminiRefusal
from simulator.vendors.openai_stream import ChatReply


@dataclass(slots=True)
class ContentStream:
    """Makes the events of one reply. cached: tokens of the prompt that the vendor had cached. thoughts: tokens that
    the model thought. signatures: those that its calls were given."""

    model: str
    body: Mapping[str, Any]
    reply: ChatReply
    cached: int = 0
    thoughts: int = 0
    signatures: set[str] = field(default_factory=set)
    garbage: bytes = field(default=b'data: {"candidates":[{"cont\r\n\r\n', init=False)
    completion_tokens: int = field(default=0, init=False)
    reasoning: int = field(default=0, init=False)
    written: int = field(default=0, init=False)  # the vendor bills no writing to its cache
    prompt_tokens: int = field(default=0, init=False)
    id: str = field(default_factory=lambda: "".join(random.choices(string.ascii_letters, k=22)))

    def __post_init__(self) -> None:
        counted = (self.body.get(name) for name in ("systemInstruction", "tools", "contents"))
        self.prompt_tokens = sum(len(json.dumps(part).split()) for part in counted if part)
        self.cached = min(self.cached, self.prompt_tokens)

    def head(self) -> Iterator[bytes]:
        """Nothing, or that the prompt is blocked."""
        if self.reply.refusal:
            feedback = {"blockReason": self.reply.refusal}
            yield _event({"promptFeedback": feedback, "usageMetadata": self.usage(), "modelVersion": self.model})

    def tokens(self) -> Iterator[bytes]:
        """A part a token; calls of tools come whole."""
        if self.reply.refusal:
            return
        for word in self._words():
            self.completion_tokens += 1
            yield self._chunk([{"text": word}])
        for part in self._calls():
            self.completion_tokens += 1
            yield self._chunk([part])

    def end(self) -> Iterator[bytes]:
        """The reason of the end with the usage of all; the stream has no mark of its end."""
        if not self.reply.refusal:
            self.completion_tokens += self.thoughts
            yield self._chunk([{"text": ""}], self.finish_reason)

    def error(self) -> Iterator[bytes]:
        """An error after the stream began."""
        yield _event(GeminiRefusal(503, "The model is overloaded. Please try again later.").body())

    @property
    def finish_reason(self) -> str:
        """Why the reply ends."""
        is_cut = len(self._words()) < len(_split(self.reply.text))
        return self.reply.finish or ("MAX_TOKENS" if is_cut else "STOP")

    def make_response(self) -> dict[str, Any]:
        """The whole reply, whose tokens count now."""
        if self.reply.refusal:
            return {"promptFeedback": {"blockReason": self.reply.refusal}, "usageMetadata": self.usage()}
        words, calls = self._words(), list(self._calls())
        self.completion_tokens = len(words) + len(calls) + self.thoughts
        parts = [*([{"text": "".join(words)}] if words else []), *calls]
        return self._response(parts, self.finish_reason)

    def usage(self) -> dict[str, int]:
        """Of the reply until now."""
        candidates = max(0, self.completion_tokens - self.thoughts) if self.thoughts else self.completion_tokens
        counts = {
            "promptTokenCount": self.prompt_tokens,
            "candidatesTokenCount": candidates,
            "totalTokenCount": self.prompt_tokens + self.completion_tokens,
        }
        cached = {"cachedContentTokenCount": self.cached} if self.cached else {}
        return {**counts, **cached, **({"thoughtsTokenCount": self.thoughts} if self.thoughts else {})}

    def _words(self) -> list[str]:
        limit = (self.body.get("generationConfig") or {}).get("maxOutputTokens")
        words = _split(self.reply.text)
        return words if limit is None else words[: max(0, limit - self.thoughts)]

    def _calls(self) -> Iterator[dict[str, Any]]:
        """Of calls that are made together the first one is signed."""
        for place, tool in enumerate(self.reply.tools):
            call = {"id": f"{self.id[:8]}{place}", "name": tool.name, "args": json.loads(tool.arguments)}
            signature = base64.b64encode(f"signature {self.id}".encode()).decode()
            if place == 0:
                self.signatures.add(signature)
            yield {"functionCall": call, **({"thoughtSignature": signature} if place == 0 else {})}

    def _chunk(self, parts: list[dict[str, Any]], finish: str = "") -> bytes:
        return _event(self._response(parts, finish))

    def _response(self, parts: list[dict[str, Any]], finish: str = "") -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": self.usage(),
            "modelVersion": self.model,
            "responseId": self.id,
        }


def _split(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _event(fields: Mapping[str, Any]) -> bytes:
    """Lines end as the vendor ends them."""
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\r\n\r\n"
