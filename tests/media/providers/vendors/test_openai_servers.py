"""The chat adapter and each simulated vendor, over TLS, through the chain: what is said and what is billed."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec
import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.factory import ProviderFactory, Providers
from media.providers.ports import ChatRequest, Message, ProviderError, TextDelta, ToolCall, ToolSpec
from media.providers.warm_http import make_connector
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import decode_plan
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.chat_reply import ChatReply, ToolUse
from simulator.vendors.faults import Fault, FaultKind
from simulator.vendors.openai_request import Flavour
from simulator.vendors.server import running_vendor
from vendors.openai import media as openai_media
from vendors.openai.simulator import BASE_PATHS, ChatVendor
from vendors.standin import media as standin_media

FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)
TEXT = "We are open from nine to five on weekdays, and on Saturday until noon."
REQUEST = ChatRequest(
    "You are a receptionist.",
    [Message("user", "When are you open?")],
    [ToolSpec("book", "Books.", {"type": "object", "properties": {}})],
)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServerCertificate:
    """Trusted by everything that this process opens from now on."""
    made = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def speak(body: Any) -> ChatReply:
    """Continues where a broken reply stopped, as a model would."""
    said = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    return ChatReply(TEXT.removeprefix(said[-1]) if said else TEXT)


class ChatCall:
    """The models of one call over simulated vendors, first to last, and what their chain reported."""

    def __init__(
        self, vendors: list[ChatVendor], origins: list[str], http: aiohttp.ClientSession, **options: Any
    ) -> None:
        self.failed: list[ProviderFailed] = []
        self.usage: list[UsageRecorded] = []
        self._factory = ProviderFactory([openai_media.VENDOR, standin_media.VENDOR], http)
        plan = {
            "agent": {},
            "stt": [{"provider": "standin"}],
            "tts": [{"provider": "standin"}],
            "llm": [
                {"provider": f"model-{index}", "vendor": "openai", "options": make_options(vendor, origin, **options)}
                for index, (vendor, origin) in enumerate(zip(vendors, origins, strict=True))
            ],
        }
        self.providers: Providers = self._factory.build(
            decode_plan(msgspec.json.encode(plan)), self.failed.append, self.usage.append
        )

    async def reply(self) -> tuple[str, list[ToolCall]]:
        events = [event async for event in self.providers.llm.stream(REQUEST)]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        return text, [event for event in events if isinstance(event, ToolCall)]

    def metered(self, index: int) -> Counter[str]:
        """What an attempt at one model cost, by unit."""
        found: Counter[str] = Counter()
        for item in self.usage:
            if item.provider == f"model-{index}":
                found[item.unit] += item.quantity
        return found

    async def close(self) -> None:
        await self._factory.close()


def make_options(vendor: ChatVendor, origin: str, **options: Any) -> dict[str, Any]:
    base = origin if vendor.flavour == "azure" else origin + BASE_PATHS[vendor.flavour]
    return {"model": "tiny", "base_url": base, "api_key": vendor.state.key, "dialect": vendor.flavour, **options}


@asynccontextmanager
async def chat_call(certificate: ServerCertificate, *vendors: ChatVendor, **options: Any) -> AsyncIterator[ChatCall]:
    async with asyncio.timeout(20), aiohttp.ClientSession(connector=make_connector()) as http:
        running = [running_vendor(vendor.routes(), certificate, cancels=True) for vendor in vendors]
        origins = [f"https://{await one.__aenter__()}" for one in running]
        call = ChatCall(list(vendors), origins, http, **options)
        try:
            yield call
        finally:
            await call.close()
            for one in running:
                await one.__aexit__(None, None, None)


def billed(vendor: ChatVendor) -> dict[str, float]:
    return {item.unit: vendor.state.total("llm", item.unit) for item in vendor.state.billed}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_each_vendor_s_reply_is_read_whole_and_metered_as_it_bills(
    flavour: Flavour, certificate: ServerCertificate
) -> None:
    tools = (ToolUse("book", '{"day": "Monday"}'), ToolUse("end_call"))
    vendor = ChatVendor(flavour, reply=lambda body: ChatReply(TEXT, tools), cached_tokens=4, reasoning_tokens=5)
    vendor.written_tokens = 3 if flavour == "openrouter" else 0
    async with chat_call(certificate, vendor, temperature=0.4, max_tokens=80) as call:
        text, calls = await call.reply()
    assert text == TEXT
    assert [(one.name, one.arguments) for one in calls] == [(tool.name, tool.arguments) for tool in tools]
    assert call.metered(0) == billed(vendor)
    assert call.metered(0).get("cache_write_tokens", 0) == vendor.written_tokens
    assert not any(usage.estimated for usage in call.usage)
    (body,) = vendor.bodies
    assert body["max_tokens" if flavour == "openrouter" else "max_completion_tokens"] == 80
    assert body["stream_options"].get("include_obfuscation") is (False if flavour == "openai" else None)


async def test_azure_s_undated_address_is_reached_too(certificate: ServerCertificate) -> None:
    vendor = ChatVendor("azure")
    async with running_vendor(vendor.routes(), certificate) as address, aiohttp.ClientSession() as http:
        call = ChatCall([vendor], [f"https://{address}"], http, base_url=f"https://{address}/openai/v1")
        assert (await call.reply())[0]
        await call.close()


@pytest.mark.parametrize(
    ("flavour", "fault", "reason"),
    [
        ("openai", "unauthorized", "HTTP 401 invalid_api_key"),
        ("azure", "unauthorized", "HTTP 401 401"),
        ("openai", "no_credit", "HTTP 429 insufficient_quota"),
        ("openrouter", "no_credit", "HTTP 402"),
        ("xai", "unauthorized", "HTTP 400 invalid_api_key"),
        ("xai", "no_credit", "HTTP 429 insufficient_quota"),
        ("groq", "rate_limited", "HTTP 429 rate_limit_exceeded"),
        ("openai", "refuse", "no connection: ServerDisconnectedError"),
        ("openai", "garbage", "an unreadable chunk"),
        ("openrouter", "error", "HTTP 502"),
        ("groq", "error", "error in the stream internal_server_error"),
        ("openai", "error", "error in the stream server_error"),
        ("azure", "cut", "the stream was cut"),
    ],
)
@pytest.mark.parametrize("after", [0, 4])
async def test_no_word_is_lost_or_doubled_when_a_vendor_fails(
    flavour: Flavour, fault: FaultKind, reason: str, after: int, certificate: ServerCertificate
) -> None:
    first, second = ChatVendor(flavour, reply=speak), ChatVendor(reply=speak)
    first.state.faults.queue("llm", Fault(fault, after_units=after))
    async with chat_call(certificate, first, second) as call:
        assert (await call.reply())[0] == TEXT
    assert [(failed.reason.removesuffix(" "), failed.next) for failed in call.failed] == [(reason, "model-1")]
    assert call.metered(1) == billed(second)
    accepts = fault in ("garbage", "error", "cut") and (flavour, fault) != ("openrouter", "error")
    assert bool(call.metered(0)) == bool(billed(first)) == accepts
    assert all(usage.estimated for usage in call.usage if usage.provider == "model-0")


@pytest.mark.parametrize("fault", ["stall", "slow", "half_open"])
async def test_a_vendor_that_falls_silent_is_replaced_in_mid_sentence(
    fault: FaultKind, certificate: ServerCertificate
) -> None:
    first, second = ChatVendor(reply=speak, token_s=0.05), ChatVendor(reply=speak)
    first.state.faults.queue("llm", Fault(fault, after_units=0 if fault == "half_open" else 3))
    async with chat_call(certificate, first, second, first_token_s=0.3, idle_s=0.2) as call:
        assert (await call.reply())[0] == TEXT
    assert [failed.next for failed in call.failed] == ["model-1"]
    assert call.metered(0)  # the vendor may bill it, so its prompt counts
    assert call.metered(1) == billed(second)


async def test_a_vendor_that_says_nothing_gets_a_rival_before_its_own_deadline(certificate: ServerCertificate) -> None:
    first, second = ChatVendor("groq"), ChatVendor(first_token_s=0.1)
    first.state.faults.queue("llm", Fault("stall"))
    async with chat_call(certificate, first, second) as call:
        began = asyncio.get_running_loop().time()
        assert (await call.reply())[0]
        assert 0.9 <= asyncio.get_running_loop().time() - began < Deadlines().first_token_s
        assert [(failed.provider, failed.next) for failed in call.failed] == [("model-0", "model-1")]
        assert call.metered(0) and call.metered(1) == billed(second)
        while not first.state.billed:  # noqa: ASYNC110 - the vendor sees the closed connection a moment later
            await asyncio.sleep(0.01)
    assert set(billed(first)) == {"prompt_tokens"}


async def test_a_temperature_that_the_model_does_not_take_is_left_out_from_then_on(
    certificate: ServerCertificate,
) -> None:
    vendor = ChatVendor(fixed_temperature=frozenset({"tiny"}))
    async with chat_call(certificate, vendor, dialect="compatible", temperature=0.2, max_tokens=50) as call:
        assert await call.reply() == await call.reply()
    assert call.failed == []
    assert vendor.state.opened["llm"] == 4  # two refusals teach two fields
    assert all("temperature" not in body and body["max_completion_tokens"] == 50 for body in vendor.bodies)
    assert call.metered(0) == billed(vendor)


async def test_the_first_request_of_a_call_finds_an_open_connection(certificate: ServerCertificate) -> None:
    vendor = ChatVendor()
    async with chat_call(certificate, vendor) as call:
        call.providers.prepare()
        call.providers.prepare()  # of another call: one at a time is opened
        while "OPTIONS" not in vendor.client_ports:  # noqa: ASYNC110 - another peer can only be asked
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        for _ in range(2):
            await call.reply()
        call.providers.prepare()
        await asyncio.sleep(0.05)
    assert len(vendor.client_ports["OPTIONS"]) == 1
    assert set(vendor.client_ports["POST"]) == set(vendor.client_ports["OPTIONS"])


async def test_further_connections_resume_the_tls_session(certificate: ServerCertificate) -> None:
    vendor = ChatVendor(first_token_s=0.1)
    reused: list[bool] = []

    async def note(session: Any, context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        transport = params.response.connection and params.response.connection.transport
        socket: ssl.SSLObject | None = transport.get_extra_info("ssl_object") if transport else None
        reused.append(bool(socket and socket.session_reused))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(note)
    async with (
        running_vendor(vendor.routes(), certificate) as address,
        aiohttp.ClientSession(connector=make_connector(), trace_configs=[trace]) as http,
    ):
        call = ChatCall([vendor], [f"https://{address}"], http)
        await call.reply()
        await asyncio.gather(call.reply(), call.reply())  # the second of them needs a connection of its own
        await call.close()
    assert sorted(reused) == [False, False, True]


async def test_an_unreachable_vendor_is_a_provider_error(certificate: ServerCertificate) -> None:
    vendor = ChatVendor()
    async with running_vendor(vendor.routes(), certificate) as address:
        pass
    async with aiohttp.ClientSession() as http:
        call = ChatCall([vendor], [f"https://{address}"], http)
        call.providers.prepare()
        with pytest.raises(ProviderError, match="no connection"):
            await call.reply()
        await call.close()
