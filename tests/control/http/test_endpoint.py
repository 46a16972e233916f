"""Body, query and path as they come in, and the transaction around a handler, over real sockets."""

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
from tests.control.http.stage import Gates
from tests.control.running import Api

JSON = {"Content-Type": "application/json"}


async def test_a_body_comes_in_and_an_answer_goes_out(api: Api) -> None:
    reply = await api.nobody.post("/try/echo", {"text": "Zoë ☎", "inner": {"level": 3}})
    assert (reply.status, reply.body["told"]["text"]) == (200, "Zoë ☎")
    assert reply.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("raw", [b"{", b"nonsense", b'{"text": "a"} trailing', b'{"text": "\xff"}', b"[" * 4_000])
async def test_what_is_no_json_is_said_to_be_none(api: Api, raw: bytes) -> None:
    reply = await api.nobody.post("/try/echo", data=raw, headers=JSON)
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
async def test_a_field_at_fault_is_named(api: Api, body: Any, param: str) -> None:
    reply = await api.nobody.post("/try/echo", body)
    assert (reply.status, reply.code, reply.param) == (422, "invalid", param)
    assert param in reply.body["error"]["message"]


async def test_no_body_at_all_lacks_its_fields(api: Api) -> None:
    assert (await api.nobody.post("/try/echo")).param == "text"


async def test_what_was_sent_is_not_sent_back_in_an_error(api: Api) -> None:
    reply = await api.nobody.post("/auth/login", {"email": "a@example.com", "password": ["hunter2-4711"]})
    assert reply.status == 422 and "4711" not in reply.raw.decode()


async def test_a_fault_is_told_shorter_than_the_body_that_has_it(api: Api) -> None:
    reply = await api.nobody.post("/try/echo", {"text": "a", "x" * 3_500: 1})
    assert (reply.status, reply.code) == (422, "invalid")
    assert (reply.param or "").startswith("xxx") and len(reply.raw) < 3_000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_that_says_it_is_something_else_is_refused(api: Api, kind: str) -> None:
    reply = await api.nobody.post("/try/echo", data=b'{"text": "a"}', headers={"Content-Type": kind})
    assert (reply.status, reply.code) == (415, "not_json")


async def test_the_longest_body_passes_and_one_byte_more_does_not(api: Api) -> None:
    def of(length: int) -> bytes:
        return b'{"text": "a"' + b" " * (length - 13) + b"}"

    assert (await api.nobody.post("/try/echo", data=of(LIMIT), headers=JSON)).status == 200
    reply = await api.nobody.post("/try/echo", data=of(LIMIT + 1), headers=JSON)
    assert (reply.status, reply.code) == (413, "too_large")


async def test_a_body_without_a_length_is_cut_off_too(api: Api) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 1_024
            await asyncio.sleep(0)

    async with asyncio.timeout(20):
        try:
            reply = await api.nobody.post("/try/echo", data=endless(), headers=JSON)
        except aiohttp.ClientError:
            return  # cut off while it was still writing
    assert reply.status == 413


async def test_a_small_body_that_unpacks_into_a_great_one_is_cut_off(api: Api) -> None:
    bomb = zlib.compress(b'{"text": "' + b"a" * 5_000_000 + b'"}')
    reply = await api.nobody.post("/try/echo", data=bomb, headers=JSON | {"Content-Encoding": "deflate"})
    assert reply.status == 413


async def test_a_body_that_does_not_come_is_not_waited_for_long(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
    writer.write(b"POST /try/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert head.startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_breaks_off_or_lies_about_itself_is_malformed(api: Api) -> None:
    reply = await api.nobody.post("/try/echo", data=b"no gzip", headers=JSON | {"Content-Encoding": "gzip"})
    assert (reply.status, reply.code) == (400, "broken_body")


async def test_nul_which_postgresql_does_not_know_is_a_fault_of_the_input(api: Api) -> None:
    ann = await api.sign_up()
    reply = await ann.post("/try/notes", data=b'{"text": "a\\u0000b"}', headers=JSON)
    assert (reply.status, reply.code) == (422, "nul")


async def test_a_query_comes_in_with_its_defaults(api: Api) -> None:
    ann = await api.sign_up()
    reply = await ann.get("/try/notes?page=3&search=%C3%A9")
    assert reply.body["told"] == {"page": 3, "limit": 50, "search": "é", "offset": 100}


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=201", "limit"), ("page=0", "page"), ("page=x", "page"), ("pgae=1", "pgae"), ("page=", "page")],
)
async def test_a_parameter_at_fault_is_named(api: Api, query: str, param: str) -> None:
    reply = await (await api.sign_up()).get(f"/try/notes?{query}")
    assert (reply.status, reply.code, reply.param) == (422, "invalid", param)


async def test_a_repeated_parameter_is_named(api: Api) -> None:
    reply = await (await api.sign_up()).get("/try/notes?page=1&search=a&page=2")
    assert (reply.status, reply.code, reply.param) == (400, "repeated_parameter", "page")


async def test_a_route_without_a_query_names_any(api: Api) -> None:
    assert (await api.nobody.get("/try/scope?a=1")).param == "a"


async def test_who_may_not_ask_is_told_so_before_what_is_wrong_with_the_input(api: Api) -> None:
    assert (await api.nobody.post("/try/notes", {"wrong": 1})).status == 401
    assert (await api.as_("x.y.z").post("/try/notes", {"wrong": 1})).status == 401


async def test_a_token_of_the_other_audience_is_none(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin()
    assert (await api.as_(ann.token).get("/try/admin/scope")).status == 401
    assert (await api.as_(boss.token).get("/try/notes")).status == 401
    assert (await boss.get("/try/admin/scope")).status == 200


async def test_the_scope_of_a_request_is_gone_before_the_next_on_the_same_connection(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    before = (await api.nobody.get("/try/scope")).body["told"]
    inside = (await ann.get(f"/try/workspaces/{workspace_id}/scope")).body["told"]
    between = (await api.nobody.get("/try/scope")).body["told"]
    platform = (await boss.get("/try/admin/scope")).body["told"]
    after = (await api.nobody.get("/try/scope")).body["told"]
    assert (inside["scope"], inside["workspace"], inside["person"]) == ("tenant", workspace_id, ann.id)
    assert platform["scope"] == "platform"
    assert len({one["pid"] for one in (before, inside, between, platform, after)}) == 1
    for one in (before, between, after):
        assert not (one["scope"] or one["workspace"] or one["person"])
        assert one["role"] == "vocalized_app"


async def test_the_scope_of_a_request_that_broke_off_is_gone_too(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    assert (await ann.get(f"/try/workspaces/{workspace_id}/scope?x=1")).status == 422
    assert (await api.sign_up()).token
    assert not (await api.nobody.get("/try/scope")).body["told"]["workspace"]


async def test_what_a_refused_request_wrote_is_undone_unless_the_refusal_keeps_it(api: Api) -> None:
    ann = await api.sign_up()
    for text in ("refuse", "refuse and keep"):
        assert (await ann.post("/try/notes", {"text": text})).code == "refused"
    kept = await api.owner.fetch("SELECT text FROM notes WHERE owner = $1", UUID(ann.id))
    assert [row["text"] for row in kept] == ["refuse and keep"]


async def test_two_requests_that_deadlock_both_succeed(wide_api: Api, gates: Gates) -> None:
    ann = await wide_api.sign_up()
    first, second = [(await ann.post("/try/notes", {"text": "n"})).body["id"] for _ in range(2)]
    replies = await asyncio.gather(
        ann.post(f"/try/cross/{first}/{second}"), ann.post(f"/try/cross/{second}/{first}")
    )  # fmt: skip
    assert [reply.status for reply in replies] == [200, 200]
    assert gates.tries == 3
    rows = await wide_api.owner.fetch("SELECT text FROM notes WHERE id = any($1)", [first, second])
    assert [row["text"] for row in rows] == ["n++", "n++"]
    assert "transaction_repeats_total 1.0" in (await wide_api.nobody.get("/metrics")).raw.decode()


async def test_who_collides_twice_is_told_to_come_back(api: Api, gates: Gates) -> None:
    reply = await api.nobody.get("/try/collide")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert gates.tries == 2


@pytest.mark.parametrize("number", ["x", "1.5", "", "99999999999", "-99999999999999999999"])
async def test_a_path_that_cannot_name_anything_is_not_there(api: Api, number: str) -> None:
    reply = await api.nobody.get(f"/try/things/{new_id()}/{number}/a")
    assert (reply.status, reply.body["error"]["type"]) == (404, "not_found")


# One request per example, on one API: the fixture's state does not grow with them.
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.text(max_size=12), min_size=3, max_size=3), query=st.text(max_size=12))
async def test_no_path_and_no_query_makes_a_fault_of_ours(api: Api, parts: list[str], query: str) -> None:
    spelt = "/".join(quote(part, safe="", errors="surrogatepass") for part in [new_id(), "7", *parts[:1]])
    url = f"{api.url}/try/things/{spelt}?{quote(query, safe='=&', errors='surrogatepass')}"
    async with api.client.get(URL(url, encoded=True)) as response:
        told = json.loads(await response.read())
        assert response.status < 500, told
        if response.status == 200:
            assert told["told"]["name"] == parts[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
async def test_every_text_that_json_holds_comes_back_as_it_was(api: Api, text: str) -> None:
    reply = await api.nobody.post("/try/echo", {"text": text})
    assert reply.body["told"]["text"] == text
