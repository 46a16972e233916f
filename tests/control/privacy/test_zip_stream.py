"""An archive that is made piece by piece: readable, and never held as a whole."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from control.privacy.exports.zip_stream import ZipStream

AT = datetime(2026, 11, 27, 12, 0, 1, tzinfo=UTC)
PIECE = 1 << 20


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_archive_is_read_by_others() -> None:
    stream, data = ZipStream(AT), bytearray()
    async for part in stream.add("a.jsonl", pieces(b'{"a": 1}\n', b'{"a": 2}\n')):
        data += part
    async for part in stream.add("empty.jsonl", pieces()):
        data += part
    async for part in stream.add("b.wav", pieces(b"RIFF" * 100), is_compressed=False):
        data += part
    data += stream.finish()
    with ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("a.jsonl") == b'{"a": 1}\n{"a": 2}\n'
        assert archive.read("empty.jsonl") == b""
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
        assert kinds == {"a.jsonl": ZIP_DEFLATED, "empty.jsonl": ZIP_DEFLATED, "b.wav": ZIP_STORED}
        assert archive.infolist()[0].date_time == (2026, 11, 27, 12, 0, 0)


async def test_each_piece_is_passed_on_before_the_next_is_read() -> None:
    stream, read, longest = ZipStream(AT), 0, 0
    sent = 0

    async def audio() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(40):
            read += PIECE
            yield os.urandom(PIECE)

    async for part in stream.add("a.wav", audio(), is_compressed=False):
        sent += len(part)
        longest = max(longest, len(part))
        assert read - sent < PIECE
    assert sent > 40 * PIECE and longest < 2 * PIECE
