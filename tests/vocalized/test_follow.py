"""Following a call's events over HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.events import Envelope
from tests.vocalized.telling import EVENTS, lines
from vocalized.follow import NoEvents, events_url, follow


@pytest.mark.parametrize(
    ("media", "events"),
    [
        ("ws://localhost:8090/media/twilio", "http://localhost:8090/calls/MZ1/events"),
        ("wss://a.example/media/telnyx", "https://a.example/calls/MZ1/events"),
        ("wss://a.example/node7/media/twilio", "https://a.example/node7/calls/MZ1/events"),
        ("ws://a.example/else", "http://a.example/calls/MZ1/events"),
    ],
)
def test_the_events_stand_beside_the_socket(media: str, events: str) -> None:
    assert events_url(media, "MZ1") == events


class Teller:
    """Answers 404 for the first `unknown` requests, then the body."""

    def __init__(self, body: bytes, unknown: int = 0, status: int = 200) -> None:
        self.asked = 0
        self._body, self._unknown, self._status = body, unknown, status

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked <= self._unknown:
            return web.Response(status=404)
        return web.Response(status=self._status, body=self._body, content_type="application/x-ndjson")


async def followed(teller: Teller) -> list[Envelope]:
    app = web.Application()
    app.router.add_get("/calls/MZ1/events", teller.answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        events: AsyncIterator[Envelope] = follow(
            session, str(server.make_url("/calls/MZ1/events")), patience_s=0.02, retry_s=0.005
        )
        return [envelope async for envelope in events]


async def test_events_come_until_the_call_has_ended() -> None:
    assert [envelope.event for envelope in await followed(Teller(b"".join(lines())))] == list(EVENTS)


async def test_a_stream_that_is_not_known_yet_is_asked_for_again() -> None:
    teller = Teller(b"".join(lines()), unknown=2)
    assert len(await followed(teller)) == len(EVENTS)
    assert teller.asked == 3


@pytest.mark.parametrize(
    ("teller", "reason"),
    [
        (Teller(b"", unknown=1_000), "does not know the call"),
        (Teller(b"", status=500), "answers 500"),
        (Teller(b"<html>\n"), "something else"),
        (Teller(b'{"call_id": 1}\n'), "something else"),
        (Teller(b"x" * 5_000_000), "line without an end"),
        (Teller(b"".join(lines()[:3])), "ended before the call"),
    ],
)
async def test_a_server_that_tells_nothing_useful_is_told_of(teller: Teller, reason: str) -> None:
    with pytest.raises(NoEvents, match=reason):
        await followed(teller)


async def test_nobody_there() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(NoEvents, match=r"Cannot connect|refused"):
            async for _ in follow(session, "http://127.0.0.1:1/calls/MZ1/events"):
                pass
