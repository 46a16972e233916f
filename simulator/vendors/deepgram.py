"""A simulated Deepgram: Nova (`/v1/listen`), Flux (`/v2/listen`) and Aura (`/v1/speak`) over WebSockets.

Billed as Deepgram does: the audio that a recogniser was sent, and the characters that a voice was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from simulator.vendors.deepgram_aura import AuraSession, SpeakTiming
from simulator.vendors.deepgram_flux import FluxSession, check_flux_query
from simulator.vendors.deepgram_nova import ListenTiming, NovaSession
from simulator.vendors.deepgram_socket import Refused, check_audio, open_socket
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState

_NOVA_MODELS = ("nova-", "enhanced", "base")
_AURA_MODELS = ("aura-",)
_FLUX_MODELS = ("flux-general-en", "flux-general-multi")


@dataclass(slots=True)
class SimulatedDeepgram:
    """make_ear: what each new recogniser's session hears."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    listen_timing: ListenTiming = field(default_factory=ListenTiming)
    speak_timing: SpeakTiming = field(default_factory=SpeakTiming)

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
            _check_model(request, _NOVA_MODELS)
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
            _check_model(request, _FLUX_MODELS)
        except Refused as refused:
            return refused.response()
        return await self._listen(request, FluxSession(socket, self.make_ear(), self.listen_timing))

    async def _aura(self, request: web.Request) -> web.StreamResponse:
        socket = open_socket(request, self.state, "tts")
        if isinstance(socket, web.Response):
            return socket
        try:
            check_audio(request.query.items())
            _check_model(request, _AURA_MODELS)
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


def _check_model(request: web.Request, known: tuple[str, ...]) -> None:
    """Raises Refused for a model that this address does not serve."""
    if not request.query.get("model", "").startswith(known):
        raise Refused(400, "INVALID_QUERY_PARAMETER", "no such model")
