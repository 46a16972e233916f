"""The messages between the engine process and its clients."""

import asyncio

import msgspec
import pytest

from media.providers.engine_process.messages import MAX_MESSAGE_BYTES, EngineProtocolError, receive_message
from media.providers.local import wire
from media.providers.local.speech import Recognition, SynthesizedSpeech, WordTiming
from media.providers.local.wire import (
    Cancel,
    EngineAnswer,
    EngineRefusal,
    EngineRequest,
    Synthesize,
    Synthesized,
    Transcribe,
    Transcribed,
    encode_message,
)

MESSAGES: list[EngineRequest | EngineAnswer] = [
    Transcribe(1, b"\0\1", 8_000),
    Synthesize(2, "H\u00e9llo"),
    Cancel(3),
    Transcribed(4, Recognition("yes", 0.5)),
    Synthesized(5, SynthesizedSpeech(b"\0\1", (WordTiming("yes ", 0.5, 20),))),
    EngineRefusal(6, "busy", "full"),
]


def test_engines_of_every_version_know_the_tags() -> None:
    """An upgrade replaces the engine while nodes of the previous version still use it."""
    tags = [type(message).__struct_config__.tag for message in MESSAGES]
    assert tags == ["Transcribe", "Synthesise", "Cancel", "Transcribed", "Synthesised", "Refused"]


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
async def test_a_message_arrives_unchanged(message: EngineRequest | EngineAnswer) -> None:
    decoder: msgspec.msgpack.Decoder[EngineRequest | EngineAnswer] = msgspec.msgpack.Decoder(type(message))
    reader = reader_of(encode_message(message) * 2)
    assert (await receive_message(reader, decoder), await receive_message(reader, decoder)) == (message, message)
    assert await receive_message(reader, decoder) is None


async def test_each_side_accepts_only_its_own_messages() -> None:
    with pytest.raises(EngineProtocolError):
        await receive_message(reader_of(encode_message(EngineRefusal(1, "bad", ""))), wire.make_request_decoder())
    with pytest.raises(EngineProtocolError):
        await receive_message(reader_of(encode_message(Cancel(1))), wire.make_answer_decoder())


async def test_connection_closed_within_a_message_is_the_end() -> None:
    whole = encode_message(Cancel(1))
    for length in range(len(whole)):
        assert await receive_message(reader_of(whole[:length]), wire.make_request_decoder()) is None


async def test_a_message_that_is_too_large_is_not_read() -> None:
    with pytest.raises(EngineProtocolError, match="bytes"):
        await receive_message(reader_of((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big")), wire.make_request_decoder())


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(EngineProtocolError, match="bytes"):
        encode_message(Transcribe(1, bytes(MAX_MESSAGE_BYTES), 8_000))


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x80", b"\x81\xa4type\xa6Cancel", b"\x93\x01\x02\x03", b"{}", b"\xff" * 40]
)
async def test_invalid_messages_are_refused(body: bytes) -> None:
    with pytest.raises(EngineProtocolError):
        await receive_message(reader_of(len(body).to_bytes(4, "big") + body), wire.make_request_decoder())


def test_tags_are_those_of_older_programs() -> None:
    assert b"Refused" in encode_message(EngineRefusal(1, "busy", "full"))
