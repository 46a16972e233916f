"""CORS: web pages of the configured origins may call the API."""

from collections.abc import AsyncIterator

import pytest

from tests.platform.api import Api, running_api
from tests.platform.clients import Reply

PORTAL = "https://app.example.com"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, cors_origins=[PORTAL]) as api:
        yield api


async def preflight(api: Api, origin: str, path: str = "/auth/login") -> Reply:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await api.anonymous.ask("OPTIONS", path, headers=headers)


async def test_configured_origin_is_allowed(api: Api) -> None:
    reply = await api.anonymous.get("/auth/me", headers={"Origin": PORTAL})
    assert reply.status == 401
    assert reply.headers["Access-Control-Allow-Origin"] == PORTAL
    exposed = reply.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-Request-Id", "Vocalized-Request-Id", "Retry-After", "RateLimit-Remaining"} <= set(exposed)
    assert "Idempotent-Replayed" in exposed
    assert "Access-Control-Allow-Credentials" not in reply.headers


async def test_preflight_of_a_configured_origin_is_answered(api: Api) -> None:
    reply = await preflight(api, PORTAL)
    assert (reply.status, reply.raw) == (204, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == PORTAL
    assert reply.headers["Access-Control-Allow-Methods"] == "POST"
    for name in ("Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"):
        assert name in reply.headers["Access-Control-Allow-Headers"]
    assert int(reply.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", f"{PORTAL}.evil.com", "http://app.example.com", f"{PORTAL}:8443", "null"]
)
async def test_other_origins_are_not_allowed(api: Api, origin: str) -> None:
    for reply in (await preflight(api, origin), await api.anonymous.get("/healthz", headers={"Origin": origin})):
        assert not [name for name in reply.headers if name.startswith("Access-Control-")]
        assert reply.headers["Vary"] == "Origin"


async def test_preflight_of_an_unknown_path_is_404(api: Api) -> None:
    assert (await preflight(api, PORTAL, "/nothing")).status == 404


async def test_options_without_preflight_headers_is_405(api: Api) -> None:
    reply = await api.anonymous.ask("OPTIONS", "/auth/login")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


async def test_no_origin_is_allowed_by_default(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        reply = await api.anonymous.get("/healthz", headers={"Origin": PORTAL})
        assert "Access-Control-Allow-Origin" not in reply.headers
