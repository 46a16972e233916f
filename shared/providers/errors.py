"""How a provider fails.

    ProviderError       any failure of a provider; `retryable`: whether the same request may be tried again
    ├── ProviderBusy    a quota or queue is full: try another provider at once
    ├── KeyRefused      the account's key is not accepted
    ├── ProviderSlow    a deadline passed
    └── ReplyUnusable   an answer came, but nothing of it can be used

Vendors may put other text where an error's code belongs. Only codes get into events and logs. If a vendor repeats the
key there, it must not pass: a code consists of words of letters with at most four digits at the end, and a key has
digits among its letters. A key without digits is found by comparison when the error leaves the chain (`hide_key`).
"""

import re
from typing import ClassVar, Final

import msgspec

from shared.provider_failures import FailureCause

MAX_CHARACTERS: Final = 60
_CODE: Final = re.compile(r"(?:[A-Za-z]{1,30}(?:[_.-][A-Za-z]{1,30}){0,9}(?:[_.-]?[0-9]{1,4})?|[0-9]{1,4})")
# A sequence of this many characters of a key is always hidden. A shorter key is hidden as a whole.
_SHARED: Final = 8

_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z]{1,20}(?:[.+-][a-z]{1,20}){0,3}")


def name_media_type(text: str) -> str:
    """Return the media type if it has the form `text/html`, else "another type"."""
    return text if _MEDIA_TYPE.fullmatch(text) else "another type"


def is_error_code(text: object) -> bool:
    """Return whether the value is a code such as `rate_limit_exceeded`, `NET-0001`, `SchemaError` or `401`."""
    return isinstance(text, str) and len(text) <= MAX_CHARACTERS and _CODE.fullmatch(text) is not None


def hide_key(text: str, key: str) -> str:
    """Replace each word that contains a part of the key by `***`, regardless of case."""
    return " ".join("***" if _tells(word, key) else word for word in text.split(" ")) if key else text


def _tells(word: str, key: str) -> bool:
    plain, secret = word.strip(":,.").lower(), key.lower()
    if len(secret) <= _SHARED:
        return plain == secret
    return any(plain[at : at + _SHARED] in secret for at in range(len(plain) - _SHARED + 1))


# How much of a vendor's error answer is kept.
MAX_ANSWER_BYTES: Final = 4_096


class ProviderError(Exception):
    """A provider failed. The message is safe to log: it contains no key and no words of the caller. `cause` overrides
    the class's."""

    usual_cause: ClassVar[FailureCause] = "error"

    def __init__(
        self, provider: str, reason: str, *, retryable: bool = True, cause: FailureCause | None = None
    ) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason
        self.retryable = retryable
        self.cause: FailureCause = cause or self.usual_cause

    # The vendor's answer as it was received. It may contain the key or the caller's words, so it is never logged. The
    # doctor shows it without the key.
    answer: bytes = b""

    def hide_key(self, key: str) -> None:
        """Remove an API key from the message, because a vendor may have put it where a code belongs."""
        self.reason = hide_key(self.reason, key)
        self.args = (f"{self.provider}: {self.reason}",)

    def with_answer(self, answer: bytes | None) -> "ProviderError":
        """Store the beginning of the vendor's answer, and return this error."""
        self.answer = bytes(answer or b"")[:MAX_ANSWER_BYTES]
        return self


class ProviderBusy(ProviderError):
    """The provider has no room for this request now (HTTP 429, a full queue). If the error is not retryable, a quota is
    used up."""

    def __init__(self, provider: str, reason: str, *, retryable: bool = True) -> None:
        super().__init__(provider, reason, retryable=retryable, cause="rate_limited" if retryable else "quota")


class KeyRefused(ProviderError):
    """The vendor rejects the account's key (HTTP 401, at sockets also 403). No request with this key will succeed."""

    usual_cause = "unauthorized"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(provider, reason, retryable=False)


class ProviderSlow(ProviderError):
    """The provider missed a deadline. `may_bill`: it may have received the request, and bill it without an answer."""

    usual_cause = "late"

    def __init__(self, provider: str, reason: str, *, retryable: bool = True, may_bill: bool = True) -> None:
        super().__init__(provider, reason, retryable=retryable)
        self.may_bill = may_bill


class ReplyUnusable(ProviderError):
    """The model answered, but the answer contains nothing usable.

    The cause may be the request (its prompt, its limit of tokens) as well as the provider.
    """

    usual_cause = "empty"


_UNAUTHORIZED: Final = (401, 403)


def cause_of_status(status: int) -> FailureCause:
    """Return the cause for an HTTP status other than 200, a full queue or a time-out. 0 means that no status is
    known."""
    if status in _UNAUTHORIZED:
        return "unauthorized"
    return "refused" if 300 <= status < 500 else "error"


def make_closed(provider: str, code: int, reason: str = "") -> ProviderError:
    """Return the error for a connection that closed while it was needed. `reason` is dropped, because it may quote the
    caller or the key."""
    return ProviderError(provider, f"closed with {code}", cause="cut")


def make_unreadable(provider: str) -> ProviderError:
    """Return the error for a message that cannot be read."""
    return ProviderError(provider, "an unreadable message", cause="unreadable")


# Invalid UTF-8 raises UnicodeDecodeError, which contains the text. Thousands of nested levels raise RecursionError.
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
