"""The port that describes a language model's HTTP API: requests and streamed replies, without I/O."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, TokenUsage


@dataclass(frozen=True, slots=True)
class ChatTimeouts:
    """Time limits of a streamed request.

    Attributes:
        connect_s: Seconds for opening a connection.
        first_token_s: Seconds from the request to the first token.
        idle_s: Seconds between two tokens.
    """

    connect_s: float
    first_token_s: float
    idle_s: float


class ReplyReader(Protocol):
    """Reads one streamed reply, event by event.

    Attributes:
        has_begun: Whether the model has begun its reply.
        done: Whether the stream was marked as complete.
    """

    has_begun: bool
    done: bool

    @property
    def is_complete(self) -> bool:
        """Whether the model has ended the reply. Its token usage may still follow."""

    def feed(self, data: bytes) -> list[LanguageModelEvent]:
        """Parse the data of one server-sent event and return the model events in it.

        Raises:
            ProviderError: The data is invalid or reports an error.
        """

    def finish(self, request: ChatRequest) -> list[LanguageModelEvent]:
        """End the reply and return its tool calls and token usage. Raises ProviderError if the stream was cut off."""

    def spent(self, request: ChatRequest) -> TokenUsage:
        """Return the token usage of a stream that broke."""


class ChatApi(Protocol):
    """The HTTP API of one model of a vendor.

    Attributes:
        url: The address for streamed requests.
        headers: The headers of each request, including the key.
    """

    provider: str
    url: str
    headers: Mapping[str, str]
    timeouts: ChatTimeouts

    def make_body(self, request: ChatRequest, refused: Set[str]) -> dict[str, Any]:
        """Return the request's body without the `refused` fields, which the model does not accept."""

    def make_reader(self) -> ReplyReader:
        """Return a reader for the next reply."""

    def find_refused_field(self, body: bytes) -> str:
        """Return the name of the field that the model does not accept, or an empty string.

        Args:
            body: The body of an HTTP error. The result is empty if the error has another reason, or if the model cannot
                reply without the field.
        """

    def make_error(self, status: int, body: bytes) -> ProviderError:
        """Convert an HTTP answer that is not a stream to a ProviderError."""
