"""How control checks a vendor's key and settings: the one `CHECK` of a vendor's `check.py`; pure.

If possible, control opens a recognizer's session without audio. It opens a voice's session, or, if only that verifies
the settings, has the voice say one short word. At most a few characters are billed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.providers.chat_question import CompletionApi
from shared.providers.options import ProviderKind

# What a voice is asked to say if only speech verifies its settings.
WORD: Final = "Hi."
# The language of a question whose options name none. Each model supports it.
LANGUAGE: Final = "en-US"


@dataclass(frozen=True, slots=True)
class SpeechQuestion:
    """The start of a session, as a call opens it.

    Attributes:
        url: The URL of the WebSocket.
        headers: Contain the key.
        messages: Text or binary messages that are sent at once.
        needs_answer: The handshake alone proves nothing; a message must follow.
        asks_by_handshake: The handshake proves everything.
        waits_for_audio: Messages in text prove nothing.
    """

    url: str
    headers: Mapping[str, str]
    messages: tuple[str | bytes, ...] = ()
    needs_answer: bool = False
    asks_by_handshake: bool = False
    waits_for_audio: bool = False


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """A document that a vendor shows only to the owner of a key, at no cost. `headers` contain the key."""

    url: str
    headers: Mapping[str, str]


def find_typed_status(message: Mapping[str, Any]) -> int | None:
    """Return the status of an error whose `type` is `error`, 0 if it has no `status_code`, or None if it is not an
    error."""
    if str(message.get("type", "")).lower() != "error":
        return None
    status = message.get("status_code")
    return status if isinstance(status, int) else 0


@dataclass(frozen=True, slots=True)
class VendorCheck:
    """How to check the key and settings of a vendor.

    Attributes:
        completions: Makes the vendor's API of language models from a provider's options and key.
        questions: By kind, functions that make a question from the options (of `VendorFacts.schemas`) with the key in
            them. They raise ProviderError for settings that the adapter itself rejects.
        document: Makes the document's address from options of any kind and the key. Raises ValueError for a text that
            cannot be a key.
        find_status: Returns the HTTP status of an error that replaces a session's first message, 0 for an error without
            a known status, and None for any other message.
    """

    completions: Callable[[Mapping[str, Any], str], CompletionApi] | None = None
    questions: Mapping[ProviderKind, Callable[[Any], SpeechQuestion]] = field(default_factory=dict)
    document: Callable[[Mapping[str, Any], str], KeyDocument] | None = None
    find_status: Callable[[Mapping[str, Any]], int | None] = find_typed_status
