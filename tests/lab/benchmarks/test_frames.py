"""The client's side of WebSocket framing."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.benchmarks import frames

# The sample handshake of RFC 6455, 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def server_frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload


def unmask(frame: bytes) -> tuple[int, bytes]:
    size = frame[1] & 0x7F
    assert frame[1] & 0x80, "a client frame must be masked"
    start = 2
    if size == 126:
        size, start = int.from_bytes(frame[2:4]), 4
    key, body = frame[start : start + 4], frame[start + 4 :]
    assert len(body) == size
    return frame[0], bytes(byte ^ key[index % 4] for index, byte in enumerate(body))


def test_the_request_offers_no_extension() -> None:
    request = frames.request("host:1", "/media/twilio", KEY)
    assert request.startswith(b"GET /media/twilio HTTP/1.1\r\nHost: host:1\r\n")
    assert b"extensions" not in request.lower()
    assert request.endswith(b"\r\n\r\n")


def test_response_can_arrive_in_pieces() -> None:
    opening = frames.Opening(KEY)
    assert all(opening.feed(ACCEPTED[at : at + 1]) is None for at in range(len(ACCEPTED) - 1))
    assert opening.feed(ACCEPTED[-1:] + b"rest") == b"rest"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        ACCEPTED.replace(b"s3pP", b"xxxx"),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_other_responses_are_errors(answer: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.Opening(KEY).feed(answer)


@given(st.binary(max_size=70_000).filter(lambda payload: len(payload) < 65_536))
def test_text_frame_is_masked(payload: bytes) -> None:
    assert unmask(frames.text(payload)) == (0x81, payload)


def test_a_control_frame_is_masked() -> None:
    assert unmask(frames.control(frames.PONG, b"hello")) == (0x8A, b"hello")


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 50))
def test_messages_are_split_at_any_boundary(payloads: list[bytes], step: int) -> None:
    wire = b"".join(server_frame(0x81, payload) for payload in payloads)
    inbox = frames.Inbox()
    got = [message for at in range(0, len(wire), step) for message in inbox.feed(wire[at : at + step])]
    assert got == [(frames.TEXT, payload) for payload in payloads]


def test_a_message_of_64_bit_length() -> None:
    payload = base64.b64encode(bytes(60_000))
    assert frames.Inbox().feed(server_frame(0x81, payload)) == [(frames.TEXT, payload)]


def test_fragments_are_joined_around_a_ping() -> None:
    wire = server_frame(0x01, b"one ") + server_frame(0x89, b"?") + server_frame(0x80, b"two")
    assert frames.Inbox().feed(wire) == [(frames.PING, b"?"), (frames.TEXT, b"one two")]


@pytest.mark.parametrize("wire", [b"\x81\x81\0\0\0\0x", b"\xc1\x01x"])
def test_masked_or_compressed_frames_of_a_server_are_errors(wire: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.Inbox().feed(wire)
