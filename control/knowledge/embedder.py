"""Creates embedding vectors through OpenAI's embeddings API, which many other servers support, too.

A job of the ledger (`control/billing/ledger/tasks.py`) records the usage, because the ledger is a higher layer and
requires platform scope.

Source: OpenAI's API reference, "Create embeddings" (`input` up to 2,048 texts, `dimensions`, `usage.prompt_tokens`).
"""

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct

from control.db.jobs import enqueue
from control.db.pool import Connection
from control.platform.guarded_http import GuardedTransport
from shared.egress import EgressGuard
from shared.ids import new_id

# Length of stored vectors. Shorter vectors are padded with zeros.
MOST_DIMENSIONS: Final = 1_024
# Texts per request: 64 vectors of 1,024 values take up to 1.6 MB as JSON.
BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class EmbedderPolicy:
    """The embedder's address, model and limits.

    Attributes:
        base_url: Address up to and including the version ("https://api.openai.com/v1").
        dimensions: Requested vector length. 0 uses the model's default.
        timeout_s: Timeout of a request for documents.
        question_s: Timeout for a question. After it, only full-text search answers.
        least_similarity: Minimum cosine similarity of a passage.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    dimensions: int = MOST_DIMENSIONS
    timeout_s: float = 20.0
    question_s: float = 0.25
    least_similarity: float = 0.3

    @property
    def space(self) -> str:
        """Name of the vector space. Vectors of another model or length are not comparable."""
        return f"{self.model}/{self.dimensions}" if self.dimensions else self.model


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors of some texts.

    Attributes:
        vectors: MOST_DIMENSIONS values each, in the order of the texts.
        tokens: Billed tokens.
    """

    vectors: list[list[float]]
    tokens: int
    is_estimated: bool = False


class EmbedderUnavailable(Exception):
    """No vectors are available now. The message contains no addresses and no keys.

    Args:
        may_pass: Whether the failure may end within seconds.
    """

    def __init__(self, reason: str, *, may_pass: bool = True) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class TextsRefused(Exception):
    """The embedder rejects these texts permanently."""


RECORD_EMBEDDING: Final = "billing.record_embedding"


class EmbeddingUse(Struct, frozen=True):
    """Tokens used by a request. Payload of the job that records them.

    Attributes:
        call_id: The call of a question. None for documents.
        agent_id: The agent of a question. None for documents.
        id: Id of the ledger row, which prevents duplicates if the job runs twice.
    """

    workspace_id: UUID
    model: str
    tokens: int
    is_estimated: bool
    at: datetime
    call_id: UUID | None = None
    agent_id: UUID | None = None
    id: UUID = msgspec.field(default_factory=lambda: UUID(new_id()))


async def enqueue_use(db: Connection, use: EmbeddingUse) -> None:
    """Enqueue the job that records the usage of a request."""
    if use.tokens:
        await enqueue(db, RECORD_EMBEDDING, msgspec.json.encode(use))


# Maximum number of bytes of an answer. The answer to a batch has up to 1.6 MB.
MOST_ANSWER_BYTES: Final = 8_000_000
# Seconds before each retry for documents. Requests for questions are not retried.
RETRY_AFTER_S: Final = (0.5, 2.0)
# How long to wait for an answer that came too late for its question, and how many late requests may run at once.
LATE_S: Final = 5.0
MOST_LATE: Final = 8
# How long an unused connection is kept. Opening one takes three round trips, most of a question's time.
IDLE_S: Final = 300.0
# Number of tokens that mark the start and end of a text.
_MARKS: Final = 8
# Statuses that reject the texts, as opposed to the account, the address or the model.
_ABOUT_TEXTS: Final = frozenset({400, 413, 422})
# Timeouts and rate limits. A revoked key or a wrong address does not recover within seconds.
_MAY_PASS: Final = frozenset({408, 409, 425, 429})


class _Item(Struct):
    index: int
    embedding: list[float]


class _Usage(Struct):
    prompt_tokens: int = 0


class _Answer(Struct):
    data: list[_Item]
    usage: _Usage | None = None


class Embedder:
    """Creates vectors with a single model. All requests share an HTTP client, because a question has no time to open a
    connection.

    Args:
        guard: Checks the server's address.
    """

    def __init__(self, policy: EmbedderPolicy, guard: EgressGuard) -> None:
        self.policy, self._guard = policy, guard
        self._client: httpx.AsyncClient | None = None
        self._late: set[asyncio.Task[Embeddings]] = set()

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return vectors for up to BATCH document texts. Retries twice after a temporary failure.

        Raises EmbedderUnavailable, TextsRefused.
        """
        for wait_s in RETRY_AFTER_S:
            try:
                return await self._ask(texts, self.policy.timeout_s)
            except EmbedderUnavailable as error:
                if not error.may_pass:
                    raise
                await asyncio.sleep(wait_s)
        return await self._ask(texts, self.policy.timeout_s)

    async def embed_question(self, question: str) -> Embeddings:
        """Return a question's vector within its time limit. Raises EmbedderUnavailable, TextsRefused.

        A late request continues in the background, because canceling it would close its connection. If opening a
        connection took longer than a question may, no question would ever be answered. While too many requests are
        late, no further request is sent.
        """
        if len(self._late) >= MOST_LATE:
            raise EmbedderUnavailable(f"it is late with {MOST_LATE} answers")
        asked = asyncio.create_task(self._ask([question], LATE_S))
        try:
            await asyncio.wait({asked}, timeout=self.policy.question_s)
        finally:
            if not asked.done():
                self._late.add(asked)
                asked.add_done_callback(self._drop_late)
        if not asked.done():
            raise EmbedderUnavailable(f"no answer within {self.policy.question_s:g} s")
        return asked.result()

    def _drop_late(self, asked: "asyncio.Task[Embeddings]") -> None:
        self._late.discard(asked)
        if not asked.cancelled():
            asked.exception()  # retrieve the exception, because no one awaits the task

    async def close(self) -> None:
        """Close the connections."""
        if self._late:
            late = set(self._late)
            for asked in late:
                asked.cancel()
            await asyncio.wait(late)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, texts: Sequence[str], timeout_s: float) -> Embeddings:
        try:
            async with asyncio.timeout(timeout_s):
                status, body = await self._post(texts)
        except TimeoutError:
            raise EmbedderUnavailable(f"no answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            raise EmbedderUnavailable(f"no connection ({type(error).__name__})") from None
        if status in _ABOUT_TEXTS:
            raise TextsRefused(f"status {status}")
        if status != 200:
            raise EmbedderUnavailable(f"status {status}", may_pass=status in _MAY_PASS or status >= 500)
        return _read_answer(body, texts, self.policy.dimensions)

    async def _post(self, texts: Sequence[str]) -> tuple[int, bytes]:
        """Send a request. Return status and body. Raises EmbedderUnavailable if the answer is too long."""
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
            transport = GuardedTransport(self._guard, idle_s=IDLE_S)
            self._client = httpx.AsyncClient(
                transport=transport, timeout=self.policy.timeout_s, follow_redirects=False, trust_env=False
            )
        return self._client


def _read_answer(body: bytes, texts: Sequence[str], dimensions: int) -> Embeddings:
    """Return the vectors of an answer. Raises EmbedderUnavailable.

    Args:
        dimensions: The requested length. 0 if none was requested.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        raise EmbedderUnavailable("its answer cannot be read") from None
    items = sorted(answer.data, key=lambda item: item.index)
    if [item.index for item in items] != list(range(len(texts))):
        raise EmbedderUnavailable("its answer has other texts than the request")
    _check_lengths({len(item.embedding) for item in items}, dimensions)
    vectors = [_pad(item.embedding) for item in items]
    # No tokenizer creates more tokens than a text has bytes, apart from the start and end marks.
    most = sum(len(text.encode("utf-8", "replace")) + _MARKS for text in texts)
    if answer.usage is not None and 0 <= answer.usage.prompt_tokens <= most:
        return Embeddings(vectors, answer.usage.prompt_tokens)
    return Embeddings(vectors, sum(map(len, texts)) // 3, is_estimated=True)


def _check_lengths(lengths: Collection[int], dimensions: int) -> None:
    """Raise EmbedderUnavailable if the vectors differ in length or do not have the requested length."""
    if len(lengths) != 1:
        raise EmbedderUnavailable("its vectors have different numbers of values")
    if dimensions and dimensions not in lengths:
        raise EmbedderUnavailable(
            f"its vectors have {min(lengths)} values, and {dimensions} were requested: VOCALIZED_EMBEDDER_DIMENSIONS=0 "
            "takes the model's own number"
        )


def _pad(vector: list[float]) -> list[float]:
    """Return the vector padded to MOST_DIMENSIONS. Raises EmbedderUnavailable for a vector that cannot be compared."""
    if len(vector) > MOST_DIMENSIONS:
        raise EmbedderUnavailable(f"its vectors have {len(vector)} values, and {MOST_DIMENSIONS} are stored at most")
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 0):
        raise EmbedderUnavailable("its vectors have no direction")
    return [value / length for value in vector] + [0.0] * (MOST_DIMENSIONS - len(vector))
