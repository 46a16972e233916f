"""What holds for every route: its documentation, its HEAD, and its responses to generated requests."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests import Session
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from control.app import ROUTES
from control.http.access import AccessKind
from control.http.route import Route, path_parameters, read_signature
from tests.platform.api import Api, running_api
from tests.platform.api_document import api_document
from tests.platform.beating_node import beating_node
from tests.platform.each import check_each
from tests.platform.error_codes import require_documented

SCHEMES: dict[AccessKind, list[dict[str, list[str]]]] = {
    AccessKind.OPEN: [],
    AccessKind.USER: [{"user": []}],
    AccessKind.MEMBER: [{"user": []}],
    AccessKind.ADMIN: [{"admin": []}],
}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Requests for each route; `make test` makes a third of them.
EXAMPLES = 8 if settings().max_examples >= 100 else 3
# Routes that end a session or delete what other routes need; each gets its own session.
SESSION_ENDING_ROUTES = {"/auth/logout", "/admin/auth/logout"}


def describe(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_no_two_routes_have_the_same_method_and_path() -> None:
    routes = [(route.method, route.path) for route in ROUTES]
    assert len(set(routes)) == len(routes)


def test_document_describes_every_route() -> None:
    check_each(ROUTES, describe, check_documentation)


def check_documentation(route: Route) -> None:
    assert read_signature(route).summary, "the handler has no docstring"
    operation = api_document()["paths"][route.path][route.method.lower()]
    check_security(route, operation)
    check_responses(route, operation["responses"])


def check_security(route: Route, operation: dict[str, Any]) -> None:
    """Check security schemes, roles and parameters."""
    keys: list[dict[str, list[str]]] = [] if route.access.scope is None else [{"api_key": [route.access.scope]}]
    assert operation["security"] == SCHEMES[route.access.kind] + keys
    assert set(operation.get("x-roles", [])) == route.access.roles
    in_path = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
    assert in_path == list(path_parameters(route.path))
    assert ("Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]) == route.idempotent


def check_responses(route: Route, responses: dict[str, Any]) -> None:
    """Check statuses, headers, and the schema of errors."""
    success_statuses = [status for status in responses if status.startswith("2")]
    is_file = read_signature(route).file
    if read_signature(route).redirect:
        assert success_statuses == [] and "Location" in responses["302"]["headers"]
        success_statuses = [str(route.status)]
    assert success_statuses == (["200", "206"] if is_file else [str(route.status)]) or success_statuses == ["204"]
    assert {"400", "422", "500", "503"} <= responses.keys()
    for status, response in responses.items():
        headers = response["headers"].keys()
        assert "X-Request-Id" in headers
        assert ("RateLimit-Limit" in headers) == bool(route.limits)
        assert ("Retry-After" in headers) == (status in ("429", "503"))
        assert ("Idempotent-Replayed" in headers) == (route.idempotent and status.startswith("2"))
        if status >= "400" and not (is_file and status == "416"):  # a range outside the file: no body
            assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


async def test_head_answers_like_get_without_a_body(database_url: str, valkey_url: str) -> None:
    readable = [route.path for route in ROUTES if route.method == "GET"]
    assert len(readable) > 30
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        workspace_id = await ann.workspace()
        for path in (*readable, "/", "/docs", "/openapi.json", "/healthz", "/no/such/path"):
            path = path.replace("{workspaceId}", workspace_id)
            get, head = [await ann.ask(method, path, allow_redirects=False) for method in ("GET", "HEAD")]
            assert head.status == get.status, path
            assert head.raw == b"", path
            length = ("Content-Type", "Content-Length") if get.raw else ()
            for name in ("Location", "Content-Security-Policy", "Cache-Control", *length):
                assert head.headers.get(name) == get.headers.get(name), f"{path}: {name}"


@dataclass(frozen=True, slots=True)
class RunningApi:
    """A running API and its clients. spare: a workspace that may be suspended or deleted. document: the API's, as
    schemathesis reads it, which takes 0.2 s. session: keeps its connection, but no cookies."""

    url: str
    user: str
    admin: str
    workspace_id: str
    agent_id: str
    spare: str
    sign_in: Callable[[str], str]
    document: Any
    session: Session


@pytest.fixture(scope="module")
def running(database_url: str, valkey_url: str) -> Iterator[RunningApi]:
    """The API in a thread of its own, because the requests block."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    running_apis: list[RunningApi] = []

    async def serve() -> None:
        # A test call in the browser needs a node.
        async with running_api(database_url, valkey_url) as api, beating_node(valkey_url, "wss://media.example.com"):
            running_apis.append(await _make_running(api, loop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    (found,) = running_apis
    yield replace(found, document=schemathesis.openapi.from_url(f"{found.url}/openapi.json"))
    found.session.close()
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


async def _make_running(api: Api, loop: asyncio.AbstractEventLoop) -> RunningApi:
    user, staff_member = await api.sign_up(), await api.admin()
    workspace_id, other = await user.workspace(), await api.sign_up()
    spare = await other.workspace()
    config = {"prompt": "You answer the phone.", "greeting": "Hello."}
    agent = await user.post(f"/workspaces/{workspace_id}/agents", {"name": "Front desk", "config": config})
    assert agent.status == 201, agent.body

    def sign_in(path: str) -> str:
        async def sign_in_again() -> str:
            return (await (api.admin() if path.startswith("/admin") else api.sign_up())).token

        return asyncio.run_coroutine_threadsafe(sign_in_again(), loop).result(60)

    return RunningApi(
        url=api.url,
        user=user.token,
        admin=staff_member.token,
        workspace_id=workspace_id,
        agent_id=agent.body["agent"]["id"],
        spare=spare,
        sign_in=sign_in,
        document=None,
        session=_make_session(),
    )


def _make_session() -> Session:
    session = Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def test_responses_conform_to_the_document(running: RunningApi) -> None:
    """No response to a valid or invalid request is a 500, and each response conforms to the document."""
    check_each(ROUTES, describe, lambda route: check_conformance(running, route))


def check_conformance(running: RunningApi, route: Route) -> None:
    operation = running.document[route.path][route.method]
    token = running.admin if route.access.kind is AccessKind.ADMIN else running.user
    if route.path in SESSION_ENDING_ROUTES:
        token = running.sign_in(route.path)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def ask(case: "Case[Any]") -> None:
        ours = running.spare if route.path.startswith("/admin") or route.method == "DELETE" else running.workspace_id
        for name, value in (("workspaceId", ours), ("agentId", running.agent_id)):
            if name in case.path_parameters:
                case.path_parameters[name] = value
        headers = {} if route.access.kind is AccessKind.OPEN else {"Authorization": f"Bearer {token}"}
        response = case.call(base_url=running.url, headers=headers, timeout=30, session=running.session)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400 and "json" in response.headers.get("Content-Type", [""])[0]:
            require_documented(route.method, route.path, response.status_code, response.json()["error"]["code"])

    ask()
