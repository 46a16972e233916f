"""Which web pages may call the API: those named, exactly."""

from collections.abc import AsyncIterator

import pytest

from tests.control.running import Api, Reply, running_api

PORTAL = "https://app.example.com"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, cors_origins=[PORTAL]) as api:
        yield api


async def preflight(api: Api, origin: str, path: str = "/auth/login") -> Reply:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await api.nobody.ask("OPTIONS", path, headers=asked)


async def test_a_page_of_ours_may_call_and_sees_the_request_id(api: Api) -> None:
    reply = await api.nobody.get("/auth/me", headers={"Origin": PORTAL})
    assert reply.status == 401
    assert reply.headers["Access-Control-Allow-Origin"] == PORTAL
    assert "X-Request-Id" in reply.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in reply.headers


async def test_the_browsers_question_is_answered_with_what_is_allowed(api: Api) -> None:
    reply = await preflight(api, PORTAL)
    assert (reply.status, reply.raw) == (204, b"")
    assert reply.headers["Access-Control-Allow-Origin"] == PORTAL
    assert reply.headers["Access-Control-Allow-Methods"] == "POST"
    for name in ("Authorization", "Content-Type", "Idempotency-Key"):
        assert name in reply.headers["Access-Control-Allow-Headers"]
    assert int(reply.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", f"{PORTAL}.evil.com", "http://app.example.com", f"{PORTAL}:8443", "null"]
)
async def test_any_other_page_is_allowed_nothing(api: Api, origin: str) -> None:
    for reply in (await preflight(api, origin), await api.nobody.get("/healthz", headers={"Origin": origin})):
        assert not [name for name in reply.headers if name.startswith("Access-Control-")]
        assert reply.headers["Vary"] == "Origin"


async def test_a_question_about_no_path_of_ours_is_404(api: Api) -> None:
    assert (await preflight(api, PORTAL, "/nothing")).status == 404


async def test_options_without_a_browsers_question_is_405(api: Api) -> None:
    reply = await api.nobody.ask("OPTIONS", "/auth/login")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


async def test_without_the_setting_no_page_may(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        reply = await api.nobody.get("/healthz", headers={"Origin": PORTAL})
        assert "Access-Control-Allow-Origin" not in reply.headers
