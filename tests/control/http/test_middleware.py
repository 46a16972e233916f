"""What every answer has, and how every fault is told, over real sockets."""

import asyncio
import json
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest
import structlog

from tests.control.http.stage import SECRET, Gates
from tests.control.running import Api, running_api


async def test_every_answer_carries_its_request_id_and_errors_say_it(api: Api) -> None:
    good, bad = await api.nobody.get("/healthz"), await api.nobody.get("/nothing")
    ids = [UUID(reply.headers["X-Request-Id"]) for reply in (good, bad)]
    assert ids[0] < ids[1] and all(one.version == 7 for one in ids)
    assert bad.body["error"]["request_id"] == bad.headers["X-Request-Id"]


async def test_an_id_that_somebody_sends_is_not_taken(api: Api) -> None:
    reply = await api.nobody.get("/healthz", headers={"X-Request-Id": "mine"})
    assert reply.headers["X-Request-Id"] != "mine"


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/try/crash", "/try/scope"])
async def test_every_answer_is_dressed_for_browsers(api: Api, path: str) -> None:
    headers = (await api.nobody.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert "aiohttp" not in headers["Server"]


async def test_https_is_demanded_only_where_people_come_by_https(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, public_url="https://api.example.com") as api:
        assert "max-age=" in (await api.nobody.get("/healthz")).headers["Strict-Transport-Security"]


async def test_an_unknown_path_is_told_in_our_shape(api: Api) -> None:
    reply = await api.nobody.get("/nothing/at?all=1")
    assert (reply.status, reply.code, reply.body["error"]["type"]) == (404, "no_route", "not_found")
    assert reply.param is None


async def test_an_unknown_method_is_told_with_those_that_are_known(api: Api) -> None:
    reply = await api.nobody.delete("/try/notes")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert set(reply.headers["Allow"].split(",")) == {"GET", "POST"}


async def test_a_crash_tells_nothing_from_inside_and_the_log_its_kind_and_place(api: Api) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = await api.nobody.get("/try/crash")
    assert (reply.status, reply.code) == (500, "internal")
    assert SECRET not in reply.raw.decode() and "Traceback" not in reply.raw.decode()
    crash = next(line for line in lines if line["event"] == "http.crash")
    assert crash["fault"] == "RuntimeError" and crash["at"].startswith("stage.crash:")
    assert SECRET not in str(crash)  # the text of a database's error holds the values of a row
    assert crash["request_id"] == reply.headers["X-Request-Id"]


async def test_who_comes_too_often_is_told_how_long_to_wait(api: Api) -> None:
    reply = await api.nobody.get("/try/busy")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")
    assert reply.body["error"]["type"] == "rate_limit"


async def test_who_is_not_signed_in_is_told_the_scheme(api: Api) -> None:
    reply = await api.nobody.get("/auth/me")
    assert (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "no_token", "Bearer")


async def test_no_connection_free_is_503_with_a_time_to_come_back(api: Api, gates: Gates) -> None:
    waiting = asyncio.create_task(api.nobody.get("/try/wait"))
    await gates.reached.wait()
    reply = await api.nobody.get("/try/scope")
    gates.opened.set()
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "unavailable", "1")
    assert (await waiting).status == 200
    assert (await api.nobody.get("/try/scope")).status == 200


async def test_a_statement_that_takes_too_long_is_503_and_the_next_request_is_fine(api: Api) -> None:
    assert (await api.nobody.get("/try/sleep")).code == "unavailable"
    assert (await api.nobody.get("/try/scope")).status == 200


async def test_a_connection_lost_in_a_transaction_is_503_and_the_next_request_is_fine(api: Api, gates: Gates) -> None:
    waiting = asyncio.create_task(api.nobody.get("/try/wait"))
    await gates.reached.wait()
    ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query = $1"
    assert await api.owner.fetchval(ended, "SELECT 'waiting'")
    gates.opened.set()
    assert (await waiting).code == "unavailable"
    assert (await api.nobody.get("/try/scope")).status == 200


async def test_a_database_that_refuses_everybody_is_503_and_is_back_when_it_is(
    database_url: str, valkey_url: str, postgres_admin: asyncpg.Connection
) -> None:
    async with running_api(database_url, valkey_url, pool_size=1) as api:
        name = await api.owner.fetchval("SELECT current_database()")
        await postgres_admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
            await postgres_admin.execute(ended, name)
            assert (await api.nobody.get("/auth/me", headers={"Authorization": "Bearer x"})).status == 401
            reply = await api.nobody.post("/auth/login", {"email": "a@example.com", "password": "x"})
            assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
            assert (await api.nobody.get("/readyz")).body == {
                "status": "unavailable", "database": "away", "redis": "ok",
            }  # fmt: skip
            assert (await api.nobody.get("/healthz")).status == 200
        finally:
            await postgres_admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert (await api.nobody.get("/readyz")).status == 200


async def test_one_line_is_logged_with_ids_and_nothing_personal(api: Api) -> None:
    ann = await api.sign_up("personal@example.com")
    with structlog.testing.capture_logs() as lines:
        await ann.get("/try/notes?search=tell-nobody")
        await api.nobody.get("/somebody@example.com")
    first, second = [line for line in lines if line["event"] == "http.request"]
    assert first["route"] == "/try/notes" and first["method"] == "GET" and first["status"] == 200
    assert first["user_id"] == ann.id and first["address"] == "127.0.0.1" and first["ms"] >= 0
    assert second["route"] == "unmatched" and second["status"] == 404
    assert not [word for word in ("tell-nobody", "example.com", "personal") if word in json.dumps(lines, default=str)]


async def test_requests_are_counted_by_template_method_and_class_of_status(api: Api) -> None:
    workspace_id = await (ann := await api.sign_up()).workspace()
    await ann.get(f"/try/workspaces/{workspace_id}/scope")
    await api.nobody.ask("PROPFIND", "/coffee")
    text = (await api.nobody.get("/metrics")).raw.decode()
    assert (
        'vocalized_control_requests_total{method="GET",route="/try/workspaces/{workspaceId}/scope",status="2xx"} 1.0'
        in text
    )
    assert 'requests_total{method="other",route="unmatched",status="4xx"} 1.0' in text
    assert 'request_seconds_count{method="GET",route="/try/workspaces/{workspaceId}/scope"} 1.0' in text
    assert workspace_id not in text


async def test_what_is_no_http_is_refused_and_its_bytes_are_not_logged(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    with structlog.testing.capture_logs() as lines:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nAuthoriz\x00ation: token-4711\r\n\r\n")
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.0 400") or answer.startswith(b"HTTP/1.1 400")
    assert lines and "token-4711" not in str(lines)
