"""The Python client against servers that fail: what is sent again, with what, and what is an error at once."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.vocalized.clients.generated_package import SECRET, async_client, python_client, quick_retries, thread_client
from tests.vocalized.clients.scripted_server import ScriptedServer, answer, error, scripted_server

WORKSPACE, AGENT = uuid4(), uuid4()
ME = {"id": str(WORKSPACE), "email": "a@example.com", "name": "Ann", "email_verified": True}
PLACED = answer(201, {"call_id": str(AGENT), "status": "queued"})
NUMBER = "+14155550123"
TEMPORARY = [error(503, "unavailable", Retry_After="0"), error(429, "too_many_requests", Retry_After="0"), b""]


async def place(server: ScriptedServer, **more: Any) -> Any:
    async with async_client(server.url, workspace_id=WORKSPACE, **more) as client:
        return await client.calls.place(agent_id=AGENT, phone_number_to_call=NUMBER)


@pytest.mark.parametrize("fault", [*TEMPORARY, b"HTTP/1.1 201 X\r\nContent-Length: 99\r\n\r\n{", error(502, "bad")])
async def test_keyed_request_is_repeated_with_its_key(fault: bytes) -> None:
    async with scripted_server(fault, fault, PLACED) as server:
        placed = await place(server)
    assert placed.call_id == AGENT and len(server.received) == 3
    first, *repeats = server.received
    assert first.headers["idempotency-key"] and first.headers["authorization"] == f"Bearer {SECRET}"
    assert all((repeat.headers["idempotency-key"], repeat.body) == (first.headers["idempotency-key"], first.body)
               for repeat in repeats)  # fmt: skip


async def test_threads_wait_before_they_repeat() -> None:
    waits: list[float] = []
    steps = error(503, "unavailable", Retry_After="2"), error(500, "internal"), b"", PLACED
    async with scripted_server(*steps) as server:
        with thread_client(server.url, workspace_id=WORKSPACE, retries=python_client().RetryPolicy(3)) as client:
            transport = client._transport
            client._use(type(transport)(transport.settings, transport.http, waits.append))
            placed = await asyncio.to_thread(client.calls.place, agent_id=AGENT, phone_number_to_call=NUMBER)
    assert placed.call_id == AGENT and len({one.headers["idempotency-key"] for one in server.received}) == 1
    told, *drawn = waits
    assert told == 2 and 0.5 < drawn[0] <= 1 < drawn[1] <= 2


async def test_two_calls_of_a_method_have_different_keys() -> None:
    async with scripted_server(PLACED) as server:
        await place(server)
        await place(server)
    assert len({one.headers["idempotency-key"] for one in server.received}) == 2


async def test_request_in_flight_under_its_key_is_asked_for_again() -> None:
    async with scripted_server(error(409, "idempotency_in_flight"), PLACED) as server:
        await place(server)
    assert len(server.received) == 2


@pytest.mark.parametrize("fault", [error(503, "unavailable", Retry_After="0"), b""])
async def test_request_without_a_key_is_not_repeated_if_it_may_have_had_its_effect(fault: bytes) -> None:
    package = python_client()
    async with (
        scripted_server(fault, answer(200, {"outcome": "done"})) as server,
        async_client(server.url, workspace_id=WORKSPACE) as client,
    ):
        with pytest.raises((package.ServerFailed, package.ConnectionFailed)) as raised:
            await client.calls.end(AGENT)
    assert len(server.received) == 1
    assert getattr(raised.value, "was_sent", True)


async def test_refused_request_without_a_key_is_repeated() -> None:
    limited = error(429, "too_many_requests", Retry_After="0")
    async with (
        scripted_server(limited, answer(200, {"outcome": "done"})) as server,
        async_client(server.url, workspace_id=WORKSPACE) as client,
    ):
        assert (await client.calls.end(AGENT)).outcome == "done"
    assert len(server.received) == 2 and server.received[0].body == b"{}"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "key_expired", "AuthenticationFailed"),
        (403, "scope", "PermissionRefused"),
        (404, "agent_not_found", "NotFound"),
        (409, "call_limit", "StateConflict"),
        (422, "number_invalid", "RequestInvalid"),
        (418, "new", "ApiError"),
    ],
)
async def test_other_errors_are_final(status: int, code: str, kind: str) -> None:
    async with scripted_server(error(status, code)) as server:
        with pytest.raises(getattr(python_client(), kind)) as raised:
            await place(server)
    assert len(server.received) == 1
    found = raised.value
    assert (found.status, found.code, found.request_id, found.message) == (status, code, "r1", "No.")


async def test_attempts_end_and_the_last_error_is_raised() -> None:
    async with scripted_server(error(503, "unavailable", Retry_After="0")) as server:
        with pytest.raises(python_client().ServerFailed):
            await place(server, retries=quick_retries(max_retries=4))
    assert len(server.received) == 5


async def test_longer_wait_than_allowed_is_an_error_at_once() -> None:
    async with scripted_server(error(429, "outbound_daily_limit", Retry_After="3600")) as server:
        with pytest.raises(python_client().RateLimited) as raised:
            await place(server)
    assert (len(server.received), raised.value.retry_after_s) == (1, 3600.0)


async def test_page_of_a_proxy_is_an_error_with_its_status() -> None:
    async with scripted_server(answer(403, b"<html>", Vocalized_Request_Id="r2")) as server:
        with pytest.raises(python_client().PermissionRefused) as raised:
            await place(server)
    assert (raised.value.code, raised.value.request_id) == ("", "r2")


@pytest.mark.parametrize("body", [b"<html>", [], {"call_id": "no id", "status": "queued"}, {"status": "queued"}])
async def test_answer_that_is_not_as_documented(body: Any) -> None:
    async with scripted_server(answer(201, body)) as server:
        with pytest.raises(python_client().AnswerInvalid):
            await place(server)
    assert len(server.received) == 1


async def test_redirect_of_a_wrong_address_is_no_success() -> None:
    async with (
        scripted_server(answer(301, Location="https://127.0.0.1:1/x")) as server,
        async_client(server.url, workspace_id=WORKSPACE) as client,
    ):
        for method in (client.agents.delete, client.agents.get):
            with pytest.raises(python_client().AnswerInvalid, match="base_url"):
                await method(AGENT)
    assert len(server.received) == 2


async def test_nobody_listens() -> None:
    async with scripted_server(PLACED) as server:
        url = server.url
    with pytest.raises(python_client().ConnectionFailed) as raised:
        async with async_client(url, workspace_id=WORKSPACE) as client:
            await client.calls.end(AGENT)
    assert raised.value.was_sent is False


async def test_silent_server_times_out_in_threads() -> None:
    async with scripted_server(answer(200, {"outcome": "done"})) as server:
        server.steps = [server.hang]
        with (
            thread_client(server.url, workspace_id=WORKSPACE, timeout_s=0.2) as client,
            pytest.raises(python_client().RequestTimedOut) as raised,
        ):
            await asyncio.to_thread(client.calls.end, AGENT)
    assert raised.value.was_sent and len(server.received) == 1


async def test_cancelled_request_closes_its_connection() -> None:
    async with scripted_server(b"") as server:
        server.steps = [server.hang]
        async with async_client(server.url, workspace_id=WORKSPACE) as client:
            task = asyncio.create_task(client.calls.list().first())
            await asyncio.wait_for(server.was_asked.wait(), 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not client._transport.http._transport._pool.connections


async def test_storage_gets_no_token() -> None:
    async with (
        scripted_server(answer(200, b"RIFF" * 1000, Content_Type="audio/wav")) as storage,
        scripted_server(answer(302, Location=f"{storage.url}/signed?x=1")) as server,
        async_client(server.url, workspace_id=WORKSPACE) as client,
        client.calls.get_recording(AGENT) as file,
    ):
        assert (file.content_type, file.size) == ("audio/wav", 4000)
        assert await file.read() == b"RIFF" * 1000
    assert storage.received[0].line == "GET /signed?x=1 HTTP/1.1"
    assert "authorization" not in storage.received[0].headers
    assert server.received[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_storage_that_fails_is_asked_by_a_new_link() -> None:
    failure, file_of_it = answer(503, b"<Error/>"), answer(200, b"RIFF")
    async with scripted_server(failure, file_of_it) as storage:
        links = [answer(302, Location=f"{storage.url}/signed?x={number}") for number in (1, 2)]
        async with (
            scripted_server(*links) as server,
            async_client(server.url, workspace_id=WORKSPACE) as client,
            client.calls.get_recording(AGENT) as file,
        ):
            assert await file.read() == b"RIFF"
    assert [one.line for one in storage.received] == [f"GET /signed?x={number} HTTP/1.1" for number in (1, 2)]


@pytest.mark.parametrize("location", ["/elsewhere", "", "ftp://h/x", "http://[::1"])
async def test_storage_that_leads_elsewhere_is_no_file(location: str) -> None:
    async with scripted_server(answer(302, Location=location), answer(307, b"<Moved/>", Location="/x")) as server:
        with thread_client(server.url, workspace_id=WORKSPACE) as client:

            def read() -> bytes:
                with client.calls.get_recording(AGENT) as file:
                    content: bytes = file.read()
                    return content

            with pytest.raises(python_client().AnswerInvalid):
                await asyncio.to_thread(read)


async def test_file_that_breaks_off_is_an_error_and_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"of before")
    broken = b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nRIFF"
    async with scripted_server(broken, answer(200, b"RIFF")) as server:
        with thread_client(server.url, workspace_id=WORKSPACE) as client:

            def save() -> int:
                with client.calls.get_recording(AGENT) as file:
                    size: int = file.save(path)
                    return size

            with pytest.raises(python_client().ConnectionFailed):
                await asyncio.to_thread(save)
            assert path.read_bytes() == b"of before"
            assert await asyncio.to_thread(save) == 4
    assert path.read_bytes() == b"RIFF" and os.listdir(tmp_path) == ["call.wav"]


async def test_list_that_does_not_go_on_is_an_error_instead_of_endless() -> None:
    row = {"id": str(AGENT), "caller": NUMBER, "note": "", "created_at": "2026-11-26T09:30:00Z", "created_by": None}
    page = {"blocked_callers": [row], "total": None, "page": None, "limit": 1, "has_more": True}
    async with (
        scripted_server(answer(200, page)) as server,
        async_client(server.url, workspace_id=WORKSPACE) as client,
    ):
        with pytest.raises(python_client().AnswerInvalid, match="does not go on"):
            [row async for row in client.blocked_callers.list()]
    assert len(server.received) == 2


async def test_secret_is_in_no_text_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with (
        scripted_server(error(401, "key_invalid")) as server,
        async_client(server.url, workspace_id=WORKSPACE) as client,
    ):
        with pytest.raises(python_client().AuthenticationFailed) as raised:
            await client.calls.end(AGENT)
        texts = [repr(client), repr(client._transport.settings), repr(raised.value), str(raised.value), caplog.text]
    assert caplog.text and SECRET not in "".join(texts)
