"""The composed API."""

import asyncio

import pytest

from control.app import ROUTES, limit_names
from control.http.access import AccessKind
from control.http.route import InvalidRoute
from tests.platform.api import running_api


async def test_health_readiness_and_metrics(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        assert (await api.anonymous.get("/healthz")).body == {"status": "ok"}
        ready = await api.anonymous.get("/readyz")
        assert (ready.status, ready.body) == (200, {"status": "ready", "database": "ok", "redis": "ok"})
        metrics = await api.anonymous.get("/metrics")
        assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b'route="/readyz"' in metrics.raw


async def test_a_reader_that_dies_is_named_by_readiness_and_starts_again(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        [reader] = [task for task in asyncio.all_tasks() if task.get_name() == "media_requests.reader"]
        while not reader.done():  # the Redis client may swallow a cancellation
            reader.cancel()
            await asyncio.sleep(0)
        ready = await api.anonymous.get("/readyz")
        assert (ready.status, ready.body["status"]) == (503, "unavailable")
        assert ready.body["dead_tasks"] == ["media_requests.reader"]
        async with asyncio.timeout(30):
            while (await api.anonymous.get("/readyz")).status != 200:  # noqa: ASYNC110  # a probe polls, too
                await asyncio.sleep(0.05)
        metrics = await api.anonymous.get("/metrics")
        assert b'vocalized_control_task_deaths_total{task="media_requests.reader"} 1.0' in metrics.raw


async def test_unknown_limit_is_refused_at_start(database_url: str, valkey_url: str) -> None:
    with pytest.raises(InvalidRoute, match="lgoin"):
        async with running_api(database_url, valkey_url, limits={"lgoin": (1, 1)}):
            pass


def test_routes_that_hash_or_send_email_have_a_rate_limit() -> None:
    assert {"login", "signup", "forgot", "admin-login"} <= limit_names()
    open_routes = [route for route in ROUTES if route.access.kind is AccessKind.OPEN and route.method == "POST"]
    assert open_routes and [route.path for route in open_routes if route.limit is None] == []


async def test_sign_up_to_sign_out(database_url: str, valkey_url: str) -> None:
    """Uses several endpoints in the order of a client."""
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        workspace_id = await ann.workspace("Acme")
        bob = await api.member(workspace_id, "viewer")
        assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200
        assert (await bob.put(f"/workspaces/{workspace_id}", {"name": "Bob's"})).code == "role"
        stranger = await api.sign_up()
        assert (await stranger.get(f"/workspaces/{workspace_id}")).code == "workspace_not_found"
        assert (await ann.post("/auth/logout")).status == 204
        assert (await ann.get("/auth/me")).code == "session_over"


async def test_root_leads_programs_to_the_documentation(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        root = await api.anonymous.get("/", allow_redirects=False)
        assert (root.status, root.headers["Location"]) == (302, "docs")
        followed = await api.anonymous.get("/")
        assert followed.status == 200 and b"Vocalized API" in followed.raw
