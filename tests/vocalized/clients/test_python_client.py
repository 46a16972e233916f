"""The Python client against the running API, as a system with an API key uses it, and a member with a token."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.control.api.key_workspace import KeyWorkspace
from tests.platform.api import Api, running_api
from tests.vocalized.clients.generated_package import async_client, python_client, thread_client
from tests.vocalized.clients.scripted_server import ReceivedRequest, forward, scripted_server
from vocalized.clients.document import make_api_document

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def workspace(api: Api) -> KeyWorkspace:
    return await KeyWorkspace.make(api)


@pytest_asyncio.fixture(loop_scope="module")
async def client(workspace: KeyWorkspace) -> AsyncIterator[Any]:
    """With a key of all scopes."""
    secret = (await workspace.create())["secret"]
    async with async_client(workspace.api.url, api_key=secret, workspace_id=workspace.id) as made:
        yield made


async def test_document_is_that_of_the_running_api(api: Api) -> None:
    served = (await api.anonymous.get("/openapi.json")).body
    assert make_api_document(served["servers"][0]["url"]) == served


async def block(client: Any, number: int) -> UUID:
    """The id of a blocked caller."""
    blocked = await client.blocked_callers.block(caller=f"+1415555{number:04}")
    blocked_id: UUID = blocked.blocked_caller.id
    return blocked_id


@pytest.mark.parametrize("by", ["key", "token"])
async def test_each_row_comes_once_while_others_are_added(workspace: KeyWorkspace, by: str) -> None:
    secret = (await workspace.create())["secret"] if by == "key" else workspace.ann.token
    async with async_client(workspace.api.url, api_key=secret, workspace_id=workspace.id) as client:
        made = [await block(client, number) for number in range(8)]
        sizes, seen = [], []
        async for page in client.blocked_callers.list(limit=3).pages():
            sizes.append(len(page.blocked_callers))
            seen += [row.id for row in page.blocked_callers]
            await block(client, 100 + len(sizes))
        assert (sizes, seen) == ([3, 3, 2], made[::-1])
        assert (await client.blocked_callers.list(limit=3).first()).total == 11
        rest = client.blocked_callers.list(limit=3, starting_after=seen[4])
        assert [row.id async for row in rest] == [row.id async for row in rest] == seen[5:]


async def test_each_row_comes_while_it_is_deleted(workspace: KeyWorkspace, client: Any) -> None:
    made = [await block(client, number) for number in range(7)]
    seen = []
    async for row in client.blocked_callers.list(limit=3):
        await client.blocked_callers.unblock(row.id)
        seen.append(row.id)
    assert seen == made[::-1] and (await client.blocked_callers.list().first()).blocked_callers == []
    made = [await block(client, number) for number in range(6)]
    credential = client._transport.settings.credential._source
    with thread_client(workspace.api.url, api_key=credential, workspace_id=workspace.id) as threads:

        def delete_all() -> list[UUID]:
            listed = threads.blocked_callers.list(limit=3)
            return [row.id for row in listed if threads.blocked_callers.unblock(row.id) is None]

        assert await asyncio.to_thread(delete_all) == made[::-1]


async def test_threads_share_a_client(workspace: KeyWorkspace) -> None:
    secret = (await workspace.create())["secret"]
    with thread_client(workspace.api.url, api_key=lambda: secret, workspace_id=workspace.id) as client:

        def work() -> None:
            with ThreadPoolExecutor(6) as threads:
                numbers = [f"+1415555{number:04}" for number in range(12)]
                made = list(threads.map(lambda number: client.blocked_callers.block(caller=number), numbers))
                lists = list(threads.map(lambda _: list(client.blocked_callers.list(limit=5)), range(6)))
            ids = {one.blocked_caller.id for one in made}
            assert all({row.id for row in rows} == ids and len(rows) == 12 for rows in lists)

        await asyncio.to_thread(work)


async def test_lost_answer_creates_one_agent(workspace: KeyWorkspace, client: Any) -> None:
    async def lose(request: ReceivedRequest) -> bytes:
        assert b"201 Created" in await forward(request, workspace.api.url)
        return b""

    async def pass_on(request: ReceivedRequest) -> bytes:
        return await forward(request, workspace.api.url)

    async with scripted_server(lose, pass_on) as proxy:
        settings = client._transport.settings
        async with async_client(proxy.url, api_key=settings.credential._source, workspace_id=workspace.id) as through:
            created = await through.agents.create(name="Once")
    assert [row.id async for row in client.agents.list()] == [created.agent.id]
    assert len(proxy.received) == 2


async def test_error_names_its_fields(client: Any) -> None:
    package = python_client()
    with pytest.raises(package.RequestInvalid) as raised:
        await client.agents.create(name="", config={"turn": {"silence_ms": "long"}})
    error = raised.value
    assert (error.status, error.code, error.param) == (422, package.ErrorCode.INVALID, "name")
    assert [(one.param, one.code) for one in error.errors] == [("name", "too_short")]
    assert UUID(error.request_id) and error.request_id in str(error)


async def test_keys_that_are_refused(workspace: KeyWorkspace) -> None:
    package = python_client()
    narrow = await workspace.create("calls:read")
    expired = await workspace.create(expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    await workspace.api.owner.execute(
        "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1", UUID(expired["api_key"]["id"])
    )
    for secret, kind, code in (
        (narrow["secret"], package.PermissionRefused, "scope"),
        (expired["secret"], package.AuthenticationFailed, "key_expired"),
        ("vk_live_wrong", package.AuthenticationFailed, "key_invalid"),
        (None, package.AuthenticationFailed, "no_token"),
    ):
        async with async_client(workspace.api.url, api_key=secret, workspace_id=workspace.id) as client:
            with pytest.raises(kind) as raised:
                await client.agents.list().first()
            assert raised.value.code == code


async def test_values_have_their_types(client: Any) -> None:
    config = {"greeting": "Hello.", "turn": {"silence_ms": 700}, "facts": {"price": "49"}}
    agent = (await client.agents.create(name="Typed", config=config)).agent
    assert (agent.config.turn.silence_ms, agent.config.facts, agent.config.greeting) == (700, {"price": "49"}, "Hello.")
    assert isinstance(agent.id, UUID) and agent.created_at.tzinfo is not None
    changed = (await client.agents.update(agent.id, config={"greeting": None})).agent
    assert (changed.config.greeting, changed.config.turn.silence_ms, changed.name) == ("", 700, "Typed")
    assert isinstance((await client.billing.get_current_period()).current_period.accrued_total, Decimal)
    assert await client.agents.delete(agent.id) is None
    with pytest.raises(python_client().NotFound):
        await client.agents.get(agent.id)


async def test_file_is_read_part_by_part(client: Any) -> None:
    today = datetime.now(UTC).date()
    async with client.analytics.export_calls(from_=today - timedelta(days=1), to=today, format="csv") as file:
        assert file.content_type.startswith("text/csv")
        assert b"call_id,created_at" in await file.read()


async def test_other_workspace_and_options(workspace: KeyWorkspace, client: Any) -> None:
    with pytest.raises(python_client().NotFound):
        await client.agents.list(workspace_id=uuid4()).first()
    other = client.with_options(workspace_id=uuid4(), max_retries=0, timeout_s=5.0)
    with pytest.raises(python_client().NotFound):
        await other.agents.list().first()
    await other.close()  # the connections are those of `client`
    assert (await client.agents.list().first()).agents == []
    async with async_client(workspace.api.url) as without:
        with pytest.raises(ValueError, match="workspace_id"):
            without.agents.list()
