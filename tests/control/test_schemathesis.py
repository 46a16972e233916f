"""Requests made from /openapi.json itself, fair and foul: no answer is a fault of ours, each is as documented."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from control.app import ROUTES
from control.http.access import Kind
from control.http.route import Route
from tests.control.running import Api, running_api

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
# These end what the others need: a session of their own each.
LEAVES = {"/auth/logout", "/admin/auth/logout"}


@dataclass(frozen=True, slots=True)
class World:
    """A running API and who asks it. spare: a workspace that may be suspended or deleted."""

    url: str
    user: str
    admin: str
    workspace_id: str
    agent_id: str
    spare: str
    sign_in: Callable[[str], str]


@pytest.fixture(scope="module")
def world(database_url: str, valkey_url: str) -> Iterator[World]:
    """The API in a thread of its own, since the requests block."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    made: list[World] = []

    async def serve() -> None:
        async with running_api(database_url, valkey_url) as api:
            made.append(await _world(api, loop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


async def _world(api: Api, loop: asyncio.AbstractEventLoop) -> World:
    user, boss = await api.sign_up(), await api.admin()
    workspace_id, other = await user.workspace(), await api.sign_up()
    spare = await other.workspace()
    config = {"prompt": "You answer the phone.", "greeting": "Hello."}
    agent = await user.post(f"/workspaces/{workspace_id}/agents", {"name": "Front desk", "config": config})
    assert agent.status == 201, agent.body

    def sign_in(path: str) -> str:
        async def again() -> str:
            return (await (api.admin() if path.startswith("/admin") else api.sign_in(user.email))).token

        return asyncio.run_coroutine_threadsafe(again(), loop).result(60)

    return World(api.url, user.token, boss.token, workspace_id, agent.body["agent"]["id"], spare, sign_in)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_answers_are_no_faults_and_as_the_document_says(world: World, route: Route) -> None:
    schema = schemathesis.openapi.from_url(f"{world.url}/openapi.json")
    operation = schema[route.path][route.method]
    token = world.admin if route.access.kind is Kind.ADMIN else world.user
    if route.path in LEAVES:
        token = world.sign_in(route.path)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def ask(case: "Case[Any]") -> None:
        ours = world.spare if route.path.startswith("/admin") or route.method == "DELETE" else world.workspace_id
        for name, value in (("workspaceId", ours), ("agentId", world.agent_id)):
            if name in case.path_parameters:
                case.path_parameters[name] = value
        headers = {} if route.access.kind is Kind.OPEN else {"Authorization": f"Bearer {token}"}
        response = case.call(base_url=world.url, headers=headers, timeout=30)
        case.validate_response(response, checks=CHECKS)

    ask()
