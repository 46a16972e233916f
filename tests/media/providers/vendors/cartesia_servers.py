"""Two simulated vendors over TLS, Cartesias if nothing else is said, and the chains of a plan that names one after the
other."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from media.command import VENDORS
from media.providers.chain.deadlines import Deadlines
from media.providers.factory import ProviderFactory, Providers
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import decode_plan
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import VendorState, running_vendor

DEADLINES = Deadlines(audio_s=0.4, transcript_s=0.35, last_s=2.0)


@dataclass
class CartesiaCall:
    """One call's providers `a` and `b`. failed, used: what they reported."""

    factory: ProviderFactory
    plan: dict[str, Any]
    failed: list[ProviderFailed] = field(default_factory=list)
    used: list[UsageRecorded] = field(default_factory=list)

    def build(self) -> Providers:
        """The providers of a further call."""
        plan = decode_plan(msgspec.json.encode(self.plan))
        return self.factory.build(plan, self.failed.append, self.used.append)

    def sums(self, provider: str) -> Counter[str]:
        """What was metered of a provider, by unit."""
        found: Counter[str] = Counter()
        for event in self.used:
            if event.provider == provider:
                found[event.unit] += event.quantity
        return found


@asynccontextmanager
async def running_call(
    kind: str,
    servers: dict[str, tuple[VendorState, list[web.AbstractRouteDef]]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    vendor: str = "cartesia",
    **options: Any,
) -> AsyncIterator[CartesiaCall]:
    """Runs the servers; yields a call whose providers of this kind are they, in their order."""
    certificate = make_certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    standin = [{"provider": "standin"}]
    plan: dict[str, Any] = {"agent": {}, **dict.fromkeys(("stt", "llm", "tts"), standin), kind: []}
    async with aiohttp.ClientSession() as http:
        factory = ProviderFactory(VENDORS, http, deadlines=DEADLINES)
        try:
            async with _running(servers, certificate) as addresses:
                for name, (state, _) in servers.items():
                    url = f"wss://{addresses[name]}"
                    chosen = {"base_url": url, "api_key": state.key, **options}
                    plan[kind].append({"provider": name, "vendor": vendor, "options": chosen})
                yield CartesiaCall(factory, plan)
                await factory.close()
        finally:
            await factory.close()


@asynccontextmanager
async def _running(
    servers: dict[str, tuple[VendorState, list[web.AbstractRouteDef]]], certificate: Any
) -> AsyncIterator[dict[str, str]]:
    (first, (_, one)), (second, (_, other)) = servers.items()
    async with running_vendor(one, certificate) as a, running_vendor(other, certificate) as b:
        yield {first: a, second: b}
