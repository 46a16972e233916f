"""Asks an embedder for the vectors of texts, by OpenAI's embeddings API, which many other servers speak, too.

Source: OpenAI's API reference, "Create embeddings" (`input` up to 2,048 texts, `dimensions`, `usage.prompt_tokens`)."""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from control.knowledge.embedder import (
    MOST_DIMENSIONS,
    EmbedderPolicy,
    EmbedderUnavailable,
    Embeddings,
    TextsRefused,
)
from control.voice.guarded_http import GuardedTransport
from shared.egress import EgressGuard

# Bytes of an answer: that to a batch has up to 1.6 MB.
MOST_ANSWER_BYTES: Final = 8_000_000
# Seconds before each further attempt for documents. A question is asked once.
RETRY_AFTER_S: Final = (0.5, 2.0)
# Statuses that are about the request's texts, and not about the account, the address or the model.
_ABOUT_TEXTS: Final = frozenset({400, 413, 422})


class _Item(Struct):
    index: int
    embedding: list[float]


class _Usage(Struct):
    prompt_tokens: int = 0


class _Answer(Struct):
    data: list[_Item]
    usage: _Usage | None = None


class HttpEmbedder:
    """An Embedder. One client for all requests, because a question has no time for a new connection. guard: of the
    address."""

    def __init__(self, policy: EmbedderPolicy, guard: EgressGuard) -> None:
        self.policy, self._guard = policy, guard
        self._client: httpx.AsyncClient | None = None

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of up to BATCH texts of documents. A failure that may pass is tried again twice. Raises
        EmbedderUnavailable, TextsRefused."""
        for wait_s in RETRY_AFTER_S:
            try:
                return await self._ask(texts, self.policy.timeout_s)
            except EmbedderUnavailable:
                await asyncio.sleep(wait_s)
        return await self._ask(texts, self.policy.timeout_s)

    async def embed_question(self, question: str) -> Embeddings:
        """A question's vector, within its time. Raises EmbedderUnavailable, TextsRefused."""
        return await self._ask([question], self.policy.question_s)

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, texts: Sequence[str], timeout_s: float) -> Embeddings:
        try:
            async with asyncio.timeout(timeout_s):
                status, body = await self._post(texts)
        except TimeoutError:
            raise EmbedderUnavailable(f"no answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise EmbedderUnavailable(f"no connection ({type(error).__name__})") from None
        if status in _ABOUT_TEXTS:
            raise TextsRefused(f"status {status}")
        if status != 200:
            raise EmbedderUnavailable(f"status {status}")
        return _read_answer(body, texts)

    async def _post(self, texts: Sequence[str]) -> tuple[int, bytes]:
        """Status and body. Raises EmbedderUnavailable for an answer that is too long."""
        body: dict[str, object] = {"model": self.policy.model, "input": list(texts), "encoding_format": "float"}
        if self.policy.dimensions:
            body["dimensions"] = self.policy.dimensions
        headers = {"Authorization": f"Bearer {self.policy.api_key}"} if self.policy.api_key else {}
        url = f"{self.policy.base_url.rstrip('/')}/embeddings"
        async with self._open().stream("POST", url, json=body, headers=headers) as response:
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MOST_ANSWER_BYTES:
                    raise EmbedderUnavailable("its answer is too long")
            return response.status_code, bytes(content)

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            transport = GuardedTransport(self._guard)
            self._client = httpx.AsyncClient(
                transport=transport, timeout=self.policy.timeout_s, follow_redirects=False, trust_env=False
            )
        return self._client


def _read_answer(body: bytes, texts: Sequence[str]) -> Embeddings:
    """Raises EmbedderUnavailable."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        raise EmbedderUnavailable("its answer cannot be read") from None
    items = sorted(answer.data, key=lambda item: item.index)
    if [item.index for item in items] != list(range(len(texts))):
        raise EmbedderUnavailable("its answer has other texts than the request")
    vectors = [_pad(item.embedding) for item in items]
    if answer.usage is not None:
        return Embeddings(vectors, max(answer.usage.prompt_tokens, 0))
    return Embeddings(vectors, sum(map(len, texts)) // 3, is_estimated=True)


def _pad(vector: list[float]) -> list[float]:
    """Raises EmbedderUnavailable for a vector that cannot be compared."""
    if len(vector) > MOST_DIMENSIONS:
        raise EmbedderUnavailable(f"its vectors have {len(vector)} values, and {MOST_DIMENSIONS} are stored at most")
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 0):
        raise EmbedderUnavailable("its vectors have no direction")
    return [value / length for value in vector] + [0.0] * (MOST_DIMENSIONS - len(vector))
