"""Plain pipecat pipelines behind one Twilio media socket: `python -m lab.benchmarks.peers.pipecat_server --mode stock`.

With `--services FILE` its own services for vendors speak, hear and think, else stand-ins.

Both modes run all calls in one process on uvloop, without logging and metrics, at the phone's 8 kHz.

stock: as pipecat's documentation sets up a phone bot: Silero VAD, the default turn strategies (smart-turn v3),
    sentences are sent to the voice.
lean: webrtcvad on the event loop instead of Silero, a silence timeout instead of smart-turn, tokens are sent
    directly to the voice (stand-in only), no RTVI processor, no turn tracking.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VAD_START_SECS, VAD_STOP_SECS
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.tts_service import TextAggregationMode
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from lab.benchmarks.delays import read_delays
from lab.benchmarks.peers.call_services import CallServices
from lab.benchmarks.peers.lean_vad import LeanVAD
from lab.benchmarks.peers.standins import RATE, StandinLlmService, StandinSttService, StandinTtsService

Mode = Literal["stock", "lean"]
MakeServices = Callable[[], CallServices]

PROMPT = "You answer the telephone of a small company."


def app(mode: Mode, make_services: MakeServices) -> FastAPI:
    """The web application: /healthz and the media socket /ws."""
    api = FastAPI()

    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @api.websocket("/ws")
    async def call(websocket: WebSocket) -> None:
        await websocket.accept()
        await run_call(websocket, mode, make_services())

    return api


async def run_call(websocket: WebSocket, mode: Mode, services: CallServices) -> None:
    """One call, from Twilio's start message to its end."""
    _, call = await parse_telephony_websocket(websocket)
    serializer = TwilioFrameSerializer(
        call["stream_id"], call["call_id"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
    )
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
        ),
    )
    worker = _worker(transport, mode, services)

    @transport.event_handler("on_client_connected")  # type: ignore[untyped-decorator]  # pipecat leaves it untyped
    async def greet(_transport: FastAPIWebsocketTransport, _websocket: WebSocket) -> None:
        if services.greeting:
            await worker.queue_frame(TTSSpeakFrame(services.greeting))

    @transport.event_handler("on_client_disconnected")  # type: ignore[untyped-decorator]  # pipecat leaves it untyped
    async def gone(_transport: FastAPIWebsocketTransport, _websocket: WebSocket) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def _worker(transport: FastAPIWebsocketTransport, mode: Mode, services: CallServices) -> PipelineWorker:
    aggregators = LLMContextAggregatorPair(
        LLMContext([{"role": "system", "content": PROMPT}]), user_params=_user_params(mode)
    )
    lean = mode == "lean"
    steps = [
        transport.input(),
        services.stt,
        aggregators.user(),
        services.llm,
        services.tts,
        transport.output(),
        aggregators.assistant(),
    ]
    return PipelineWorker(
        Pipeline(steps),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False if lean else None,
        enable_turn_tracking=not lean,
        idle_timeout_secs=None,
    )


def _user_params(mode: Mode) -> LLMUserAggregatorParams:
    if mode == "stock":
        return LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    # pipecat recommends a short VAD stop with the rest of the silence in the turn strategy: the recognizer then
    # finishes during the silence, not after it.
    timeout = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=read_delays().silence / 1000 - VAD_STOP_SECS)
    return LLMUserAggregatorParams(
        vad_analyzer=LeanVAD(start_secs=VAD_START_SECS, stop_secs=VAD_STOP_SECS),
        user_turn_strategies=UserTurnStrategies(stop=[timeout]),
    )


def _services(mode: Mode, settings: Path | None) -> MakeServices:
    """What makes the services of a call. With lean, pipecat is told how soon a final text comes."""
    lean, delays = mode == "lean", read_delays()
    if settings is not None:
        from lab.benchmarks.peers.vendor_services import (  # 900 modules of their SDKs
            make_vendor_services,
            read_settings,
        )

        read = read_settings(settings)
        return lambda: make_vendor_services(read, final_s=delays.final / 1000 if lean else None)
    aggregation = TextAggregationMode.TOKEN if lean else TextAggregationMode.SENTENCE
    return lambda: CallServices(
        StandinSttService(delays), StandinLlmService(delays), StandinTtsService(delays, aggregation)
    )


def main() -> None:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(description="plain pipecat pipelines behind a Twilio media socket")
    parser.add_argument("--mode", choices=("stock", "lean"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--services", type=Path, help="a JSON file: vendors in place of the stand-ins")
    options = parser.parse_args()
    logger.remove()
    logger.disable("pipecat")
    uvicorn.run(
        app(options.mode, _services(options.mode, options.services)),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        log_level="critical",
        access_log=False,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
