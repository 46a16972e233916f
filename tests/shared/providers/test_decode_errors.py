"""Whatever a vendor sends in place of its JSON is a failure of that vendor, and quotes nothing of what was said."""

from collections.abc import Callable
from typing import Any

import pytest

from media.providers.ports import ProviderError
from vendors.anthropic import wire as anthropic_wire
from vendors.anthropic.wire import MessageReader
from vendors.assemblyai.wire import read_message as read_assemblyai
from vendors.cartesia.wire import FinalizedTranscript, TurnsTranscript
from vendors.cartesia.wire import read_message as read_sonic
from vendors.deepgram.wire import read_aura, read_flux, read_nova
from vendors.elevenlabs.wire import ScribeTranscript
from vendors.elevenlabs.wire import read_output as read_elevenlabs
from vendors.google import wire as google_wire
from vendors.google.wire import ContentReader
from vendors.openai import wire as openai_wire
from vendors.openai.wire import StreamedReply
from vendors.soniox.wire import read_message as read_tokens
from vendors.soniox.wire import read_output as read_soniox
from vendors.xai.wire import UtteranceReader

READERS: dict[str, Callable[[bytes], Any]] = {
    "anthropic": lambda data: MessageReader("v").feed(data),
    "assemblyai": lambda data: read_assemblyai("v", data),
    "aura": lambda data: read_aura("v", data),
    "flux": lambda data: read_flux("v", data),
    "gemini": lambda data: ContentReader("v", {}).feed(data),
    "ink": lambda data: FinalizedTranscript("v").read(data, 0),
    "ink turns": lambda data: TurnsTranscript("v").read(data, 0),
    "multi-context": lambda data: read_elevenlabs("v", data),
    "nova": lambda data: read_nova("v", data),
    "openai": lambda data: StreamedReply("v").feed(data),
    "scribe": lambda data: ScribeTranscript("v", times_words=True).read(data),
    "sonic": lambda data: read_sonic("v", data),
    "soniox": lambda data: read_tokens("v", data),
    "soniox voice": lambda data: read_soniox("v", data),
    "xai": lambda data: UtteranceReader("v").read(data),
}
# Each reader takes one of these for a text.
_TEXTS = (
    b'{"type":"%s","message_type":"%s","text":"%s","contextId":"%s","stream_id":"%s","tokens":[{"text":"%s"}],'
    b'"choices":[{"delta":{"content":"%s"}}],"candidates":[{"content":{"parts":[{"text":"%s"}]}}]}'
)
NO_UTF8 = _TEXTS.replace(b"%s", b"my name is \xff")
DEEP = b'{"unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("data", [NO_UTF8, DEEP], ids=["no UTF-8", "deep"])
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
def test_invalid_json_counts_as_a_failure_of_the_vendor(reader: Callable[[bytes], Any], data: bytes) -> None:
    with pytest.raises(ProviderError, match=r"^v: an unreadable (message|chunk|event)$") as raised:
        reader(data)
    assert raised.value.cause == "unreadable"
    assert raised.value.__suppress_context__  # which holds the text


@pytest.mark.parametrize("body", [b'{"error":{"message":"my name is \xff"}}', DEEP], ids=["no UTF-8", "deep"])
def test_the_body_of_a_refusal_that_is_no_json_says_nothing(body: bytes) -> None:
    assert openai_wire.parse_error(body) == openai_wire.VendorError()
    assert anthropic_wire.parse_error(body) == anthropic_wire.AnthropicError()
    assert google_wire.parse_error(body) == google_wire.GeminiError()
