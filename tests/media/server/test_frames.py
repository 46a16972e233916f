"""WebSocket frames, checked against the `websockets` package in both directions."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from media.server.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    CloseCode,
    FrameReader,
    Message,
    encode_close,
    encode_frame,
)

LIMIT = 70_000


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A client's frame."""
    return Frame(Opcode(opcode), payload, fin=final).serialize(mask=True)


def compressed(payload: bytes) -> bytes:
    """A text frame with the reserved bit of an extension that was not negotiated."""
    first, *rest = masked(TEXT, payload)
    return bytes((first | 0x40, *rest))


def read(*chunks: bytes, limit: int = LIMIT) -> tuple[list[Message], FrameReader]:
    reader = FrameReader(limit)
    return [message for chunk in chunks for message in reader.feed(chunk)], reader


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 400, 65_535, 65_536, LIMIT])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_all_lengths(size: int, opcode: int) -> None:
    payload = bytes(index % (128 if opcode == TEXT else 251) for index in range(size))
    messages, reader = read(masked(opcode, payload))
    assert messages == [(opcode, payload)] and reader.fault is None


@given(
    st.lists(
        st.tuples(st.sampled_from([BINARY, PING, PONG]), st.binary(max_size=125))
        | st.tuples(st.just(TEXT), st.text(max_size=300).map(str.encode)),
        max_size=8,
    ),
    st.lists(st.integers(min_value=0, max_value=800), max_size=8),
)
def test_chunk_boundaries_make_no_difference(messages: list[Message], cuts: list[int]) -> None:
    wire = b"".join(masked(opcode, payload) for opcode, payload in messages)
    marks = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    chunks = [wire[start:end] for start, end in itertools.pairwise(marks)]
    found, reader = read(*chunks)
    assert found == messages and reader.fault is None


@given(st.text(max_size=600), st.lists(st.integers(min_value=0, max_value=900), min_size=1, max_size=5))
def test_fragments_are_joined_around_control_frames(text: str, cuts: list[int]) -> None:
    """The fragments may be cut within a character."""
    whole, opcode, wire = text.encode(), TEXT, b""
    marks = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = [whole[start:end] for start, end in itertools.pairwise(marks)]
    for index, part in enumerate(parts):
        wire += masked(0 if index else opcode, part, final=index == len(parts) - 1) + masked(PING, b"?")
    found, reader = read(wire, masked(opcode, b"x" * 200))
    messages = [message for message in found if message[0] != PING]
    assert messages == [(opcode, b"".join(parts)), (opcode, b"x" * 200)] and reader.fault is None
    assert found.count((PING, b"?")) == len(parts)
    assert reader.other_frames == 2 * len(parts)


@pytest.mark.parametrize("size", [2, 200])
def test_text_must_be_utf_8_and_binary_need_not(size: int) -> None:
    payload = b"a" * (size - 1) + b"\xff"
    for wire in (masked(TEXT, payload), masked(TEXT, payload[:-1], final=False) + masked(0, payload[-1:])):
        found, reader = read(wire)
        assert found == [] and reader.fault is not None and reader.fault.close_code is CloseCode.NO_TEXT
    assert read(masked(BINARY, payload))[0] == [(BINARY, payload)]


FAULTS = {
    "a reserved bit": compressed(b"x" * 200),
    "no mask": Frame(Opcode.TEXT, b"x" * 200).serialize(mask=False),
    "an unknown opcode": b"\x83\x81\x00\x00\x00\x00x",
    "a long ping": b"\x89\xfe\x00\x7e" + bytes(4 + 126),
    "a ping in fragments": b"\x09\x80\x00\x00\x00\x00",
    "a continuation without a message": masked(0, b"x"),
    "a message within another": masked(TEXT, b"x", final=False) + masked(TEXT, b"y" * 200),
    "a close code of one byte": masked(CLOSE, b"\x03"),
    "a close code that may not be sent": masked(CLOSE, (1006).to_bytes(2, "big")),
    "a close reason that is no text": masked(CLOSE, (1000).to_bytes(2, "big") + b"\xff"),
}


@pytest.mark.parametrize("wire", FAULTS.values(), ids=FAULTS)
def test_fault_returns_earlier_messages_and_discards_later_ones(wire: bytes) -> None:
    good = masked(TEXT, b"g" * 200)
    found, reader = read(good + wire + good)
    assert reader.fault is not None and reader.fault.close_code is CloseCode.PROTOCOL_ERROR
    assert found == [(TEXT, b"g" * 200)]
    assert reader.feed(good) == []


def test_too_long_message_is_refused_by_its_header() -> None:
    wire = masked(TEXT, b"x" * 301)
    found, reader = read(wire[:12], limit=300)
    assert found == [] and reader.fault is not None and reader.fault.close_code is CloseCode.TOO_BIG


def test_too_long_message_in_one_chunk_is_refused() -> None:
    _, reader = read(masked(TEXT, b"x" * 301), limit=300)
    assert reader.fault is not None and reader.fault.close_code is CloseCode.TOO_BIG


def test_size_limit_applies_to_all_fragments_together() -> None:
    _, reader = read(masked(TEXT, b"x" * 200, final=False), masked(0, b"x" * 100), limit=300)
    assert reader.fault is None
    _, reader = read(masked(TEXT, b"x" * 200, final=False), masked(0, b"x" * 101), limit=300)
    assert reader.fault is not None and reader.fault.close_code is CloseCode.TOO_BIG


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_our_frames_are_read_by_another_implementation(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN)
    client.receive_data(encode_frame(TEXT, b"x" * size) + encode_frame(BINARY, b"\x00") + encode_close(1008, "ä" * 100))
    text, binary, close = client.events_received()
    assert isinstance(text, Frame) and (text.opcode, bytes(text.data)) == (Opcode.TEXT, b"x" * size)
    assert isinstance(binary, Frame) and (binary.opcode, bytes(binary.data)) == (Opcode.BINARY, b"\x00")
    assert isinstance(close, Frame) and Close.parse(close.data) == Close(1008, "ä" * 61)
