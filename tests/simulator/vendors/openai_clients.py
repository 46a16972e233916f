"""The official clients of OpenAI-compatible chat, and pipecat's services of it, against a simulated vendor."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import groq
import httpx
import httpx2
import openai
from pipecat.frames.frames import EndFrame, Frame, LLMContextFrame, LLMFullResponseEndFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.azure.llm import AzureLLMService
from pipecat.services.groq.llm import GroqLLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openrouter.llm import OpenRouterLLMService
from pipecat.services.xai.llm import GrokLLMService
from pipecat.workers.runner import WorkerRunner

from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.server import running_vendor
from vendors.openai.simulator import BASE_PATHS, ChatVendor

LIMIT_S: Final = 30.0
API_VERSION: Final = "2024-10-21"


@asynccontextmanager
async def running_chat(vendor: ChatVendor, folder: Path) -> AsyncIterator[tuple[str, ServerCertificate]]:
    """Runs the vendor over TLS; yields the address before its base path, and the certificate."""
    certificate = make_certificate(folder)
    async with running_vendor(vendor.routes(), certificate, cancels=True) as address:
        yield f"https://{address}", certificate


@asynccontextmanager
async def official_client(vendor: ChatVendor, folder: Path) -> AsyncIterator[Any]:
    """Runs the vendor over TLS; yields the vendor's own SDK (OpenRouter and xAI name OpenAI's) without its retries."""
    async with (
        running_chat(vendor, folder) as (origin, certificate),
        _client(vendor, origin, certificate.client()) as client,
    ):
        yield client


@asynccontextmanager
async def _client(vendor: ChatVendor, origin: str, tls: ssl.SSLContext) -> AsyncIterator[Any]:
    base_url, key = origin + BASE_PATHS[vendor.flavour], vendor.state.key
    if vendor.flavour == "groq":
        async with groq.AsyncGroq(
            api_key=key, base_url=origin, max_retries=0, http_client=httpx.AsyncClient(verify=tls)
        ) as client:
            yield client
        return
    http = httpx2.AsyncClient(verify=tls)
    if vendor.flavour == "azure":
        azure = openai.AsyncAzureOpenAI(
            api_key=key, azure_endpoint=origin, api_version=API_VERSION, max_retries=0, http_client=http
        )
        async with azure:
            yield azure
        return
    async with openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, http_client=http) as plain:
        yield plain


def pipecat_service(vendor: ChatVendor, origin: str) -> OpenAILLMService:
    """pipecat's service for the vendor; it trusts SSL_CERT_FILE."""
    base_url, key = origin + BASE_PATHS[vendor.flavour], vendor.state.key
    match vendor.flavour:
        case "groq":
            return GroqLLMService(api_key=key, base_url=base_url)
        case "openrouter":
            return OpenRouterLLMService(api_key=key, base_url=base_url)
        case "azure":
            return AzureLLMService(api_key=key, endpoint=origin)
        case "xai":
            return GrokLLMService(api_key=key, base_url=base_url)
    return OpenAILLMService(api_key=key, base_url=base_url)


class _ReplySink(FrameProcessor):
    """Keeps what a service pushes until its reply has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.pushed: list[Frame] = []
        self.ended = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.pushed.append(frame)
        if isinstance(frame, LLMFullResponseEndFrame):
            self.ended.set()
        await self.push_frame(frame, direction)


async def run_model(service: Any, context: LLMContext) -> list[Frame]:
    """Has the model answer once; returns all frames that it pushed."""
    sink = _ReplySink()
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    worker = PipelineWorker(Pipeline([service, sink]), cancel_on_idle_timeout=False, enable_rtvi=False, params=params)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    async def ask() -> None:
        await worker.queue_frame(LLMContextFrame(context))
        await sink.ended.wait()
        await worker.queue_frame(EndFrame())

    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(runner.run(), ask())
    if service._client is not None:
        await service._client.close()  # pipecat leaves it open, except for Google's
    return sink.pushed
