"""What is asked of a language model for one whole reply, what comes of it, and how each vendor's API is asked.

The vendors: openai_chat.py, anthropic_chat.py, gemini_chat.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import msgspec

from shared.chat_dialects import read_sentence

# One token is about four characters of English; where a server reports none, too many are better than too few.
_CHARACTERS_PER_TOKEN: Final = 3
# Statuses that mean "no room now": 529 is Anthropic's.
_BUSY: Final = (408, 429, 503, 529)


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """messages: as chat completions have them, of the system first, then of user and assistant in turns. schema: of the
    reply, closed and with all properties required. max_tokens: of the reply, a model's reasoning included. timeout_s:
    for all of it, a request without a refused field included."""

    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any]
    max_tokens: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ChatUsage:
    """Tokens of one reply. prompt: without those that the vendor had cached. cache_write: those that it caches now,
    which are not in the prompt either. is_estimated: the server reported none."""

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
    """There is no reply that could be used. code: why. is_temporary: the same question may be answered later.
    ends_chain: another model would hardly answer it. usage: of a reply that is billed all the same.

    unreachable     no connection, or no answer in time
    busy            HTTP 408, 429, 503, 529: no room for the request now
    vendor_error    another HTTP 5xx
    quota           the account's credit is used up
    key_refused     HTTP 401, 403
    model_unavailable  HTTP 404: there is no such model (any more)
    request_refused another HTTP status
    unreadable      an answer that is no chat completion
    declined        the model does not answer this
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
    """What a server answered."""

    status: int
    body: bytes

    @property
    def error(self) -> Mapping[str, Any]:
        """The object under `error`; empty if there is none."""
        return read_error(self.body)


class CompletionApi(Protocol):
    """How one model of a vendor is asked, for a first word that is streamed and for a whole reply. word_url, reply_url:
    the addresses of both. headers: the key among them."""

    word_url: str
    reply_url: str
    headers: Mapping[str, str]

    def make_word_body(self, text: str) -> dict[str, Any]:
        """Of the request to answer this text, as a stream."""

    def has_word(self, event: Any) -> bool:
        """Whether a decoded event of the stream has a part of the answer; reasoning counts, because the model works.
        Raises LookupError, TypeError or AttributeError for an event of another shape."""

    def find_refused_field(self, error: Mapping[str, Any]) -> str:
        """The field that the model does not take, if a reply can do without it; else empty."""

    def drop_field(self, body: dict[str, Any], name: str) -> None:
        """Takes a refused field out of a request."""

    def is_key_refused(self, status: int, error: Mapping[str, Any]) -> bool:
        """Whether it is the key that is not accepted."""

    def is_quota_used(self, status: int, error: Mapping[str, Any]) -> bool:
        """Whether the account's credit or quota is used up, so that waiting does not help."""

    def make_body(self, question: ChatQuestion) -> dict[str, Any]:
        """Of the request for a whole reply."""

    def loosen_format(self, body: dict[str, Any], error: Mapping[str, Any]) -> bool:
        """Asks for the reply in a looser format, if the error names the one that was asked for and there is one."""

    def read(self, body: bytes, question: ChatQuestion) -> ChatCompletion:
        """The reply. Raises ChatFailed."""


def read_error(body: bytes) -> Mapping[str, Any]:
    """The object under `error` of an answer; of a text its `message`; empty if there is none."""
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, LookupError, TypeError):
        return {}
    if isinstance(error, str):
        return {"code": read_sentence(error), "message": error}
    return error if isinstance(error, Mapping) else {}


def map_refusal(api: CompletionApi, answer: ChatAnswer) -> ChatFailed:
    """Why there is no reply, by an answer other than 200."""
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
    """Of a reply whose usage the server did not tell."""
    prompt = estimate_prompt(question)
    return replace(ChatUsage(prompt, 0, len(text) // _CHARACTERS_PER_TOKEN), is_estimated=True)


def estimate_prompt(question: ChatQuestion) -> int:
    """Tokens of the question, rather too many than too few."""
    characters = sum(len(message["content"]) for message in question.messages)
    return (characters + len(msgspec.json.encode(question.schema))) // _CHARACTERS_PER_TOKEN
