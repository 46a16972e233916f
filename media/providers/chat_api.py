"""The port that describes a language model's HTTP API: requests and streamed replies, without I/O."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, TokenUsage


@dataclass(frozen=True, slots=True)
class ChatTimeouts:
    """Time limits in seconds: of a new connection, from the request to the first token, and between two tokens."""

    connect_s: float
    first_token_s: float
    idle_s: float


class ReplyReader(Protocol):
    """Reads one streamed reply, event by event.

    Attributes:
        has_begun: The model has begun.
        done: The stream was marked as complete.
    """

    has_begun: bool
    done: bool

    @property
    def is_complete(self) -> bool:
        """Whether the model has ended the reply. Its usage may still follow."""

    def feed(self, data: bytes) -> list[LanguageModelEvent]:
        """Read the data of one event. Return its events. Raises ProviderError, also for an error in the data."""

    def finish(self, request: ChatRequest) -> list[LanguageModelEvent]:
        """End the reply. Return its tool calls and its usage. Raises ProviderError if the stream was cut off."""

    def spent(self, request: ChatRequest) -> TokenUsage:
        """Return the usage of a stream that broke."""


class ChatApi(Protocol):
    """One model of a vendor. `url` is for streamed requests. `headers` include the key."""

    provider: str
    url: str
    headers: Mapping[str, str]
    timeouts: ChatTimeouts

    def make_body(self, request: ChatRequest, refused: Set[str]) -> dict[str, Any]:
        """Return the request's body without the `refused` fields, which the model does not accept."""

    def make_reader(self) -> ReplyReader:
        """Return a reader for the next reply."""

    def find_refused_field(self, body: bytes) -> str:
        """Return the field that the model does not accept, from the body of an HTTP error, if a reply is possible
        without it.

        Returns an empty text for other errors.
        """

    def make_error(self, status: int, body: bytes) -> ProviderError:
        """Map an HTTP answer that is not a stream to our error."""
