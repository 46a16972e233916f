"""A simulated Deepgram: Nova (`/v1/listen`), Flux (`/v2/listen`) and Aura (`/v1/speak`) over WebSockets.

Billed as Deepgram does: the audio that a recogniser was sent, and the characters that a voice was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from simulator.vendors.deepgram_aura import AuraSession, SpeakTiming
from simulator.vendors.deepgram_flux import FluxSession, check_flux_query
from simulator.vendors.deepgram_models import AURA_MODELS, FLUX_MODELS, NOVA_MODELS
from simulator.vendors.deepgram_nova import ListenTiming, NovaSession
from simulator.vendors.deepgram_socket import Refused, check_audio, open_socket
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState

# Deepgram's guide to keyterm prompting.
MAX_KEYTERMS = 100


@dataclass(slots=True)
class SimulatedDeepgram:
    """make_ear: what each new recogniser's session hears. forced_ends: how often Flux was sent ForceEndTurn."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    listen_timing: ListenTiming = field(default_factory=ListenTiming)
    speak_timing: SpeakTiming = field(default_factory=SpeakTiming)
    forced_ends: int = 0

    def routes(self) -> list[web.RouteDef]:
        """All addresses."""
        return [
            web.get("/v1/listen", self._nova),
            web.get("/v2/listen", self._flux),
            web.get("/v1/speak", self._aura),
        ]

    async def _nova(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "stt")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            _check_model(request, NOVA_MODELS)
        except Refused as refused:
            return refused.response()
        return await self._listen(request, NovaSession(socket, self.make_ear(), self.listen_timing))

    async def _flux(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "stt")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            check_flux_query(dict(request.query))
            _check_model(request, FLUX_MODELS)
        except Refused as refused:
            return refused.response()
        session = FluxSession(socket, self.make_ear(), self.listen_timing, self._count_forced_end)
        return await self._listen(request, session)

    def _count_forced_end(self) -> None:
        self.forced_ends += 1

    async def _aura(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "tts")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            _check_model(request, AURA_MODELS)
        except Refused as refused:
            return refused.response()
        model = request.query["model"]
        session = AuraSession(
            socket, self.speak_timing, lambda count: self.state.bill("tts", model, "characters", count)
        )
        return await session.run()

    async def _listen(self, request: web.Request, session: NovaSession | FluxSession) -> web.StreamResponse:
        try:
            return await session.run()
        finally:
            self.state.bill("stt", request.query["model"], "ms", session.billed_ms)


def _check_model(request: web.Request, known: frozenset[str]) -> None:
    """Raises Refused for a model that this address does not serve, and for too many keyterms."""
    if request.query.get("model", "") not in known:
        raise Refused(400, "INVALID_QUERY_PARAMETER", "No such model/language/tier combination found.")
    if len(request.query.getall("keyterm", [])) > MAX_KEYTERMS:
        raise Refused(400, "INVALID_QUERY_PARAMETER", f"keyterm: more than {MAX_KEYTERMS}.")
