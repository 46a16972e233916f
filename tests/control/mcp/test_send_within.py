"""The request to the API's own route that a tool's call becomes: it has what the tool asks for, and of the client's
request only who sends it."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from control.http.context import RequestOrigin
from control.http.request import GIVEN_BODY, ORIGIN
from control.mcp.endpoint import send_within
from control.mcp.tool_calls import ApiReply, ApiRequest

SENT = {
    "Authorization": "Bearer vk_live_x",
    "User-Agent": "client/1",
    "X-Forwarded-For": "203.0.113.7",
    "Accept": "application/pdf",
    "Content-Type": "text/plain",
    "Content-Length": "99",
    "Transfer-Encoding": "chunked",
    "Expect": "100-continue",
    "Idempotency-Key": "of the client",
    "If-Match": '"1"',
    "Cookie": "a=b",
    "Origin": "https://app.example.com",
    "X-Http-Method-Override": "DELETE",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[web.Request]:
    """What applications are asked within the test."""
    requests: list[web.Request] = []

    async def handle(app: web.Application, request: web.Request) -> web.Response:
        requests.append(request)
        return web.Response(status=201, body=b"{}", headers={"Idempotent-Replayed": "true", "Retry-After": "7"})

    monkeypatch.setattr(web.Application, "_handle", handle)
    return requests


async def send(wanted: ApiRequest, **headers: str) -> ApiReply:
    given: dict[str, Any] = SENT | {name.replace("_", "-"): value for name, value in headers.items()}
    outer = make_mocked_request("POST", "/mcp?allow=write", headers=given, app=web.Application())
    outer[ORIGIN] = RequestOrigin("r1", "203.0.113.7", "client/1")
    return await send_within(outer, wanted)


async def test_a_request_has_no_header_of_the_clients_but_who_it_is(asked: list[web.Request]) -> None:
    await send(ApiRequest("GET", URL("/workspaces/w/calls?limit=20"), None, ""))
    (inner,) = asked
    assert dict(inner.headers) == {
        "Content-Type": "application/json",
        "Authorization": "Bearer vk_live_x",
        "User-Agent": "client/1",
        "X-Forwarded-For": "203.0.113.7",
        "X-Request-Id": "r1",
    }
    assert (inner.method, inner.path_qs, inner[GIVEN_BODY]) == ("GET", "/workspaces/w/calls?limit=20", b"")


async def test_key_and_body_are_those_of_the_tools_call(asked: list[web.Request]) -> None:
    reply = await send(ApiRequest("POST", URL("/workspaces/w/calls"), b'{"a":1}', "of the model"), X_Request_Id="mine")
    (inner,) = asked
    assert inner.headers.getall("Idempotency-Key") == ["of the model"] and inner.headers["X-Request-Id"] == "mine"
    assert inner[GIVEN_BODY] == b'{"a":1}' and reply == ApiReply(201, b"{}", "7", is_replayed=True)
