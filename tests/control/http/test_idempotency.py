"""Idempotency-Key: one effect and one answer, however often and however much at once a request comes."""

import asyncio
from uuid import UUID, uuid4

import pytest

from control.http.access import OPEN
from control.http.route import BadRoute, Route, shape
from tests.control.http.stage import Gates, echo
from tests.control.running import Api, Caller, Person, Reply


async def write(who: Caller, key: str, text: str = "once", **more: str) -> Reply:
    return await who.post("/try/notes", {"text": text, **more}, headers={"Idempotency-Key": key})


async def notes_of(api: Api, who: Person) -> list[str]:
    rows = await api.owner.fetch("SELECT text FROM notes WHERE owner = $1 ORDER BY id", UUID(who.id))
    return [row["text"] for row in rows]


async def test_a_repeat_gets_the_first_answer_to_the_byte_and_does_nothing(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    first, again = await write(ann, key), await write(ann, key)
    assert (first.status, again.status) == (201, 201)
    assert again.raw == first.raw
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert await notes_of(api, ann) == ["once"]


async def test_without_a_key_each_request_counts(api: Api) -> None:
    ann = await api.sign_up()
    assert [(await ann.post("/try/notes", {"text": "x"})).status for _ in range(2)] == [201, 201]
    assert len(await notes_of(api, ann)) == 2


async def test_two_at_once_have_one_effect_and_the_second_is_told_to_wait(wide_api: Api, gates: Gates) -> None:
    ann, key = await wide_api.sign_up(), str(uuid4())
    first = asyncio.create_task(write(ann, key, "wait"))
    await gates.reached.wait()
    second = await write(ann, key, "wait")
    assert (second.status, second.code) == (409, "idempotency_in_flight")
    gates.opened.set()
    done = await first
    assert done.status == 201
    assert (await write(ann, key, "wait")).raw == done.raw
    assert await notes_of(wide_api, ann) == ["wait"]


async def test_a_flood_under_one_key_has_one_effect(wide_api: Api) -> None:
    ann, key = await wide_api.sign_up(), str(uuid4())
    replies = await asyncio.gather(*(write(ann, key) for _ in range(30)))
    assert {reply.status for reply in replies} <= {201, 409}
    assert len({reply.raw for reply in replies if reply.status == 201}) == 1
    assert await notes_of(wide_api, ann) == ["once"]


async def test_another_body_under_the_same_key_is_refused(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    await write(ann, key)
    reply = await write(ann, key, "twice")
    assert (reply.status, reply.code, reply.param) == (422, "idempotency_mismatch", "Idempotency-Key")
    assert await notes_of(api, ann) == ["once"]


async def test_somebody_elses_same_key_is_another_one(api: Api) -> None:
    ann, bob, key = await api.sign_up(), await api.sign_up(), str(uuid4())
    assert (await write(ann, key)).body["id"] != (await write(bob, key)).body["id"]
    assert await notes_of(api, bob) == ["once"]


async def test_nobody_signed_in_gets_a_stored_answer(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    await write(ann, key)
    assert (await write(api.nobody, key)).status == 401


@pytest.mark.parametrize("text", ["refuse", "refuse and keep"])
async def test_a_failure_is_not_remembered(api: Api, text: str) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    assert (await write(ann, key, text)).status == 409
    assert (await write(ann, key, "once")).status == 201


async def test_a_body_that_was_wrong_may_be_sent_right_under_the_same_key(api: Api) -> None:
    ann, key = await api.sign_up(), str(uuid4())
    assert (await write(ann, key, more="than allowed")).status == 422
    assert (await write(ann, key)).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "clé"])
async def test_a_key_that_is_none_is_named(api: Api, key: str) -> None:
    reply = await write(await api.sign_up(), key)
    assert (reply.status, reply.param) == (422, "Idempotency-Key")


async def test_a_route_that_does_not_honour_keys_ignores_them(api: Api) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await api.nobody.post("/try/echo", {"text": "a"}, headers=key)
    second = await api.nobody.post("/try/echo", {"text": "b"}, headers=key)
    assert (first.body["told"]["text"], second.body["told"]["text"]) == ("a", "b")


def test_an_open_route_stores_no_answers() -> None:
    with pytest.raises(BadRoute, match="no sign-in"):
        shape(Route("POST", "/x", echo, OPEN, idempotent=True))
