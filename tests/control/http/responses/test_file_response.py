"""File responses: whole, by range, by link."""

from collections.abc import AsyncIterator

import pytest

from control.http.access import OPEN, USER
from control.http.context import Context
from control.http.responses.file_response import FileResponse
from control.http.route import InvalidRoute, Route, read_signature
from tests.platform.api import Api, running_api

WAV = bytes(range(256)) * 4


async def read_wav(start: int, length: int) -> AsyncIterator[bytes]:
    for position in range(start, start + length, 100):
        yield WAV[position : min(position + 100, start + length)]


async def whole(context: Context) -> FileResponse:
    """A file."""
    return FileResponse("call.wav", "audio/wav", len(WAV), read_wav)


async def empty(context: Context) -> FileResponse:
    """An empty file."""
    return FileResponse("call.wav", "audio/wav", 0, read_wav)


async def linked(context: Context) -> FileResponse:
    """A file in storage."""
    return FileResponse("call.wav", "audio/wav", 1, read_wav, "https://storage.example/call.wav?signed")


ROUTES = (
    Route("GET", "/whole", whole, OPEN),
    Route("GET", "/empty", empty, OPEN),
    Route("GET", "/link", linked, OPEN),
)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, routes=ROUTES) as running:
        yield running


async def test_whole_file_is_returned(api: Api) -> None:
    reply = await api.anonymous.get("/whole")
    assert (reply.status, reply.raw) == (200, WAV)
    assert reply.headers["Content-Length"] == "1024"
    assert reply.headers["Content-Type"] == "audio/wav"
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("requested", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-", 100, 1024), ("bytes=-24", 1000, 1024), ("bytes=1000-9999", 1000, 1024)],
)
async def test_range_is_returned_as_206(api: Api, requested: str, start: int, stop: int) -> None:
    reply = await api.anonymous.get("/whole", headers={"Range": requested})
    assert (reply.status, reply.raw) == (206, WAV[start:stop])
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


async def test_range_outside_the_file_is_416(api: Api) -> None:
    reply = await api.anonymous.get("/whole", headers={"Range": "bytes=2000-"})
    assert reply.status == 416
    assert reply.headers["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize("requested", ["rows=1-2", "bytes=a-b", "bytes=5-1"])
async def test_invalid_range_is_ignored_or_416(api: Api, requested: str) -> None:
    assert (await api.anonymous.get("/whole", headers={"Range": requested})).status in (200, 416)


async def test_empty_file_is_returned(api: Api) -> None:
    reply = await api.anonymous.get("/empty")
    assert (reply.status, reply.raw) == (200, b"")


async def test_link_is_a_redirect(api: Api) -> None:
    reply = await api.anonymous.get("/link", allow_redirects=False)
    assert reply.status == 302
    assert reply.headers["Location"] == "https://storage.example/call.wav?signed"


def test_file_response_cannot_be_idempotent() -> None:
    with pytest.raises(InvalidRoute, match="a file cannot be stored"):
        read_signature(Route("POST", "/whole", whole, USER, idempotent=True))
