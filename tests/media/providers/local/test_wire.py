"""The messages between the engine process and its clients."""

import asyncio

import msgspec
import pytest

from media.providers.local import wire
from media.providers.local.speech import Speech, Transcript, Word
from media.providers.local.wire import (
    Answer,
    Cancel,
    Refused,
    Request,
    Synthesise,
    Synthesised,
    Transcribe,
    Transcribed,
    WireError,
    pack,
    receive,
)

MESSAGES: list[Request | Answer] = [
    Transcribe(1, b"\0\1", 8_000),
    Synthesise(2, "H\u00e9llo"),
    Cancel(3),
    Transcribed(4, Transcript("yes", 0.5)),
    Synthesised(5, Speech(b"\0\1", (Word("yes ", 0.5, 20),))),
    Refused(6, "busy", "full"),
]


def fed(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
async def test_a_message_arrives_as_it_was(message: Request | Answer) -> None:
    decoder: msgspec.msgpack.Decoder[Request | Answer] = msgspec.msgpack.Decoder(type(message))
    reader = fed(pack(message) * 2)
    assert (await receive(reader, decoder), await receive(reader, decoder)) == (message, message)
    assert await receive(reader, decoder) is None


async def test_each_side_takes_only_what_is_for_it() -> None:
    with pytest.raises(WireError):
        await receive(fed(pack(Refused(1, "bad", ""))), wire.requests())
    with pytest.raises(WireError):
        await receive(fed(pack(Cancel(1))), wire.answers())


async def test_the_other_side_may_close_in_the_middle_of_a_message() -> None:
    whole = pack(Cancel(1))
    for length in range(len(whole)):
        assert await receive(fed(whole[:length]), wire.requests()) is None


async def test_a_message_that_is_too_large_is_not_read() -> None:
    with pytest.raises(WireError, match="bytes"):
        await receive(fed((wire.LARGEST + 1).to_bytes(4, "big")), wire.requests())


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(WireError, match="bytes"):
        pack(Transcribe(1, bytes(wire.LARGEST), 8_000))


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x80", b"\x81\xa4type\xa6Cancel", b"\x93\x01\x02\x03", b"{}", b"\xff" * 40]
)
async def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        await receive(fed(len(body).to_bytes(4, "big") + body), wire.requests())
