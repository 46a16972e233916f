"""Files as answers: whole, in stretches, by link."""

from collections.abc import AsyncIterator

import pytest

from control.http.access import OPEN, USER
from control.http.context import Context
from control.http.file import FileAnswer
from control.http.route import BadRoute, Route, shape
from tests.control.running import Api, running_api

WAV = bytes(range(256)) * 4


async def stretch(start: int, length: int) -> AsyncIterator[bytes]:
    for at in range(start, start + length, 100):
        yield WAV[at : min(at + 100, start + length)]


async def whole(context: Context) -> FileAnswer:
    """A file."""
    return FileAnswer("call.wav", "audio/wav", len(WAV), stretch)


async def empty(context: Context) -> FileAnswer:
    """An empty file."""
    return FileAnswer("call.wav", "audio/wav", 0, stretch)


async def elsewhere(context: Context) -> FileAnswer:
    """A file in storage."""
    return FileAnswer("call.wav", "audio/wav", 1, stretch, "https://storage.example/call.wav?signed")


ROUTES = (
    Route("GET", "/whole", whole, OPEN),
    Route("GET", "/empty", empty, OPEN),
    Route("GET", "/link", elsewhere, OPEN),
)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, routes=ROUTES) as running:
        yield running


async def test_a_file_comes_whole(api: Api) -> None:
    reply = await api.nobody.get("/whole")
    assert (reply.status, reply.raw) == (200, WAV)
    assert reply.headers["Content-Length"] == "1024"
    assert reply.headers["Content-Type"] == "audio/wav"
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-", 100, 1024), ("bytes=-24", 1000, 1024), ("bytes=1000-9999", 1000, 1024)],
)
async def test_a_stretch_is_answered_with_just_that(api: Api, asked: str, start: int, stop: int) -> None:
    reply = await api.nobody.get("/whole", headers={"Range": asked})
    assert (reply.status, reply.raw) == (206, WAV[start:stop])
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


async def test_a_stretch_outside_is_refused(api: Api) -> None:
    reply = await api.nobody.get("/whole", headers={"Range": "bytes=2000-"})
    assert reply.status == 416
    assert reply.headers["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize("asked", ["rows=1-2", "bytes=a-b", "bytes=5-1"])
async def test_what_is_no_range_counts_as_none_or_lies_outside(api: Api, asked: str) -> None:
    assert (await api.nobody.get("/whole", headers={"Range": asked})).status in (200, 416)


async def test_an_empty_file_is_a_file(api: Api) -> None:
    reply = await api.nobody.get("/empty")
    assert (reply.status, reply.raw) == (200, b"")


async def test_a_link_is_followed_elsewhere(api: Api) -> None:
    reply = await api.nobody.get("/link", allow_redirects=False)
    assert reply.status == 302
    assert reply.headers["Location"] == "https://storage.example/call.wav?signed"


def test_a_file_cannot_be_stored_for_a_repeat() -> None:
    with pytest.raises(BadRoute, match="a file is no answer"):
        shape(Route("POST", "/whole", whole, USER, idempotent=True))
