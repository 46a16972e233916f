"""Recordings in storage that makes links: a redirect, or the audio for pages that may not load from other hosts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from shared.events import RecordingReady
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import listening, running_api

WAV = bytes(range(256)) * 40


@dataclass(slots=True)
class ObjectServer:
    """An S3 server that has one object at every key. requested: method and range of each request."""

    requested: list[tuple[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requested.append((request.method, request.headers.get("Range", "")))
        wanted = request.http_range
        start, stop, _ = wanted.indices(len(WAV))
        headers = {"Last-Modified": "Thu, 03 Dec 2026 08:00:00 GMT", "ETag": '"1"'}
        if wanted.start is None:
            return web.Response(body=WAV, headers=headers)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(WAV)}"
        return web.Response(status=206, body=WAV[start:stop], headers=headers)


@pytest.fixture
def server() -> ObjectServer:
    return ObjectServer()


@pytest.fixture
async def workspace(
    database_url: str, valkey_url: str, server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CallWorkspace]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    app = web.Application()
    app.router.add_route("*", "/{key:.*}", server.answer)
    async with listening(app) as address:
        url = f"s3://bucket?endpoint={address}&region=auto&links=true"
        async with running_api(database_url, valkey_url, storage_url=url) as api:
            yield await make_call_workspace(api)


async def insert_recorded_call(workspace: CallWorkspace) -> str:
    """The path of the recording of a new call."""
    key = f"recordings/{workspace.workspace_id}/call.wav"
    call_id = await workspace.insert_call(RecordingReady(key, 4_000), recording_key=key)
    return f"{workspace.calls_path}/{call_id}/recording"


async def test_redirects_to_the_storage(workspace: CallWorkspace, server: ObjectServer) -> None:
    reply = await workspace.ann.get(await insert_recorded_call(workspace), allow_redirects=False)
    assert reply.status == 302
    assert "/bucket/recordings/" in reply.headers["Location"]
    assert server.requested == []


async def test_sends_the_audio_itself_if_asked(workspace: CallWorkspace, server: ObjectServer) -> None:
    path = f"{await insert_recorded_call(workspace)}?redirect=false"
    whole = await workspace.ann.get(path, allow_redirects=False)
    assert (whole.status, whole.raw, whole.headers["Content-Type"]) == (200, WAV, "audio/wav")
    part = await workspace.ann.get(path, headers={"Range": "bytes=100-199"}, allow_redirects=False)
    assert (part.status, part.raw) == (206, WAV[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(WAV)}"
    assert ("GET", "bytes=100-199") in server.requested, "the API reads more than the range"


async def test_sends_it_to_members_of_the_workspace_only(workspace: CallWorkspace, server: ObjectServer) -> None:
    path = f"{await insert_recorded_call(workspace)}?redirect=false"
    other = await make_call_workspace(workspace.api)
    assert (await other.ann.get(path)).code == "workspace_not_found"
    assert (await workspace.api.anonymous.get(path)).status == 401
    assert server.requested == []
