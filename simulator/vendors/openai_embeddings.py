"""A simulated server of OpenAI's embeddings (`/v1/embeddings`).

Source: platform.openai.com/docs/api-reference/embeddings, and the types of the openai SDK, which asks for base64.
"""

import asyncio
import base64
import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.faults import FaultInjector
from simulator.vendors.openai_request import Refusal, no_credit, rate_limited, unknown_model, wrong_key
from simulator.vendors.server import VendorState, reset_connection

PATH: Final = "/v1/embeddings"
# Limits of the reference: texts of a request, and tokens of a text, for which words stand here.
MOST_TEXTS: Final = 2_048
MOST_TOKENS: Final = 8_192
_FIELDS: Final = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_WORD: Final = re.compile(r"\w+")


@dataclass(slots=True)
class EmbeddingsVendor:
    """A text's vector is the sum of its words' vectors, so that texts with the same words are near each other.
    concepts: words that mean the same, by word. dimensions: of a vector where the request names no number. models: None
    if every name is one. answer_s: delay. bodies: of the requests that were accepted."""

    state: VendorState = field(default_factory=VendorState)
    concepts: Mapping[str, str] = field(default_factory=dict)
    dimensions: int = 1_536
    models: frozenset[str] | None = None
    answer_s: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        """All addresses."""
        return [web.post(PATH, self._embed)]

    def make_vector(self, text: str, dimensions: int) -> list[float]:
        """Of length 1, as the real ones; of a text without words, the first axis."""
        sums = [0.0] * dimensions
        for word in _WORD.findall(text.lower()):
            for at, sign in _directions(self.concepts.get(word, word), dimensions):
                sums[at] += sign
        length = math.hypot(*sums)
        return [value / length for value in sums] if length else [1.0, *[0.0] * (dimensions - 1)]

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("llm")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        try:
            body, texts = await self._accept(request, faults)
        except Refusal as refusal:
            return web.json_response(refusal.body("openai"), status=refusal.status)
        if faults.has("error"):
            failed = {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}
            return web.json_response({"error": failed}, status=500)
        await faults.wait(self.answer_s)
        if faults.has("half_open", "stall"):
            await asyncio.Event().wait()
        if faults.has("garbage"):
            return web.Response(body=b'{"data":[{"emb', content_type="application/json")
        return web.json_response(self._answer(body, texts))

    async def _accept(self, request: web.Request, faults: FaultInjector) -> tuple[dict[str, Any], list[str]]:
        """The body with its texts. Raises Refusal."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if faults.has("unauthorized") or key != self.state.key:
            raise wrong_key("openai", key)
        if faults.has("no_credit"):
            raise no_credit("openai")
        if faults.has("rate_limited"):
            raise rate_limited("openai")
        try:
            body = await request.json()
        except json.JSONDecodeError as error:
            raise Refusal(400, "invalid_json", "We could not parse the JSON body of your request.") from error
        if self.models is not None and body.get("model") not in self.models:
            raise unknown_model("openai", str(body.get("model")))
        texts = _check(body)
        self.bodies.append(body)
        return body, texts

    def _answer(self, body: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        dimensions = body.get("dimensions", self.dimensions)
        vectors = [self.make_vector(text, dimensions) for text in texts]
        is_packed = body.get("encoding_format") == "base64"
        tokens = sum(_count_tokens(text) for text in texts)
        self.state.bill("llm", str(body["model"]), "prompt_tokens", tokens)
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _pack(vector) if is_packed else vector}
                for index, vector in enumerate(vectors)
            ],
            "model": body["model"],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _check(body: Mapping[str, Any]) -> list[str]:
    """The texts. Raises Refusal."""
    if unknown := set(body) - _FIELDS:
        raise Refusal(400, "unknown_parameter", f"Unrecognized request argument supplied: {min(unknown)}")
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or len(texts) > MOST_TEXTS or not all(map(_is_text, texts)):
        raise Refusal(400, "invalid_value", "'$.input' is invalid.", param="input")
    dimensions = body.get("dimensions", 1)
    if not isinstance(dimensions, int) or dimensions < 1:
        raise Refusal(400, "invalid_value", "Invalid value for 'dimensions'.", param="dimensions")
    if body.get("encoding_format", "float") not in ("float", "base64"):
        raise Refusal(400, "invalid_value", "Invalid value for 'encoding_format'.", param="encoding_format")
    return texts


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and _count_tokens(value) <= MOST_TOKENS


def _count_tokens(text: str) -> int:
    return max(1, len(_WORD.findall(text)))


def _directions(word: str, dimensions: int) -> list[tuple[int, float]]:
    """A few axes with their signs, always the same for a word."""
    digest = hashlib.sha256(word.encode()).digest()
    parts = (digest[at : at + 4] for at in range(0, 32, 4))
    return [(int.from_bytes(part[:3]) % dimensions, 1.0 if part[3] % 2 else -1.0) for part in parts]


def _pack(vector: Sequence[float]) -> str:
    """32-bit floats, little-endian."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
