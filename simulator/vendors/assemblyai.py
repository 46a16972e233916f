"""A simulated AssemblyAI: streaming recognition over `/v3/ws`, and the temporary tokens by which a key can be tried.

Written from docs/vendors/assemblyai.md. Billed as AssemblyAI does: the time for which a session was open. What it does
not know of the vendor: whether an account is refused by HTTP or, as here unless `refuses_by_http`, by an Error message
and a close frame.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from simulator.vendors.assemblyai_session import SessionEnded, StreamTiming, UniversalSession
from simulator.vendors.faults import FaultInjector
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, reset_connection

MODELS: Final = frozenset(
    {
        *("universal-streaming-english", "universal-streaming-multilingual", "whisper-rt"),
        *("u3-rt-pro", "universal-3-5-pro", "universal-3-6-pro"),
    }
)
ENCODINGS: Final = ("pcm_mulaw", "pcm_s16le")
MAX_KEYTERMS: Final = 100
# The key is not accepted, or the account is not.
UNAUTHORIZED: Final = SessionEnded(1008, "Unauthorized Connection: Missing Authorization header")
NO_CREDIT: Final = SessionEnded(1008, "Unauthorized Connection: Insufficient account balance")
TOO_MANY: Final = SessionEnded(3009, "Unauthorized Connection: Too many concurrent sessions")
_HTTP_STATUS: Final = {UNAUTHORIZED: 401, NO_CREDIT: 402, TOO_MANY: 429}


@dataclass(slots=True)
class SimulatedAssemblyAi:
    """make_ear: what each new session hears. queries: of all handshakes. heard_ms: audio of each session that is over.
    unterminated: sessions that ended without Terminate, which the vendor would bill for three hours."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    timing: StreamTiming = field(default_factory=StreamTiming)
    refuses_by_http: bool = False
    queries: list[dict[str, str]] = field(default_factory=list)
    heard_ms: list[float] = field(default_factory=list)
    unterminated: int = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """All addresses."""
        return [web.get("/v3/ws", self._stream), web.get("/v3/token", self._make_token)]

    async def _make_token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != self.state.key:
            return web.json_response({"error": UNAUTHORIZED.text}, status=401)
        return web.json_response({"token": uuid.uuid4().hex, "expires_in_seconds": 60})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        faults = self.state.open("stt")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        refusal = self._find_refusal(request, faults)
        if refusal is not None and self.refuses_by_http:
            return web.json_response({"error": refusal.text}, status=_HTTP_STATUS.get(refusal, 400))
        session = UniversalSession(request, self.make_ear(), faults, self.timing)
        if refusal is not None:
            return await session.refuse(refusal)
        began = time.monotonic()
        try:
            return await session.run()
        finally:
            self.state.bill("stt", request.query["speech_model"], "ms", (time.monotonic() - began) * 1_000)
            self.heard_ms.append(session.heard_ms)
            self.unterminated += not session.is_terminated

    def _find_refusal(self, request: web.Request, faults: FaultInjector) -> SessionEnded | None:
        query = request.query
        if faults.has("unauthorized") or self.state.key not in (
            request.headers.get("Authorization"),
            query.get("token"),
        ):
            return UNAUTHORIZED
        if faults.has("no_credit"):
            return NO_CREDIT
        if faults.has("rate_limited"):
            return TOO_MANY
        if query.get("speech_model") not in MODELS:
            return SessionEnded(3006, "Invalid speech_model")
        if query.get("encoding") not in ENCODINGS or query.get("sample_rate") != "8000":
            return SessionEnded(3006, "The simulator knows pcm_mulaw and pcm_s16le at 8000 Hz.")
        if len(_read_list(query.get("keyterms_prompt", "[]"))) > MAX_KEYTERMS:
            return SessionEnded(3006, f"Invalid keyterms_prompt: more than {MAX_KEYTERMS}")
        return None


def _read_list(text: str) -> list[str]:
    """A list in the query; one that is no JSON is one text."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return found if isinstance(found, list) else [text]
