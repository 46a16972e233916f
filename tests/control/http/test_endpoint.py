"""Endpoints over real sockets: body, query, path, and the transaction around the handler."""

import asyncio
import json
import zlib
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from shared.ids import new_id
from tests.control.http.conftest import LIMIT
from tests.control.http.probe_routes import Gates
from tests.platform.api import Api

JSON = {"Content-Type": "application/json"}


async def test_body_is_read_and_response_is_json(api: Api) -> None:
    reply = await api.anonymous.post("/try/echo", {"text": "Zoë ☎", "inner": {"level": 3}})
    assert (reply.status, reply.body["values"]["text"]) == (200, "Zoë ☎")
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("raw", [b"{", b"nonsense", b'{"text": "a"} trailing', b'{"text": "\xff"}', b"[" * 4_000])
async def test_malformed_json_is_400(api: Api, raw: bytes) -> None:
    reply = await api.anonymous.post("/try/echo", data=raw, headers=JSON)
    assert (reply.status, reply.code) == (400, "not_json")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "text"),
        ({"text": 7}, "text"),
        ({"text": "a", "txet": "b"}, "txet"),
        ({"text": "a", "inner": {"level": 10}}, "inner.level"),
        ({"text": "a", "inner": {"level": 1, "other": 2}}, "inner.other"),
        ([], "body"),
        ("text", "body"),
    ],
)
async def test_invalid_field_is_named(api: Api, body: Any, param: str) -> None:
    reply = await api.anonymous.post("/try/echo", body)
    assert (reply.status, reply.code, reply.param) == (422, "invalid", param)
    assert param in reply.body["error"]["message"]


async def test_every_fault_of_query_and_body_is_listed(api: Api) -> None:
    body = {"text": "x" * 2_001, "inner": {"level": 10}, "txet": "b"}
    reply = await api.anonymous.post("/try/echo?a=1", body)
    assert reply.body["error"]["errors"] == [
        {"param": "a", "code": "unknown_field", "message": "is not a known field"},
        {"param": "text", "code": "too_long", "message": "must be at most 2,000 characters, is 2,001"},
        {"param": "inner.level", "code": "too_large", "message": "must be at most 9"},
        {"param": "txet", "code": "unknown_field", "message": "is not a known field"},
    ]
    assert reply.body["error"]["message"] == "a: is not a known field (3 more in errors)."


async def test_problem_of_a_rule_is_the_only_entry_of_errors(api: Api) -> None:
    reply = await (await api.sign_up()).post("/try/notes", {"text": "refuse"})
    assert reply.body["error"]["errors"] == [{"param": None, "code": "refused", "message": "Refused on request."}]


async def test_missing_body_lacks_its_required_fields(api: Api) -> None:
    assert (await api.anonymous.post("/try/echo")).param == "text"


async def test_error_does_not_repeat_the_input(api: Api) -> None:
    reply = await api.anonymous.post("/auth/login", {"email": "a@example.com", "password": ["hunter2-4711"]})
    assert reply.status == 422 and "4711" not in reply.raw.decode()


async def test_error_message_is_bounded(api: Api) -> None:
    reply = await api.anonymous.post("/try/echo", {"text": "a", "x" * 3_500: 1})
    assert (reply.status, reply.code) == (422, "invalid")
    assert (reply.param or "").startswith("xxx") and len(reply.raw) < 3_000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_other_content_type_is_415(api: Api, kind: str) -> None:
    reply = await api.anonymous.post("/try/echo", data=b'{"text": "a"}', headers={"Content-Type": kind})
    assert (reply.status, reply.code) == (415, "not_json")


async def test_body_of_maximal_length_passes_and_a_longer_one_is_413(api: Api) -> None:
    def of(length: int) -> bytes:
        return b'{"text": "a"' + b" " * (length - 13) + b"}"

    assert (await api.anonymous.post("/try/echo", data=of(LIMIT), headers=JSON)).status == 200
    reply = await api.anonymous.post("/try/echo", data=of(LIMIT + 1), headers=JSON)
    assert (reply.status, reply.code) == (413, "too_large")


async def test_chunked_body_without_end_is_413(api: Api) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 1_024
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        try:
            reply = await api.anonymous.post("/try/echo", data=endless(), headers=JSON)
        except aiohttp.ClientError:
            return  # the connection was closed while the body was being written
    assert reply.status == 413


async def test_compressed_body_is_limited_by_its_unpacked_length(api: Api) -> None:
    compressed = zlib.compress(b'{"text": "' + b"a" * 5_000_000 + b'"}')
    reply = await api.anonymous.post("/try/echo", data=compressed, headers=JSON | {"Content-Encoding": "deflate"})
    assert reply.status == 413


async def test_body_that_does_not_arrive_is_408(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    writer.write(b"POST /try/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert head.startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


async def test_badly_encoded_body_is_400(api: Api) -> None:
    reply = await api.anonymous.post("/try/echo", data=b"no gzip", headers=JSON | {"Content-Encoding": "gzip"})
    assert (reply.status, reply.code) == (400, "broken_body")


async def test_nul_character_is_422(api: Api) -> None:
    ann = await api.sign_up()
    reply = await ann.post("/try/notes", data=b'{"text": "a\\u0000b"}', headers=JSON)
    assert (reply.status, reply.code) == (422, "nul")


async def test_query_is_read_with_its_defaults(api: Api) -> None:
    ann = await api.sign_up()
    reply = await ann.get("/try/notes?page=3&search=%C3%A9")
    assert reply.body["values"] == {"page": 3, "limit": 50, "search": "é", "offset": 100}


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=201", "limit"), ("page=0", "page"), ("page=x", "page"), ("pgae=1", "pgae"), ("page=", "page")],
)
async def test_invalid_query_parameter_is_named(api: Api, query: str, param: str) -> None:
    reply = await (await api.sign_up()).get(f"/try/notes?{query}")
    assert (reply.status, reply.code, reply.param) == (422, "invalid", param)


async def test_repeated_query_parameter_is_named(api: Api) -> None:
    reply = await (await api.sign_up()).get("/try/notes?page=1&search=a&page=2")
    assert (reply.status, reply.code, reply.param) == (400, "repeated_parameter", "page")


async def test_query_parameter_of_a_route_without_query_is_named(api: Api) -> None:
    assert (await api.anonymous.get("/try/scope?a=1")).param == "a"


async def test_authorization_is_checked_before_the_input(api: Api) -> None:
    assert (await api.anonymous.post("/try/notes", {"wrong": 1})).status == 401
    assert (await api.with_token("x.y.z").post("/try/notes", {"wrong": 1})).status == 401


async def test_token_of_the_other_audience_is_401(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin()
    assert (await api.with_token(ann.token).get("/try/admin/scope")).status == 401
    assert (await api.with_token(admin.token).get("/try/notes")).status == 401
    assert (await admin.get("/try/admin/scope")).status == 200


async def test_refusal_names_the_role_needed_and_the_callers(api: Api) -> None:
    workspace_id = await (await api.sign_up()).workspace()
    viewer, finance = await api.member(workspace_id, "viewer"), await api.admin("finance")
    refusals = [await viewer.get(f"/try/workspaces/{workspace_id}/scope"), await finance.get("/try/admin/scope")]
    assert [(reply.status, reply.code) for reply in refusals] == [(403, "role")] * 2
    assert [reply.body["error"]["message"] for reply in refusals] == [
        "This needs the role admin; yours is viewer.",
        "This needs the role support or super_admin; yours is finance.",
    ]


async def test_next_request_on_the_same_connection_has_no_scope(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    before = (await api.anonymous.get("/try/scope")).body["values"]
    member = (await ann.get(f"/try/workspaces/{workspace_id}/scope")).body["values"]
    between = (await api.anonymous.get("/try/scope")).body["values"]
    platform = (await admin.get("/try/admin/scope")).body["values"]
    after = (await api.anonymous.get("/try/scope")).body["values"]
    assert (member["scope"], member["workspace"], member["person"]) == ("tenant", workspace_id, ann.id)
    assert platform["scope"] == "platform"
    assert len({values["pid"] for values in (before, member, between, platform, after)}) == 1
    for values in (before, between, after):
        assert not (values["scope"] or values["workspace"] or values["person"])
        assert values["role"] == "vocalized_app"


async def test_failed_request_leaves_no_scope(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    assert (await ann.get(f"/try/workspaces/{workspace_id}/scope?x=1")).status == 422
    assert (await api.sign_up()).token
    assert not (await api.anonymous.get("/try/scope")).body["values"]["workspace"]


async def test_refusal_rolls_back_unless_it_commits(api: Api) -> None:
    ann = await api.sign_up()
    for text in ("refuse", "refuse and commit"):
        assert (await ann.post("/try/notes", {"text": text})).code == "refused"
    rows = await api.owner.fetch("SELECT text FROM notes WHERE owner = $1", UUID(ann.id))
    assert [row["text"] for row in rows] == ["refuse and commit"]


async def test_two_requests_that_deadlock_both_succeed(wide_api: Api, gates: Gates) -> None:
    ann = await wide_api.sign_up()
    first, second = [(await ann.post("/try/notes", {"text": "n"})).body["id"] for _ in range(2)]
    replies = await asyncio.gather(
        ann.post(f"/try/cross/{first}/{second}"), ann.post(f"/try/cross/{second}/{first}")
    )  # fmt: skip
    assert [reply.status for reply in replies] == [200, 200]
    assert gates.attempts == 3
    rows = await wide_api.owner.fetch("SELECT text FROM notes WHERE id = any($1)", [first, second])
    assert [row["text"] for row in rows] == ["n++", "n++"]
    assert "transaction_repeats_total 1.0" in (await wide_api.anonymous.get("/metrics")).raw.decode()


async def test_second_collision_is_503(api: Api, gates: Gates) -> None:
    reply = await api.anonymous.get("/try/collide")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert gates.attempts == 2


@pytest.mark.parametrize("number", ["x", "1.5", "", "99999999999", "-99999999999999999999"])
async def test_invalid_path_value_is_404(api: Api, number: str) -> None:
    reply = await api.anonymous.get(f"/try/things/{new_id()}/{number}/a")
    assert (reply.status, reply.body["error"]["type"]) == (404, "not_found")
    assert not number or reply.param == "number"


# All examples use one API: its state does not grow with their number.
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.text(max_size=12), min_size=3, max_size=3), query=st.text(max_size=12))
async def test_no_path_and_no_query_makes_an_internal_error(api: Api, parts: list[str], query: str) -> None:
    path = "/".join(quote(part, safe="", errors="surrogatepass") for part in [new_id(), "7", *parts[:1]])
    url = f"{api.url}/try/things/{path}?{quote(query, safe='=&', errors='surrogatepass')}"
    async with api.client.get(URL(url, encoded=True)) as response:
        body = json.loads(await response.read())
        assert response.status < 500, body
        if response.status == 200:
            assert body["values"]["name"] == parts[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
async def test_any_text_is_returned_unchanged(api: Api, text: str) -> None:
    reply = await api.anonymous.post("/try/echo", {"text": text})
    assert reply.body["values"]["text"] == text
