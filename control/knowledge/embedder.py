"""Makes vectors of texts by OpenAI's embeddings API, which many other servers speak, too.

A job of the ledger (`control/billing/ledger/tasks.py`) records what the
embedder used, because the ledger lies above this noun and needs the platform's scope.

Source: OpenAI's API reference, "Create embeddings" (`input` up to 2,048 texts, `dimensions`, `usage.prompt_tokens`)."""

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

# Values of a vector that are stored; shorter ones end in zeros.
MOST_DIMENSIONS: Final = 1_024
# Texts of one request: 64 vectors of 1,024 values take up to 1.6 MB as JSON.
BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class EmbedderPolicy:
    """Which embedder is asked.

    Attributes:
        base_url: Up to and including the version ("https://api.openai.com/v1").
        dimensions: What is asked for; 0: the model's own.
        timeout_s: Of a request for documents.
        question_s: For a question, after which the answer is full text's alone.
        least_similarity: Cosine below which a passage is no answer.
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
        """The name of the space of its vectors: those of another model or length cannot be compared with them."""
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
    """There are no vectors now. The message says why, without addresses and keys.

    Args:
        may_pass: Within seconds.
    """

    def __init__(self, reason: str, *, may_pass: bool = True) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class TextsRefused(Exception):
    """The embedder does not take these texts, however often they are sent."""


RECORD_EMBEDDING: Final = "billing.record_embedding"


class EmbeddingUse(Struct, frozen=True):
    """Tokens of one request.

    Attributes:
        call_id, agent_id: Of a question in a call.
        id: Of its row in the ledger, because the job may run twice. Payload of the job.
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
    """Has the worker record what a request used."""
    if use.tokens:
        await enqueue(db, RECORD_EMBEDDING, msgspec.json.encode(use))


# Bytes of an answer; an answer to a batch has up to 1.6 MB.
MOST_ANSWER_BYTES: Final = 8_000_000
# Seconds before each further attempt for documents. A question is asked once.
RETRY_AFTER_S: Final = (0.5, 2.0)
# How long an answer that is too late for its question is awaited, and how many such answers at once.
LATE_S: Final = 5.0
MOST_LATE: Final = 8
# How long an unused connection is kept: a new connection takes three round trips, most of a question's time.
IDLE_S: Final = 300.0
# Tokens that mark the beginning and the end of a text.
_MARKS: Final = 8
# Statuses that blame the request's texts, and not the account, the address or the model.
_ABOUT_TEXTS: Final = frozenset({400, 413, 422})
# Timeouts and limits of the rate; a revoked key, a wrong address or model stays what it is for seconds.
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
    """Makes vectors by one model. It has one client for all requests, because a question has no time for a new
    connection.

    Args:
        guard: Passes or refuses the address of the server.
    """

    def __init__(self, policy: EmbedderPolicy, guard: EgressGuard) -> None:
        self.policy, self._guard = policy, guard
        self._client: httpx.AsyncClient | None = None
        self._late: set[asyncio.Task[Embeddings]] = set()

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of up to BATCH texts of documents. A failure that may pass is tried again twice. Raises
        EmbedderUnavailable, TextsRefused."""
        for wait_s in RETRY_AFTER_S:
            try:
                return await self._ask(texts, self.policy.timeout_s)
            except EmbedderUnavailable as error:
                if not error.may_pass:
                    raise
                await asyncio.sleep(wait_s)
        return await self._ask(texts, self.policy.timeout_s)

    async def embed_question(self, question: str) -> Embeddings:
        """Returns a question's vector, within its time. Raises EmbedderUnavailable, TextsRefused.

        A request whose answer is late continues without the question: canceling it would close its connection. If
        opening a connection takes longer than a question may, no question would ever be answered. While several
        requests are late, no further request is sent.
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
            asked.exception()  # no one awaits it

    async def close(self) -> None:
        """Closes the connections."""
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
            transport = GuardedTransport(self._guard, idle_s=IDLE_S)
            self._client = httpx.AsyncClient(
                transport=transport, timeout=self.policy.timeout_s, follow_redirects=False, trust_env=False
            )
        return self._client


def _read_answer(body: bytes, texts: Sequence[str], dimensions: int) -> Embeddings:
    """Raises EmbedderUnavailable.

    Args:
        dimensions: What was asked for; 0: nothing.
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
    # No tokenizer makes more tokens than a text has bytes, but for the few that mark its beginning and end.
    most = sum(len(text.encode("utf-8", "replace")) + _MARKS for text in texts)
    if answer.usage is not None and 0 <= answer.usage.prompt_tokens <= most:
        return Embeddings(vectors, answer.usage.prompt_tokens)
    return Embeddings(vectors, sum(map(len, texts)) // 3, is_estimated=True)


def _check_lengths(lengths: Collection[int], dimensions: int) -> None:
    """Raises EmbedderUnavailable for vectors that cannot be compared with each other, or with those of before."""
    if len(lengths) != 1:
        raise EmbedderUnavailable("its vectors have different numbers of values")
    if dimensions and dimensions not in lengths:
        raise EmbedderUnavailable(
            f"its vectors have {min(lengths)} values, and {dimensions} were asked for: VOCALIZED_EMBEDDER_DIMENSIONS=0 "
            "takes the model's own number"
        )


def _pad(vector: list[float]) -> list[float]:
    """Raises EmbedderUnavailable for a vector that cannot be compared."""
    if len(vector) > MOST_DIMENSIONS:
        raise EmbedderUnavailable(f"its vectors have {len(vector)} values, and {MOST_DIMENSIONS} are stored at most")
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 0):
        raise EmbedderUnavailable("its vectors have no direction")
    return [value / length for value in vector] + [0.0] * (MOST_DIMENSIONS - len(vector))
