"""Documents over the API: upload, status, search, deletion; who may do what."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest

from control.knowledge.model import FAILURES
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
