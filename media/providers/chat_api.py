"""The port that describes a language model's HTTP API: requests and streamed replies, without I/O."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, TokenUsage


@dataclass(frozen=True, slots=True)
class ChatTimeouts:
    """Seconds: of a new connection, from the request to the first token, and between two tokens."""

    connect_s: float
    first_token_s: float
    idle_s: float


class ReplyReader(Protocol):
    """Reads one streamed reply, event by event. has_begun: the model has begun. done: the stream was marked as
    complete."""

    has_begun: bool
    done: bool

    @property
    def is_complete(self) -> bool:
        """Whether the model has ended the reply; its usage may still come."""

    def feed(self, data: bytes) -> list[LanguageModelEvent]:
        """Takes the data of one event; returns what it holds. Raises ProviderError, also for an error in the data."""

    def finish(self, request: ChatRequest) -> list[LanguageModelEvent]:
        """Ends the reply; returns its tool calls and its usage. Raises ProviderError when the stream was cut."""

    def spent(self, request: ChatRequest) -> TokenUsage:
        """The usage of a stream that broke."""


class ChatApi(Protocol):
    """One model of a vendor. url: of streamed requests. headers: the key among them."""

    provider: str
    url: str
    headers: Mapping[str, str]
    timeouts: ChatTimeouts

    def make_body(self, request: ChatRequest, refused: Set[str]) -> dict[str, Any]:
        """The request's body. refused: fields that the model does not take, left out."""

    def make_reader(self) -> ReplyReader:
        """Of the next reply."""

    def find_refused_field(self, body: bytes) -> str:
        """The field that the model does not take, by the body of an HTTP error, if a reply can do without it; empty for
        other errors."""

    def make_error(self, status: int, body: bytes) -> ProviderError:
        """Maps an HTTP answer that is no stream to our error."""
