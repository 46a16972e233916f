"""A fake API with one user and one call, whose events arrive in portions."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.events import EventEnvelope, encode_event
from tests.vocalized.call_events import CALL_ID, envelopes
from vocalized.stack.addresses import Credentials

USER = Credentials("owner@example.com", "plum tractor 48 violin")
WORKSPACE, CARRIER_CALL = "0199bbbb-0000-7000-8000-000000000001", "CA1"


@dataclass(slots=True)
class FakeApi:
    """portions: the answers to requests for events; the last one repeats. unavailable: so many requests get 503.

    token_requests: requests that a token is valid for. known_after: requests before the call is known.
    """

    portions: list[Sequence[EventEnvelope]] = field(default_factory=lambda: [envelopes()])
    status: str = "completed"
    end_reason: str | None = "caller_hangup"
    end_detail: str | None = None
    unavailable: int = 0
    token_requests: int = 1_000
    known_after: int = 0
    recording: bytes | None = b"RIFF"
    staff_needs_code: bool = False
    sign_ins: int = 0
    url: str = ""
    _left: int = 0
    _known: dict[int, EventEnvelope] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeApi"]:
        """Serves until the block ends."""
        app = web.Application()
        base = f"/workspaces/{WORKSPACE}/calls"
        app.router.add_post("/auth/login", self._sign_in)
        if self.staff_needs_code:
            app.router.add_post("/admin/auth/login", _refuse_without_code)
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
        self._left = self.token_requests
        return web.json_response({"token": f"token-{self.sign_ins}"})

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.Response:
            if self.unavailable > 0:
                self.unavailable -= 1
                return web.Response(status=503)
            if request.headers.get("Authorization") != f"Bearer token-{self.sign_ins}" or self._left <= 0:
                return web.json_response({"error": {"code": "not_signed_in"}}, status=401)
            self._left -= 1
            answer: web.Response = handler(request)
            return answer

        return guarded

    def _list(self, request: web.Request) -> web.Response:
        self.known_after -= 1
        is_known = self.known_after < 0 and request.query["carrier_call_id"] == CARRIER_CALL
        return web.json_response({"calls": [{"id": CALL_ID}] if is_known else [], "total": int(is_known)})

    def _call(self, request: web.Request) -> web.Response:
        fields = {"status": self.status, "end_reason": self.end_reason, "end_detail": self.end_detail}
        return web.json_response({"call": {"id": CALL_ID, **fields}})

    def _events(self, request: web.Request) -> web.Response:
        portion = self.portions.pop(0) if len(self.portions) > 1 else self.portions[0]
        self._known |= {envelope.seq: envelope for envelope in portion}
        after = int(request.query["after_seq"])
        new = [_line(envelope) for seq, envelope in sorted(self._known.items()) if seq > after]
        return web.json_response({"events": new})

    def _recording(self, request: web.Request) -> web.Response:
        if self.recording is None:
            return web.json_response({"error": {"code": "no_recording"}}, status=404)
        return web.Response(body=self.recording, content_type="audio/wav")


async def _refuse_without_code(_: web.Request) -> web.Response:
    error = {"code": "totp_required", "message": "The code of your authenticator app is needed."}
    return web.json_response({"error": error}, status=401)


def _line(envelope: EventEnvelope) -> dict[str, Any]:
    event = json.loads(encode_event(envelope))["event"]
    return {"seq": envelope.seq, "event_type": event["type"], "event_data": event, "timestamp": envelope.at}


def renumbered(events: Sequence[EventEnvelope], first: int) -> list[EventEnvelope]:
    """The same events with numbers from `first` on."""
    return [msgspec.structs.replace(envelope, seq=seq) for seq, envelope in enumerate(events, first)]
