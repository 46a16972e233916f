"""What the search of documents needs of an embedder: vectors of texts. `control/voice/http_embedder.py` asks one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

# Values of a vector that are stored; shorter ones end in zeros.
MOST_DIMENSIONS: Final = 1_024
# Texts of one request: 64 vectors of 1,024 values take up to 1.6 MB as JSON.
BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class EmbedderPolicy:
    """Which embedder is asked. base_url: up to and including the version ("https://api.openai.com/v1"). dimensions:
    what is asked for; 0: the model's own. timeout_s: of a request for documents. question_s: for a question, after
    which the answer is full text's alone. least_similarity: cosine below which a passage is no answer."""

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
    """vectors: of MOST_DIMENSIONS values each, in the order of the texts. tokens: that are billed."""

    vectors: list[list[float]]
    tokens: int
    is_estimated: bool = False


class EmbedderUnavailable(Exception):
    """There are no vectors now. The message says why, without addresses and keys. may_pass: within seconds."""

    def __init__(self, reason: str, *, may_pass: bool = True) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class TextsRefused(Exception):
    """The embedder does not take these texts, however often they are sent."""


class Embedder(Protocol):
    """Makes vectors by one model."""

    @property
    def policy(self) -> EmbedderPolicy:
        """Which embedder it is, and its limits."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of up to BATCH texts of documents. Raises EmbedderUnavailable, TextsRefused."""

    async def embed_question(self, question: str) -> Embeddings:
        """A question's vector, within its time. Raises EmbedderUnavailable, TextsRefused."""

    async def close(self) -> None:
        """Closes the connections."""
