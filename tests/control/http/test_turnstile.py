"""Requests that take long leave connections to the others."""

import asyncio

import pytest

from control.app import ROUTES as REAL
from control.http.turnstile import Turnstile
from shared.errors import Unavailable
from tests.control.http.stage import ROUTES, Gates
from tests.control.running import running_api

# All that check or make a password.
HASHING = {
    "/auth/signup", "/auth/login", "/auth/reset-password", "/invitations/signup", "/admin/auth/login",
    "/admin/auth/totp/enrol",
}  # fmt: skip


async def test_a_flood_of_sign_ins_leaves_connections_to_others(
    database_url: str, valkey_url: str, gates: Gates
) -> None:
    async with running_api(database_url, valkey_url, routes=(*REAL, *ROUTES), pool_size=2) as api:
        flood = [asyncio.create_task(api.nobody.get("/try/hash")) for _ in range(20)]
        await gates.reached.wait()
        assert (await api.nobody.get("/try/scope")).status == 200
        assert not any(task.done() for task in flood)
        gates.opened.set()
        assert {reply.status for reply in await asyncio.gather(*flood)} == {200}


async def test_so_many_pass_so_many_wait_and_the_rest_are_refused() -> None:
    turnstile, inside, opened = Turnstile(2, 3), 0, asyncio.Event()

    async def pass_through() -> None:
        nonlocal inside
        async with turnstile.passed():
            inside += 1
            await opened.wait()

    tasks = [asyncio.create_task(pass_through()) for _ in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert inside == 2
    with pytest.raises(Unavailable):
        await pass_through()
    tasks[4].cancel()
    await asyncio.gather(tasks[4], return_exceptions=True)
    tasks.append(asyncio.create_task(pass_through()))
    opened.set()
    await asyncio.gather(*tasks[:4], tasks[5])
    assert inside == 5


def test_all_routes_with_a_password_go_through_it() -> None:
    assert {route.path for route in REAL if route.hashes} == HASHING
