"""The models of one call over simulated vendors of the Messages API and the Gemini API, and what their chain told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from media.providers.factory import ProviderFactory, Providers
from media.providers.ports import ChatRequest, LanguageModelEvent, TextDelta, ToolCall
from media.providers.warm_http import make_connector
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import decode_plan
from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.server import running_vendor
from vendors.anthropic import media as anthropic_media
from vendors.anthropic.simulator import AnthropicVendor
from vendors.google import media as google_media
from vendors.google.simulator import GeminiVendor
from vendors.standin import media as standin_media

ModelVendor = AnthropicVendor | GeminiVendor


class ModelCall:
    """A call's language models, `model-0` and so on. connections: that were opened."""

    def __init__(self, vendors: Sequence[ModelVendor], origins: list[str], http: Any, options: dict[str, Any]) -> None:
        self.failed: list[ProviderFailed] = []
        self.usage: list[UsageRecorded] = []
        self.connections = 0
        self._factory = ProviderFactory([anthropic_media.VENDOR, google_media.VENDOR, standin_media.VENDOR], http)
        plans = [
            _plan(number, vendor, origin, options)
            for number, (vendor, origin) in enumerate(zip(vendors, origins, strict=True))
        ]
        standins = [{"provider": "standin"}]
        plan = msgspec.json.encode({"agent": {}, "stt": standins, "tts": standins, "llm": plans})
        self.providers: Providers = self._factory.build(decode_plan(plan), self.failed.append, self.usage.append)

    async def events(self, request: ChatRequest) -> list[LanguageModelEvent]:
        return [event async for event in self.providers.llm.stream(request)]

    async def reply(self, request: ChatRequest) -> tuple[str, list[ToolCall]]:
        events = await self.events(request)
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        return text, [event for event in events if isinstance(event, ToolCall)]

    def metered(self, number: int) -> Counter[str]:
        """What the attempts at one model cost, by unit."""
        found: Counter[str] = Counter()
        for item in self.usage:
            if item.provider == f"model-{number}":
                found[item.unit] += item.quantity
        return found

    async def close(self) -> None:
        await self._factory.close()


def _plan(number: int, vendor: ModelVendor, origin: str, options: dict[str, Any]) -> dict[str, Any]:
    is_claude = isinstance(vendor, AnthropicVendor)
    chosen = {"model": "claude-haiku-4-5" if is_claude else "gemini-3.5-flash-lite", "base_url": origin}
    vendor_name = "anthropic" if is_claude else "google"
    fields = {**chosen, "api_key": vendor.state.key, **options}
    return {"provider": f"model-{number}", "vendor": vendor_name, "options": fields}


@asynccontextmanager
async def model_call(certificate: ServerCertificate, *vendors: ModelVendor, **options: Any) -> AsyncIterator[ModelCall]:
    """options: of each model."""
    calls: list[ModelCall] = []

    async def count(session: Any, context: Any, params: Any) -> None:
        calls[0].connections += 1

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(count)
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession(connector=make_connector(), trace_configs=[trace]) as http,
        AsyncExitStack() as running,
    ):
        servers = [running_vendor(vendor.routes(), certificate, cancels=True) for vendor in vendors]
        origins = [f"https://{await running.enter_async_context(server)}" for server in servers]
        call = ModelCall(vendors, origins, http, options)
        calls.append(call)
        try:
            yield call
        finally:
            await call.close()


def billed(vendor: ModelVendor) -> dict[str, float]:
    """What the vendor would bill, by unit."""
    return {item.unit: vendor.state.total("llm", item.unit) for item in vendor.state.billed}
