"""Limits hold before work is done: by address before the body is read, by user before it is parsed."""

import pytest

from control.app import redis_client
from control.http.route import MAX_OPEN_BODY_BYTES
from tests.platform.api import running_api

LOGIN = "/auth/login"


@pytest.fixture(autouse=True)
async def _no_counts(valkey_url: str) -> None:
    """Counts of other tests would count here."""
    redis = redis_client(valkey_url, 5.0)
    await redis.flushall()
    await redis.aclose()


async def test_an_address_over_its_limit_sends_no_body(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"login": (2, 60)}) as api:
        for _ in range(2):
            assert (await api.anonymous.post(LOGIN, {"email": 1})).status == 422
        assert (await api.anonymous.post(LOGIN, {"email": 1})).status == 429
        too_long = await api.anonymous.post(LOGIN, data=b"{" + b" " * MAX_OPEN_BODY_BYTES)
        assert too_long.status == 429


async def test_a_body_without_authorization_is_short(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        body = b'{"email":"ann@example.com","password":"%s"}'
        longest = body % (b"x" * (MAX_OPEN_BODY_BYTES - len(body) + 2))
        headers = {"Content-Type": "application/json"}
        assert (await api.anonymous.post(LOGIN, data=longest, headers=headers)).status == 422
        assert (await api.anonymous.post(LOGIN, data=longest + b" ", headers=headers)).code == "too_large"

        async def chunks() -> object:  # without a Content-Length
            yield longest
            yield b" "

        assert (await api.anonymous.post(LOGIN, data=chunks(), headers=headers)).code == "too_large"


async def test_a_user_has_one_limit_in_all_sessions_and_workspaces(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"agent-writes": (2, 60)}) as api:
        ann = await api.sign_up()
        again, bob = await api.sign_in(ann.email), await api.sign_up()
        paths = [f"/workspaces/{await ann.workspace()}/agents" for _ in range(2)]
        agent = {"name": "Ann", "config": {"prompt": "Help."}}
        first = await ann.post(paths[0], agent)
        assert (first.status, first.headers["RateLimit-Remaining"]) == (201, "1")
        assert (await again.post(paths[1], agent)).status == 201
        refused = await ann.post(paths[0], {"name": 1})
        assert (refused.status, refused.code) == (429, "too_many_requests")
        assert (await bob.post(f"/workspaces/{await bob.workspace()}/agents", agent)).status == 201
