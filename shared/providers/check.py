"""How control tries a vendor's key and settings: the one `CHECK` of a vendor's `check.py`; pure.

A recognizer is asked for a session without audio where that is enough, a voice for the start of a session or, where
only that tries the settings, for one short word: no more than a few characters are billed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.providers.chat_question import CompletionApi
from shared.providers.options import ProviderKind

# What a voice is asked to say, where only that tries it.
WORD: Final = "Hi."
# The language of a question whose options name none: each model knows it.
LANGUAGE: Final = "en-US"


@dataclass(frozen=True, slots=True)
class SpeechQuestion:
    """The start of a session, as a call opens it.

    url: of the WebSocket. headers: hold the key. messages: sent at once, text or binary. needs_answer: the handshake
    alone says nothing, a message has to come. asks_by_handshake: the handshake says all. waits_for_audio: messages in
    text say nothing."""

    url: str
    headers: Mapping[str, str]
    messages: tuple[str | bytes, ...] = ()
    needs_answer: bool = False
    asks_by_handshake: bool = False
    waits_for_audio: bool = False


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """A document that a vendor shows only to the owner of a key, and that costs nothing. headers: hold the key."""

    url: str
    headers: Mapping[str, str]


def find_typed_status(message: Mapping[str, Any]) -> int | None:
    """The status of an error whose `type` is `error`, 0 where `status_code` does not tell it; None for a message that
    is no error."""
    if str(message.get("type", "")).lower() != "error":
        return None
    status = message.get("status_code")
    return status if isinstance(status, int) else 0


@dataclass(frozen=True, slots=True)
class VendorCheck:
    """How a vendor is asked.

    completions: its API of language models, from a provider's options and key. questions: by kind, from the options
    (of `VendorFacts.schemas`) with the key in them; raise ProviderError for settings that the adapter refuses itself.
    document: by options of all kinds and the key; raises ValueError for a key that cannot be one. find_status: the HTTP
    status that an error in place of a session's first message stands for, 0 for one whose status is not known, None for
    a message that is no error."""

    completions: Callable[[Mapping[str, Any], str], CompletionApi] | None = None
    questions: Mapping[ProviderKind, Callable[[Any], SpeechQuestion]] = field(default_factory=dict)
    document: Callable[[Mapping[str, Any], str], KeyDocument] | None = None
    find_status: Callable[[Mapping[str, Any]], int | None] = find_typed_status
