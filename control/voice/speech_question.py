"""The start of a session that a speech vendor is asked for, so that it tells what it thinks of a key and settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# What a voice is asked to say, where only that tries it.
WORD: Final = "Hi."


@dataclass(frozen=True, slots=True)
class SpeechQuestion:
    """url: of the WebSocket, with http or https in front. headers: hold the key. messages: sent at once. needs_answer:
    the handshake alone says nothing, a message has to come. asks_by_handshake: the handshake says all. waits_for_audio:
    messages in text say nothing."""

    url: str
    headers: Mapping[str, str]
    messages: tuple[str | bytes, ...] = ()
    needs_answer: bool = False
    asks_by_handshake: bool = False
    waits_for_audio: bool = False
