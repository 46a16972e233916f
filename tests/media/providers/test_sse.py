"""Server-sent events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.sse import SseError, SseParser


def parse(*chunks: bytes) -> list[bytes]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.end()


def test_only_data_fields_are_used() -> None:
    stream = b": hello\n\nevent: x\nid: 1\nretry: 5\ndata: one\n\n\n\ndata:two\ndata: three\n\ndata\n\nnonsense\n\n"
    assert parse(stream) == [b"one", b"two\nthree", b""]


def test_the_last_blank_line_may_be_missing() -> None:
    assert parse(b"data: one\r\n\r\ndata: two") == [b"one", b"two"]


def test_size_is_bounded() -> None:
    with pytest.raises(SseError):
        parse(b"data: " + b"x" * 1_000_001)
    with pytest.raises(SseError):
        parse(*[b"data: " + b"x" * 100_000 + b"\n"] * 11)


@given(
    st.lists(st.sampled_from([b"data: a\n", b"\n", b"\r\n", b": c\n", b"data:", b"x", b"\r", b"data: b\r\n"])),
    st.data(),
)
def test_chunk_boundaries_make_no_difference(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*chunks) == parse(stream)
