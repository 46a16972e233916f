"""Documents over the API: upload, status, search, deletion; who may do what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest

from control.knowledge.rules import FAILURES
from tests.control.knowledge.library import PRICES
from tests.platform.api import Api, running_api
from tests.platform.clients import User

UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def make_owner(api: Api) -> tuple[User, str]:
    """An owner, and the path of the workspace's documents."""
    owner = await api.sign_up()
    return owner, f"/workspaces/{await owner.workspace()}/knowledge"


async def upload(api: Api, user: User, path: str, data: bytes, **query: str) -> tuple[int, Any]:
    """Sends a file as it is."""
    headers = {"Authorization": f"Bearer {user.token}", "Content-Type": "application/octet-stream"}
    url = f"{api.url}{path}/documents/upload"
    async with api.client.post(url, data=BytesIO(data), params={"name": "Fees"} | query, headers=headers) as response:
        return response.status, await response.json()


@asynccontextmanager
async def slow_upload(api: Api, user: User, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """A file of which one byte has come; yields where the answer is read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.url).port)
    target = f"{urlsplit(api.url).path}{path}/documents/upload?name=Slow"
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\nContent-Length: 9\r\n\r\na"
    writer.write(head.encode())
    yield reader
    writer.close()
    await writer.wait_closed()


async def read_status(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(30):
        return int((await reader.readuntil(b"\r\n")).split()[1])


async def test_nobody_takes_all_places_for_files(api: Api) -> None:
    owner, path = await make_owner(api)
    colleague = await api.member(path.split("/")[2], "member")
    for other in (await api.sign_up(), await api.member(path.split("/")[2], "viewer")):
        async with slow_upload(api, other, path) as answer:
            assert await read_status(answer) in (403, 404)  # before the file has come
    async with AsyncExitStack() as uploads:
        slow = [await uploads.enter_async_context(slow_upload(api, owner, path)) for _ in range(3)]
        answers = [asyncio.create_task(read_status(one)) for one in slow]
        (refused,), waiting = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result() == 503
        status, body = await upload(api, owner, path, b"text")
        assert (status, body["error"]["code"]) == (503, "busy")
        assert (await upload(api, colleague, path, b"text"))[0] == 201
        for one in waiting:
            one.cancel()
    async with asyncio.timeout(30):
        while (await upload(api, owner, path, b"text"))[0] == 503:
            """The server has not seen yet that the connections are closed."""


async def test_document_is_added_listed_and_deleted(api: Api) -> None:
    owner, path = await make_owner(api)
    added = await owner.post(f"{path}/documents", {"name": "Prices", "text": PRICES})
    assert added.status == 201, added.body
    document = added.body["document"]
    assert {name: document[name] for name in ("name", "format", "status", "language", "failure", "chunk_count")} == {
        "name": "Prices", "format": "markdown", "status": "pending", "language": "en", "failure": None,
        "chunk_count": 0,
    }  # fmt: skip
    stored = [one.read_bytes() for one in api.objects.rglob(document["id"])]
    assert stored == [PRICES.encode()]
    # One job at once, and one in case the request had ended before it.
    jobs = "SELECT convert_from(payload, 'UTF8') FROM pgqueuer WHERE entrypoint = 'knowledge.index_document'"
    queued = [row["convert_from"] for row in await api.owner.fetch(jobs)]
    assert sum(document["id"] in payload for payload in queued) == 2
    assert (await owner.get(f"{path}/documents")).body["total"] == 1
    one = f"{path}/documents/{document['id']}"
    assert (await owner.get(one)).body["document"] == document
    assert (await owner.post(f"{one}/index")).status == 202
    assert (await owner.delete(one)).status == 204
    assert [(await owner.get(one)).status, (await owner.delete(one)).status] == [404, 404]
    assert (await owner.post(f"{one}/index")).body["error"]["code"] == "document_not_found"


async def test_file_is_the_body(api: Api) -> None:
    owner, path = await make_owner(api)
    status, body = await upload(api, owner, path, b"%PDF-1.7 and more", language="de")
    assert (status, body["document"]["format"], body["document"]["language"]) == (201, "pdf", "de")
    status, body = await upload(api, owner, path, b"PK\x03\x04\x00\x00")
    assert (status, body["error"]["code"], body["error"]["param"]) == (422, "file_unknown", "file")
    status, body = await upload(api, owner, path, b"a" * 10_000_001)
    assert (status, body["error"]["code"]) == (422, "file_too_large")
    status, body = await upload(api, owner, path, b"a" * 20_000_001)
    assert (status, body["error"]["code"]) == (413, "too_large")
    status, body = await upload(api, owner, path, b"text", language="English")
    assert (status, body["error"]["param"]) == (422, "language")


async def test_file_that_cannot_be_stored_is_told_and_leaves_a_document_that_fails(api: Api) -> None:
    owner, path = await make_owner(api)
    (api.objects / "knowledge").write_text("No folder can be made here.")
    refused = await owner.post(f"{path}/documents", {"name": "Prices", "text": PRICES})
    assert (refused.status, refused.code) == (503, "storage_away")
    (document,) = (await owner.get(f"{path}/documents")).body["documents"]
    assert document["status"] == "pending"  # its job marks it as failed (test_documents.py)
    assert (await owner.delete(f"{path}/documents/{document['id']}")).status == 204


async def test_search_is_tried_and_agents_name_documents_of_their_workspace(api: Api) -> None:
    owner, path = await make_owner(api)
    assert (await owner.post(f"{path}/search", {"query": "crown"})).body == {"passages": []}
    added = await owner.post(f"{path}/documents", {"name": "Prices", "text": PRICES})
    document_id = added.body["document"]["id"]
    agents = path.replace("/knowledge", "/agents")
    config = {"tools": ["search_knowledge"], "knowledge": {"document_ids": [document_id]}}
    made = await owner.post(agents, {"name": "Desk", "config": config})
    assert made.body["agent"]["config"]["knowledge"] == {"document_ids": [document_id]}
    other, _ = await make_owner(api)
    theirs = await other.post(f"/workspaces/{await other.workspace()}/agents", {"name": "Desk", "config": config})
    assert (theirs.status, theirs.body["error"]["code"], theirs.body["error"]["param"]) == (
        422, "document_unknown", "config.knowledge.document_ids.0",
    )  # fmt: skip
    # A document that is deleted later does not block other edits.
    await owner.delete(f"{path}/documents/{document_id}")
    changed = await owner.put(f"{agents}/{made.body['agent']['id']}", {"config": {"greeting": "Hi."}})
    assert changed.status == 200, changed.body


async def test_viewers_read_and_strangers_do_not(api: Api) -> None:
    owner, path = await make_owner(api)
    viewer = await api.member(path.split("/")[2], "viewer")
    stranger = await api.sign_up()
    assert (await viewer.get(f"{path}/documents")).status == 200
    assert (await viewer.post(f"{path}/documents", {"name": "A", "text": "B"})).status == 403
    assert (await upload(api, viewer, path, b"text"))[0] == 403
    assert (await stranger.get(f"{path}/documents")).status == 404
    assert (await owner.get(f"{path}/documents/{UNKNOWN}")).body["error"]["code"] == "document_not_found"


def test_every_failure_is_a_sentence() -> None:
    assert all(text.endswith(".") for text in FAILURES.values())
