"""A small API as `CallWatch` and `Api` meet it: one user, one call, told piece by piece."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.events import Envelope, encode_event
from tests.vocalized.telling import CALL_ID, envelopes
from vocalized.first_accounts import SignIn

USER = SignIn("owner@example.com", "plum tractor 48 violin")
WORKSPACE, CARRIER_CALL = "0199bbbb-0000-7000-8000-000000000001", "CA1"


@dataclass(slots=True)
class ApiPeer:
    """portions: what each question for events is answered with, the last one for good. away: questions answered 503.

    tokens_last: questions that a token is good for. known_after: questions before the call is known.
    """

    portions: list[Sequence[Envelope]] = field(default_factory=lambda: [envelopes()])
    status: str = "completed"
    end_reason: str | None = "caller_hangup"
    away: int = 0
    tokens_last: int = 1_000
    known_after: int = 0
    recording: bytes | None = b"RIFF"
    sign_ins: int = 0
    url: str = ""
    _left: int = 0
    _told: dict[int, Envelope] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ApiPeer"]:
        """Serves until the block ends."""
        app = web.Application()
        base = f"/workspaces/{WORKSPACE}/calls"
        app.router.add_post("/auth/login", self._sign_in)
        app.router.add_get(base, self._guarded(self._list))
        app.router.add_get(f"{base}/{CALL_ID}", self._guarded(self._call))
        app.router.add_get(f"{base}/{CALL_ID}/events", self._guarded(self._events))
        app.router.add_get(f"{base}/{CALL_ID}/recording", self._guarded(self._recording))
        async with TestServer(app) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self

    async def _sign_in(self, request: web.Request) -> web.Response:
        if await request.json() != {"email": USER.email, "password": USER.password}:
            return web.json_response({"error": {"code": "wrong"}}, status=401)
        self.sign_ins += 1
        self._left = self.tokens_last
        return web.json_response({"token": f"token-{self.sign_ins}"})

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.Response:
            if self.away > 0:
                self.away -= 1
                return web.Response(status=503)
            if request.headers.get("Authorization") != f"Bearer token-{self.sign_ins}" or self._left <= 0:
                return web.json_response({"error": {"code": "not_signed_in"}}, status=401)
            self._left -= 1
            answer: web.Response = handler(request)
            return answer

        return guarded

    def _list(self, request: web.Request) -> web.Response:
        self.known_after -= 1
        there = self.known_after < 0 and request.query["carrier_call_id"] == CARRIER_CALL
        return web.json_response({"calls": [{"id": CALL_ID}] if there else [], "total": int(there)})

    def _call(self, request: web.Request) -> web.Response:
        return web.json_response({"call": {"id": CALL_ID, "status": self.status, "end_reason": self.end_reason}})

    def _events(self, request: web.Request) -> web.Response:
        portion = self.portions.pop(0) if len(self.portions) > 1 else self.portions[0]
        self._told |= {envelope.seq: envelope for envelope in portion}
        after = int(request.query["after_seq"])
        new = [_line(envelope) for seq, envelope in sorted(self._told.items()) if seq > after]
        return web.json_response({"events": new})

    def _recording(self, request: web.Request) -> web.Response:
        if self.recording is None:
            return web.json_response({"error": {"code": "no_recording"}}, status=404)
        return web.Response(body=self.recording, content_type="audio/wav")


def _line(envelope: Envelope) -> dict[str, Any]:
    event = json.loads(encode_event(envelope))["event"]
    return {"seq": envelope.seq, "event_type": event["type"], "event_data": event, "timestamp": envelope.at}


def renumbered(told: Sequence[Envelope], first: int) -> list[Envelope]:
    """The same events with numbers from `first` on."""
    return [msgspec.structs.replace(envelope, seq=seq) for seq, envelope in enumerate(told, first)]
