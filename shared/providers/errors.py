"""How a provider fails.

    ProviderError       any failure of a provider; `retryable`: whether the same request may be tried again
    ├── ProviderBusy    a quota or queue is full: try another provider at once
    ├── KeyRefused      the account's key is not accepted
    ├── ProviderSlow    a deadline passed
    └── ReplyUnusable   an answer came, but nothing of it can be used

An error's code is told apart from other text that a vendor may put in its place. What passes gets into events and logs.
A vendor that repeats the key there must not: a code is words of letters with at most four digits at the end, and a key
has digits among its letters. A key that has none is found by comparison, where the error leaves the chain (`hide_key`).
"""

import re
from typing import ClassVar, Final

import msgspec

from shared.provider_failures import FailureCause

MAX_CHARACTERS: Final = 60
_CODE: Final = re.compile(r"(?:[A-Za-z]{1,30}(?:[_.-][A-Za-z]{1,30}){0,9}(?:[_.-]?[0-9]{1,4})?|[0-9]{1,4})")
# So many characters in a row of a key are never told; of a shorter key all.
_SHARED: Final = 8

_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z]{1,20}(?:[.+-][a-z]{1,20}){0,3}")


def name_media_type(text: str) -> str:
    """The media type if it is one like `text/html`; else "another type"."""
    return text if _MEDIA_TYPE.fullmatch(text) else "another type"


def is_error_code(text: object) -> bool:
    """Whether the value is a code like `rate_limit_exceeded`, `NET-0001`, `SchemaError` or `401`."""
    return isinstance(text, str) and len(text) <= MAX_CHARACTERS and _CODE.fullmatch(text) is not None


def hide_key(text: str, key: str) -> str:
    """The text with `***` for each word that holds a part of the key, whatever its case."""
    return " ".join("***" if _tells(word, key) else word for word in text.split(" ")) if key else text


def _tells(word: str, key: str) -> bool:
    plain, secret = word.strip(":,.").lower(), key.lower()
    if len(secret) <= _SHARED:
        return plain == secret
    return any(plain[at : at + _SHARED] in secret for at in range(len(plain) - _SHARED + 1))


# What is kept of a vendor's answer that was an error.
MAX_ANSWER_BYTES: Final = 4_096


class ProviderError(Exception):
    """A provider failed; the message is safe to log (no key, no caller's words). cause: if it is not the class's."""

    usual_cause: ClassVar[FailureCause] = "error"

    def __init__(
        self, provider: str, reason: str, *, retryable: bool = True, cause: FailureCause | None = None
    ) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason
        self.retryable = retryable
        self.cause: FailureCause = cause or self.usual_cause

    # What the vendor said, as it came. It may repeat the key or the caller's words, so that it is never logged: the
    # doctor reads it, without the key.
    answer: bytes = b""

    def hide_key(self, key: str) -> None:
        """Takes an API key out of the message: a vendor may have put it where a code belongs."""
        self.reason = hide_key(self.reason, key)
        self.args = (f"{self.provider}: {self.reason}",)

    def with_answer(self, answer: bytes | None) -> "ProviderError":
        """The same error with the beginning of the vendor's answer."""
        self.answer = bytes(answer or b"")[:MAX_ANSWER_BYTES]
        return self


class ProviderBusy(ProviderError):
    """The provider has no room for this request: for now (HTTP 429, a full queue), or, where it is not worth repeating,
    because a quota is used up."""

    def __init__(self, provider: str, reason: str, *, retryable: bool = True) -> None:
        super().__init__(provider, reason, retryable=retryable, cause="rate_limited" if retryable else "quota")


class KeyRefused(ProviderError):
    """The vendor does not accept the account's key (HTTP 401, at sockets 403, too): no request with it will succeed."""

    usual_cause = "unauthorized"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(provider, reason, retryable=False)


class ProviderSlow(ProviderError):
    """The provider missed a deadline. may_bill: it may have the request, and bill it although nothing came back."""

    usual_cause = "late"

    def __init__(self, provider: str, reason: str, *, retryable: bool = True, may_bill: bool = True) -> None:
        super().__init__(provider, reason, retryable=retryable)
        self.may_bill = may_bill


class ReplyUnusable(ProviderError):
    """The model answered, but nothing of it can be used: the fault is as likely the request's (its prompt, its limit of
    tokens) as the provider's."""

    usual_cause = "empty"


_UNAUTHORIZED: Final = (401, 403)


def cause_of_status(status: int) -> FailureCause:
    """The cause for an HTTP status other than 200 that is neither a full queue nor a time-out; 0: none was told."""
    if status in _UNAUTHORIZED:
        return "unauthorized"
    return "refused" if 300 <= status < 500 else "error"


def make_closed(provider: str, code: int, reason: str = "") -> ProviderError:
    """The error for a connection that was closed while it was needed. reason: is dropped, because it may quote the
    caller or the key."""
    return ProviderError(provider, f"closed with {code}", cause="cut")


def make_unreadable(provider: str) -> ProviderError:
    """The error for a message that cannot be read."""
    return ProviderError(provider, "an unreadable message", cause="unreadable")


# Text that is no UTF-8 raises UnicodeDecodeError, which holds the text; nesting of thousands of levels RecursionError.
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
