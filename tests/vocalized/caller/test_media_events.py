"""Reading a call's events from a media server."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.events import EventEnvelope
from tests.vocalized.call_events import EVENTS, lines
from vocalized.caller.finished_call import EventsUnavailable
from vocalized.caller.media_events import events_url, media_events


@pytest.mark.parametrize(
    ("media", "events"),
    [
        ("ws://localhost:8090/media/twilio", "http://localhost:8090/calls/MZ1/events"),
        ("wss://a.example/media/telnyx", "https://a.example/calls/MZ1/events"),
        ("wss://a.example/node7/media/twilio", "https://a.example/node7/calls/MZ1/events"),
        ("ws://a.example/else", "http://a.example/calls/MZ1/events"),
    ],
)
def test_events_url_is_derived_from_the_socket_url(media: str, events: str) -> None:
    assert events_url(media, "MZ1") == events


class FakeServer:
    """Answers 404 for the first `unknown` requests, then the body."""

    def __init__(self, body: bytes, unknown: int = 0, status: int = 200) -> None:
        self.asked = 0
        self._body, self._unknown, self._status = body, unknown, status

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.asked <= self._unknown:
            return web.Response(status=404)
        return web.Response(status=self._status, body=self._body, content_type="application/x-ndjson")


async def read_events(server: FakeServer) -> list[EventEnvelope]:
    app = web.Application()
    app.router.add_get("/calls/MZ1/events", server.answer)
    async with TestServer(app) as running, aiohttp.ClientSession() as session:
        events: AsyncIterator[EventEnvelope] = media_events(
            session, str(running.make_url("/calls/MZ1/events")), patience_s=0.02, retry_s=0.005
        )
        return [envelope async for envelope in events]


async def test_events_come_until_the_call_has_ended() -> None:
    assert [envelope.event for envelope in await read_events(FakeServer(b"".join(lines())))] == list(EVENTS)


async def test_unknown_stream_is_retried() -> None:
    server = FakeServer(b"".join(lines()), unknown=2)
    assert len(await read_events(server)) == len(EVENTS)
    assert server.asked == 3


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (FakeServer(b"", unknown=1_000), "does not know the call"),
        (FakeServer(b"", status=500), "answers 500"),
        (FakeServer(b"<html>\n"), "something else"),
        (FakeServer(b'{"call_id": 1}\n'), "something else"),
        (FakeServer(b"x" * 5_000_000), "line without an end"),
        (FakeServer(b"".join(lines()[:3])), "ended before the call"),
    ],
)
async def test_unusable_answer_is_reported(server: FakeServer, reason: str) -> None:
    with pytest.raises(EventsUnavailable, match=reason):
        await read_events(server)


async def test_unreachable_server_is_reported() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(EventsUnavailable, match=r"Cannot connect|refused"):
            async for _ in media_events(session, "http://127.0.0.1:1/calls/MZ1/events"):
                pass
