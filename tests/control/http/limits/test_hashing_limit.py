"""The limit on concurrent password hashing."""

import asyncio

import pytest

from control.app import ROUTES as REAL
from control.http.limits.hashing_limit import HashingLimit
from shared.errors import Unavailable
from tests.control.http.probe_routes import ROUTES, Gates
from tests.platform.api import running_api

# All routes that check or set a password.
HASHING = {
    "/auth/signup", "/auth/login", "/auth/reset-password", "/invitations/signup", "/admin/auth/login",
    "/admin/auth/totp/enrol", "/auth/password", "/auth/reauthenticate", "/auth/sso/complete", "/auth/totp",
    "/admin/auth/password", "/admin/auth/reauthenticate", "/admin/auth/totp",
}  # fmt: skip


async def test_many_sign_ins_leave_connections_to_other_requests(
    database_url: str, valkey_url: str, gates: Gates
) -> None:
    async with running_api(database_url, valkey_url, routes=(*REAL, *ROUTES), pool_size=2) as api:
        requests = [asyncio.create_task(api.anonymous.get("/try/hash")) for _ in range(20)]
        await gates.reached.wait()
        assert (await api.anonymous.get("/try/scope")).status == 200
        assert not any(task.done() for task in requests)
        gates.opened.set()
        assert {reply.status for reply in await asyncio.gather(*requests)} == {200}


async def test_limit_admits_some_queues_some_and_refuses_the_rest() -> None:
    limit, admitted, opened = HashingLimit(2, 3), 0, asyncio.Event()

    async def enter() -> None:
        nonlocal admitted
        async with limit.acquired():
            admitted += 1
            await opened.wait()

    tasks = [asyncio.create_task(enter()) for _ in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert admitted == 2
    with pytest.raises(Unavailable):
        await enter()
    tasks[4].cancel()
    await asyncio.gather(tasks[4], return_exceptions=True)
    tasks.append(asyncio.create_task(enter()))
    opened.set()
    await asyncio.gather(*tasks[:4], tasks[5])
    assert admitted == 5


def test_all_routes_with_a_password_use_the_limit() -> None:
    assert {route.path for route in REAL if route.hashes_password} == HASHING
