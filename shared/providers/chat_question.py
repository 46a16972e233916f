"""Questions to language models that need one whole reply, the results, and the interface to each vendor's API.

The vendors' APIs are in openai_chat.py, anthropic_chat.py and gemini_chat.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import msgspec

from shared.chat_dialects import read_sentence

# English has about four characters per token. If a server reports no tokens, the estimate is rather too high than too
# low.
_CHARACTERS_PER_TOKEN: Final = 3
# HTTP statuses that mean "no room now". 529 is Anthropic's.
_BUSY: Final = (408, 429, 503, 529)


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """A question that needs one whole reply.

    Attributes:
        messages: In the form of chat completions: the system's message first, then user and assistant in turns.
        schema: The JSON Schema of the reply, closed and with all properties required.
        max_tokens: The maximum of the reply, including a model's reasoning.
        timeout_s: The time limit in seconds, including a second request without a refused field.
    """

    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any]
    max_tokens: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ChatUsage:
    """Tokens of one reply.

    Attributes:
        prompt: Prompt tokens that are neither in `cached` nor in `cache_write`.
        cached: Prompt tokens that the vendor had cached.
        cache_write: Prompt tokens that the vendor caches now.
        is_estimated: The server reported no tokens.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    is_estimated: bool = False
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.cached + self.cache_write + self.completion


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A whole reply."""

    text: str
    usage: ChatUsage


class ChatFailed(Exception):
    """There is no usable reply.

    Attributes:
        code: Why; see below.
        is_temporary: The same question may be answered later.
        ends_chain: Another model would probably not answer either.
        usage: The tokens of a reply that is billed anyway.

    The codes:

    unreachable     no connection, or no answer in time
    busy            HTTP 408, 429, 503, 529: no room for the request now
    vendor_error    another HTTP 5xx
    quota           the account's credit is used up
    key_refused     HTTP 401, 403
    model_unavailable  HTTP 404: the model does not exist (any longer)
    request_refused another HTTP status
    unreadable      the answer is not a chat completion
    declined        the model refuses to answer
    too_long        the reply reached its limit of tokens
    """

    def __init__(
        self, code: str, *, is_temporary: bool = False, ends_chain: bool = False, usage: ChatUsage | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.is_temporary, self.ends_chain = code, is_temporary, ends_chain
        self.usage = usage or ChatUsage()


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """A server's answer."""

    status: int
    body: bytes

    @property
    def error(self) -> Mapping[str, Any]:
        """The object under `error`; empty if there is none."""
        return read_error(self.body)


class CompletionApi(Protocol):
    """How to query one model of a vendor, for a streamed first word or a whole reply.

    Attributes:
        word_url: The address for a streamed first word.
        reply_url: The address for a whole reply.
        headers: Include the key.
    """

    word_url: str
    reply_url: str
    headers: Mapping[str, str]

    def make_word_body(self, text: str) -> dict[str, Any]:
        """Return the body of a request to answer this text as a stream."""

    def has_word(self, event: Any) -> bool:
        """Return whether a decoded event of the stream has a part of the answer. Reasoning counts, because it shows
        that the model works.

        Raises:
            LookupError, TypeError, AttributeError: The event has another shape.
        """

    def find_refused_field(self, error: Mapping[str, Any]) -> str:
        """Return the field that the model does not accept if a reply is possible without it, else an empty text."""

    def drop_field(self, body: dict[str, Any], name: str) -> None:
        """Remove a refused field from a request."""

    def is_key_refused(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the vendor rejected the key."""

    def is_quota_used(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the account's credit or quota is used up, so that waiting does not help."""

    def make_body(self, question: ChatQuestion) -> dict[str, Any]:
        """Return the body of a request for a whole reply."""

    def loosen_format(self, body: dict[str, Any], error: Mapping[str, Any]) -> bool:
        """Request a looser format if the error is about the requested format. Return whether there was a looser one."""

    def read(self, body: bytes, question: ChatQuestion) -> ChatCompletion:
        """Read the reply. Raises ChatFailed."""


def read_error(body: bytes) -> Mapping[str, Any]:
    """Return the object under `error` of an answer. If it is a text, return it as `message`. Empty if there is none."""
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, LookupError, TypeError):
        return {}
    if isinstance(error, str):
        return {"code": read_sentence(error), "message": error}
    return error if isinstance(error, Mapping) else {}


def map_refusal(api: CompletionApi, answer: ChatAnswer) -> ChatFailed:
    """Return the reason why there is no reply, for an answer other than 200."""
    status, error = answer.status, answer.error
    if api.is_quota_used(status, error):
        return ChatFailed("quota")
    if status in _BUSY:
        return ChatFailed("busy", is_temporary=True)
    if status >= 500:
        return ChatFailed("vendor_error", is_temporary=True)
    if status == 403 or api.is_key_refused(status, error):
        return ChatFailed("key_refused")
    return ChatFailed("model_unavailable" if status == 404 else "request_refused")


def estimate_usage(question: ChatQuestion, text: str) -> ChatUsage:
    """Estimate the tokens of a reply whose usage the server did not report."""
    prompt = estimate_prompt(question)
    return replace(ChatUsage(prompt, 0, len(text) // _CHARACTERS_PER_TOKEN), is_estimated=True)


def estimate_prompt(question: ChatQuestion) -> int:
    """Estimate the tokens of the question, rather too many than too few."""
    characters = sum(len(message["content"]) for message in question.messages)
    return (characters + len(msgspec.json.encode(question.schema))) // _CHARACTERS_PER_TOKEN
