"""The middleware over real sockets: headers, error bodies, logs and metrics."""

import asyncio
import json
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest
import structlog

from tests.control.http.probe_routes import SECRET, Gates
from tests.platform.api import Api, running_api


async def test_every_response_has_a_request_id(api: Api) -> None:
    success, failure = await api.anonymous.get("/healthz"), await api.anonymous.get("/nothing")
    ids = [UUID(reply.headers["X-Request-Id"]) for reply in (success, failure)]
    assert ids[0] != ids[1] and all(request_id.version == 7 for request_id in ids)
    assert ids[0].int >> 80 <= ids[1].int >> 80  # the first 48 bits are the time in ms; ids of one ms have no order
    assert failure.body["error"]["request_id"] == failure.headers["X-Request-Id"]


async def test_callers_request_id_is_echoed_and_logged_beside_ours(api: Api) -> None:
    sent = "Root=1-67891233-abcdef012345678912345678"
    with structlog.testing.capture_logs() as lines:
        reply = await api.anonymous.get("/nothing", headers={"X-Request-Id": sent})
    ours = reply.headers["Vocalized-Request-Id"]
    assert reply.headers["X-Request-Id"] == sent
    assert reply.body["error"]["request_id"] == ours and UUID(ours).version == 7
    (line,) = [line for line in lines if line["event"] == "request.answered"]
    assert (line["request_id"], line["client_request_id"]) == (ours, sent)


@pytest.mark.parametrize("sent", ["", "x" * 129, "two words", "ann@example.com", 'a"b', "é", "{}", "a\tb"])
async def test_unsafe_request_id_of_the_caller_is_neither_echoed_nor_logged(api: Api, sent: str) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = await api.anonymous.get("/healthz", headers={"X-Request-Id": sent})
    assert reply.headers["X-Request-Id"] == reply.headers["Vocalized-Request-Id"]
    assert not any("client_request_id" in line for line in lines)


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/try/crash", "/try/scope"])
async def test_every_response_has_security_headers(api: Api, path: str) -> None:
    headers = (await api.anonymous.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    for directive in ("base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'"):
        assert directive in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert "aiohttp" not in headers["Server"]


async def test_hsts_is_sent_only_for_an_https_url(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, public_url="https://api.example.com") as api:
        assert "max-age=" in (await api.anonymous.get("/healthz")).headers["Strict-Transport-Security"]


async def test_unknown_path_is_a_404_error_body(api: Api) -> None:
    reply = await api.anonymous.get("/nothing/at?all=1")
    assert (reply.status, reply.code, reply.body["error"]["type"]) == (404, "no_route", "not_found")
    assert reply.param is None


async def test_unknown_method_is_405_with_allow(api: Api) -> None:
    reply = await api.anonymous.delete("/try/notes")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert set(reply.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


async def test_request_whose_work_was_cancelled_is_answered(api: Api) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = await api.anonymous.get("/try/share-cancelled")
    assert (reply.status, reply.code) == (500, "internal")
    cancelled = next(line for line in lines if line["event"] == "request.cancelled")
    assert cancelled["at"].startswith("probe_routes.share_cancelled:")


async def test_internal_error_is_logged_by_type_and_place_without_text(api: Api) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = await api.anonymous.get("/try/crash")
    assert (reply.status, reply.code) == (500, "internal")
    assert SECRET not in reply.raw.decode() and "Traceback" not in reply.raw.decode()
    failure = next(line for line in lines if line["event"] == "request.failed")
    assert failure["fault"] == "RuntimeError" and failure["at"].startswith("probe_routes.crash:")
    assert SECRET not in str(failure)  # the text of a database error holds values of a row
    assert failure["request_id"] == reply.headers["X-Request-Id"]


async def test_429_has_retry_after(api: Api) -> None:
    reply = await api.anonymous.get("/try/busy")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")
    assert reply.body["error"]["type"] == "rate_limit"


async def test_401_has_www_authenticate(api: Api) -> None:
    reply = await api.anonymous.get("/auth/me")
    assert (reply.status, reply.code, reply.headers["WWW-Authenticate"]) == (401, "no_token", "Bearer")


async def test_exhausted_pool_is_503_with_retry_after(api: Api, gates: Gates) -> None:
    waiting = asyncio.create_task(api.anonymous.get("/try/wait"))
    await gates.reached.wait()
    reply = await api.anonymous.get("/try/scope")
    gates.opened.set()
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "unavailable", "1")
    assert (await waiting).status == 200
    assert (await api.anonymous.get("/try/scope")).status == 200


async def test_statement_timeout_is_503_and_next_request_succeeds(api: Api) -> None:
    assert (await api.anonymous.get("/try/sleep")).code == "unavailable"
    assert (await api.anonymous.get("/try/scope")).status == 200


async def test_lost_connection_is_503_and_next_request_succeeds(api: Api, gates: Gates) -> None:
    waiting = asyncio.create_task(api.anonymous.get("/try/wait"))
    await gates.reached.wait()
    terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query = $1"
    assert await api.owner.fetchval(terminate, "SELECT 'waiting'")
    gates.opened.set()
    assert (await waiting).code == "unavailable"
    assert (await api.anonymous.get("/try/scope")).status == 200


async def test_unavailable_database_is_503_until_it_is_back(
    database_url: str, valkey_url: str, postgres_admin: asyncpg.Connection
) -> None:
    async with running_api(database_url, valkey_url, pool_size=1) as api:
        name = await api.owner.fetchval("SELECT current_database()")
        await postgres_admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
            await postgres_admin.execute(terminate, name)
            assert (await api.anonymous.get("/auth/me", headers={"Authorization": "Bearer x"})).status == 401
            reply = await api.anonymous.post("/auth/login", {"email": "a@example.com", "password": "x"})
            assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
            assert (await api.anonymous.get("/readyz")).body == {
                "status": "unavailable", "database": "away", "redis": "ok",
            }  # fmt: skip
            assert (await api.anonymous.get("/healthz")).status == 200
        finally:
            await postgres_admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert (await api.anonymous.get("/readyz")).status == 200


async def test_each_request_is_logged_without_personal_data(api: Api) -> None:
    ann = await api.sign_up("personal@example.com")
    with structlog.testing.capture_logs() as lines:
        await ann.get("/try/notes?search=search-text")
        await api.anonymous.get("/somebody@example.com")
    first, second = [line for line in lines if line["event"] == "request.answered"]
    assert first["route"] == "/try/notes" and first["method"] == "GET" and first["status"] == 200
    assert first["user_id"] == ann.id and first["address"] == "127.0.0.1" and first["ms"] >= 0
    assert second["route"] == "unmatched" and second["status"] == 404
    assert not [word for word in ("search-text", "example.com", "personal") if word in json.dumps(lines, default=str)]


async def test_requests_are_counted_by_route_method_and_status_class(api: Api) -> None:
    workspace_id = await (ann := await api.sign_up()).workspace()
    await ann.get(f"/try/workspaces/{workspace_id}/scope")
    await api.anonymous.ask("PROPFIND", "/coffee")
    text = (await api.anonymous.get("/metrics")).raw.decode()
    assert (
        'vocalized_control_requests_total{method="GET",route="/try/workspaces/{workspaceId}/scope",status="2xx"} 1.0'
        in text
    )
    assert 'requests_total{method="other",route="unmatched",status="4xx"} 1.0' in text
    assert 'request_seconds_count{method="GET",route="/try/workspaces/{workspaceId}/scope"} 1.0' in text
    assert workspace_id not in text


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nAuthoriz\x00ation: token-4711\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: token-4711\r\n\r\n", b"417"),
    ],
)
async def test_malformed_http_is_refused_and_its_text_neither_logged_nor_answered(
    api: Api, head: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    with structlog.testing.capture_logs() as lines:
        writer.write(head)
        response = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = response.partition(b"\r\n\r\n")
    assert response.split()[0] in (b"HTTP/1.0", b"HTTP/1.1") and response.split()[1] == status
    assert b"Server: Vocalized\r\n" in head and b"aiohttp" not in response
    assert json.loads(body)["error"]["code"] == "malformed_http"
    assert b"token-4711" not in body and b"ation:" not in body
    assert lines and "token-4711" not in str(lines)
