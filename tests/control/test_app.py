"""The application as it is put together."""

import pytest

from control.app import ROUTES, limit_names
from control.http.access import Kind
from control.http.route import BadRoute
from tests.control.running import running_api


async def test_alive_ready_and_metrics(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        assert (await api.nobody.get("/healthz")).body == {"status": "ok"}
        ready = await api.nobody.get("/readyz")
        assert (ready.status, ready.body) == (200, {"status": "ready", "database": "ok", "redis": "ok"})
        metrics = await api.nobody.get("/metrics")
        assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b'route="/readyz"' in metrics.raw


async def test_a_limit_that_no_route_has_is_found_at_the_start(database_url: str, valkey_url: str) -> None:
    with pytest.raises(BadRoute, match="lgoin"):
        async with running_api(database_url, valkey_url, limits={"lgoin": (1, 1)}):
            pass


def test_whoever_checks_a_password_or_sends_a_mail_is_limited() -> None:
    assert {"login", "signup", "forgot", "admin-login"} <= limit_names()
    opened = [route for route in ROUTES if route.access.kind is Kind.OPEN and route.method == "POST"]
    assert opened and [route.path for route in opened if route.limit is None] == []


async def test_a_person_from_sign_up_to_sign_out(database_url: str, valkey_url: str) -> None:
    """The parts together, as a client walks through them."""
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
