"""Idempotency-Key: repeated and concurrent requests have one effect and one response."""

import asyncio
from uuid import UUID, uuid4

import pytest

from control.http.access import OPEN
from control.http.route import InvalidRoute, Route, read_signature
from tests.control.http.probe_routes import Gates, echo
from tests.platform.api import Api
from tests.platform.clients import Client, Reply, User


async def write(user: Client, key: str, text: str = "once", **more: str) -> Reply:
    return await user.post("/try/notes", {"text": text, **more}, headers={"Idempotency-Key": key})


async def notes_of(api: Api, user: User) -> list[str]:
    rows = await api.owner.fetch("SELECT text FROM notes WHERE owner = $1 ORDER BY id", UUID(user.id))
    return [row["text"] for row in rows]


async def test_repeat_gets_the_first_response_and_has_no_effect(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    first, repeated = await write(ann, key), await write(ann, key)
    assert (first.status, repeated.status) == (201, 201)
    assert repeated.raw == first.raw
    assert "Idempotent-Replayed" not in first.headers and repeated.headers["Idempotent-Replayed"] == "true"
    assert repeated.headers["Content-Type"] == first.headers["Content-Type"]
    assert repeated.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert await notes_of(api, ann) == ["once"]


async def test_requests_without_key_each_have_an_effect(api: Api) -> None:
    ann = await api.sign_up()
    assert [(await ann.post("/try/notes", {"text": "x"})).status for _ in range(2)] == [201, 201]
    assert len(await notes_of(api, ann)) == 2


async def test_concurrent_repeat_is_409_and_has_no_effect(wide_api: Api, gates: Gates) -> None:
    ann, key = await wide_api.sign_up(), str(uuid4())
    first = asyncio.create_task(write(ann, key, "wait"))
    await gates.reached.wait()
    second = await write(ann, key, "wait")
    assert (second.status, second.code) == (409, "idempotency_in_flight")
    gates.opened.set()
    first_reply = await first
    assert first_reply.status == 201
    assert (await write(ann, key, "wait")).raw == first_reply.raw
    assert await notes_of(wide_api, ann) == ["wait"]


async def test_many_concurrent_repeats_have_one_effect(wide_api: Api) -> None:
    ann, key = await wide_api.sign_up(), str(uuid4())
    replies = await asyncio.gather(*(write(ann, key) for _ in range(30)))
    assert {reply.status for reply in replies} <= {201, 409}
    assert len({reply.raw for reply in replies if reply.status == 201}) == 1
    assert await notes_of(wide_api, ann) == ["once"]


async def test_other_body_under_the_same_key_is_422(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    await write(ann, key)
    reply = await write(ann, key, "twice")
    assert (reply.status, reply.code, reply.param) == (422, "idempotency_mismatch", "Idempotency-Key")
    assert await notes_of(api, ann) == ["once"]


async def test_same_key_of_another_user_is_independent(api: Api) -> None:
    ann, bob, key = await api.sign_up(), await api.sign_up(), str(uuid4())
    assert (await write(ann, key)).body["id"] != (await write(bob, key)).body["id"]
    assert await notes_of(api, bob) == ["once"]


async def test_stored_response_needs_a_sign_in(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    await write(ann, key)
    assert (await write(api.anonymous, key)).status == 401


@pytest.mark.parametrize("text", ["refuse", "refuse and commit"])
async def test_error_response_is_not_stored(api: Api, text: str) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    assert (await write(ann, key, text)).status == 409
    assert (await write(ann, key, "once")).status == 201


async def test_corrected_body_may_use_the_same_key(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    assert (await write(ann, key, more="than allowed")).status == 422
    assert (await write(ann, key)).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "clé"])
async def test_malformed_key_is_422(api: Api, key: str) -> None:
    reply = await write(await api.sign_up(), key)
    assert (reply.status, reply.param) == (422, "Idempotency-Key")


async def test_key_is_ignored_by_other_routes(api: Api) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await api.anonymous.post("/try/echo", {"text": "a"}, headers=key)
    second = await api.anonymous.post("/try/echo", {"text": "b"}, headers=key)
    assert (first.body["values"]["text"], second.body["values"]["text"]) == ("a", "b")


def test_open_route_cannot_be_idempotent() -> None:
    with pytest.raises(InvalidRoute, match="anybody who has the key"):
        read_signature(Route("POST", "/x", echo, OPEN, idempotent=True))
