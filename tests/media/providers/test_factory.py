"""Building chains from a plan's lists; an error names the plan's field."""

import gzip
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from media.command import VENDORS
from media.providers.factory import ProviderFactory, Providers, _Hooks
from media.providers.health import HealthBoard, HealthChange, HealthKey, ProviderAttempt
from media.providers.ports import ChatRequest, Message, ProviderError, RecognizedText, SpeechToTextEvent, TextDelta
from media.providers.usage import UsageMeter
from shared.egress import EgressGuard
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import CallPlan, PlanError, ProviderPlan, decode_plan, read_plan
from tests.media.providers.sse_server import OK, sse_server
from tests.media.providers.virtual import run

PLANS = Path(__file__).parents[3] / "config" / "plans"


def plan(**lists: list[dict[str, Any]]) -> CallPlan:
    standin = [{"provider": "standin"}]
    return decode_plan(msgspec.json.encode({"agent": {}, **dict.fromkeys(("stt", "llm", "tts"), standin), **lists}))


class FactoryHarness:
    """Builds one plan's providers and uses them."""

    def __init__(self, call_plan: CallPlan) -> None:
        self.plan = call_plan
        self.failed: list[ProviderFailed] = []
        self.used: list[UsageRecorded] = []

    async def build(self, **options: Any) -> Providers:
        async with aiohttp.ClientSession() as http:
            factory = ProviderFactory(VENDORS, http, **options)
            factory.check(self.plan)
            providers = factory.build(self.plan, self.failed.append, self.used.append)
            await factory.close()
            return providers

    async def words(self) -> str:
        providers = await self.build()
        events = providers.llm.stream(ChatRequest("", [Message("user", "Hello.")]))
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"stt": [{"provider": "deepgramm"}]},
            r"plan: stt\[0\]\.provider: 'deepgramm' is unknown; known are assemblyai, azure-speech",
        ),
        ({"llm": [{"provider": "standin"}, {"provider": "local"}]}, r"plan: llm\[1\]\.provider: 'local' is unknown"),
        ({"tts": [{"provider": "receptionist"}]}, r"plan: tts\[0\]\.provider: 'receptionist' is unknown"),
        ({"stt": [{"provider": "standin", "options": {"finalms": 1}}]}, r"plan: stt\[0\]\.options: .*finalms"),
        ({"tts": [{"provider": "standin", "options": {"chunk_ms": -1}}]}, r"plan: tts\[0\]\.options: .*chunk_ms"),
        ({"llm": [{"provider": "receptionist", "options": {"model": "x"}}]}, r"plan: llm\[0\]\.options: .*model"),
        ({"llm": [{"provider": "openai"}]}, r"plan: llm\[0\]\.options: .*model"),
        (
            {"llm": [{"provider": "groq", "vendor": "openay"}]},
            r"plan: llm\[0\]\.vendor: 'openay' is unknown; known are anthropic, google, openai",
        ),
        ({"llm": [{"provider": "groq"}]}, r"plan: llm\[0\]\.provider: 'groq' is unknown"),
        ({"tts": [{"provider": "standin", "guarded": True}]}, r"plan: tts\[0\]\.guarded: standin has no guard"),
        ({"tts": [{"provider": "local"}]}, r"plan: tts\[0\]\.provider: no local speech engine is running"),
    ],
)
def test_a_plan_error_names_its_field(lists: dict[str, list[dict[str, Any]]], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        run(FactoryHarness(plan(**lists)).build())


def test_a_provider_that_cannot_be_made_is_left_out_and_the_call_goes_on() -> None:
    hot = {"provider": "openai", "options": {"model": "m", "temperature": "hot"}}
    answering = {"provider": "standin", "options": {"text": "Hello."}}
    unknown = {"provider": "acme"}
    harness = FactoryHarness(plan(llm=[hot, answering, unknown], stt=[{"provider": "local"}, {"provider": "standin"}]))

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            factory = ProviderFactory(VENDORS, http)
            with pytest.raises(PlanError, match=r"stt\[0\]"):
                factory.check(harness.plan)
            providers = factory.build(harness.plan, harness.failed.append, harness.used.append)
            events = providers.llm.stream(ChatRequest("", [Message("user", "Hi.")]))
            assert [event.text async for event in events if isinstance(event, TextDelta)] == ["Hello."]
            with pytest.raises(PlanError, match=r"llm\[0\]\.options: .*temperature.*; llm\[1\]\.provider"):
                factory.build(plan(llm=[hot, unknown]), harness.failed.append, harness.used.append)
            await factory.close()

    run(main())
    failed = [(one.kind, one.provider, one.next) for one in harness.failed]
    assert failed == [("stt", "local", "standin"), ("llm", "openai", "standin"), ("llm", "acme", "")]
    assert "temperature" in harness.failed[1].reason


@pytest.mark.parametrize("field", ["base_url", "temperature", "dialect"])
def test_a_key_is_never_in_the_message(field: str) -> None:
    options = {"model": "x", "api_key": "sk-secret", field: "sk-secret"}
    with pytest.raises(PlanError, match=field) as raised:
        run(FactoryHarness(plan(llm=[{"provider": "openai", "options": options}])).build())
    assert "sk-secret" not in str(raised.value)


def test_the_shipped_standin_plan_works() -> None:
    async def main() -> None:
        harness = FactoryHarness(read_plan(PLANS / "standin.json"))
        assert await harness.words() == "Thank you for calling, I can certainly help you with that today."
        providers = await harness.build()
        events: list[SpeechToTextEvent] = []
        session = await providers.stt.open("en", events.append)
        session.started()
        session.finalize(1)
        audio = b"".join([spoken.audio async for spoken in providers.tts.stream(_text("Thank you."), "en")])
        await session.close()
        assert events == [RecognizedText("and so my fellow americans", True, 1)]
        assert len(audio) == 2500 * 8
        assert (providers.tts.streams_text, providers.tts.times_words) == (True, True)

    run(main())


def test_the_list_is_the_fallback_order_and_failures_are_reported() -> None:
    options = {"text": "I am the second.", "fail": ""}
    harness = FactoryHarness(
        plan(
            llm=[{"provider": "standin", "options": {"fail": "open"}}, {"provider": "standin", "options": options}],
        )
    )
    assert run(harness.words()) == "I am the second."
    assert harness.failed == [ProviderFailed("llm", "standin", "configured to fail", "standin", "first_unit", "error")]


def test_an_instance_of_a_vendor_goes_by_its_own_name() -> None:
    silent = {"provider": "my-ear", "vendor": "standin", "options": {"fail": "open"}}
    model = {"provider": "my-llama", "vendor": "openai", "options": {"model": "x", "base_url": "http://127.0.0.1:9"}}
    rules = {"provider": "rules", "vendor": "receptionist"}
    harness = FactoryHarness(plan(stt=[silent], llm=[model, rules], tts=[silent]))

    async def main() -> None:
        providers = await harness.build()
        assert (providers.stt.name, providers.llm.name, providers.tts.name) == ("my-ear", "my-llama", "my-ear")
        with pytest.raises(ProviderError, match="my-ear: configured to fail"):
            await providers.stt.open("en", lambda event: None)

    run(main())
    assert harness.failed[0] == ProviderFailed("stt", "my-ear", "configured to fail", "my-ear", "connect", "error")


def test_all_calls_share_one_receptionist() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            factory = ProviderFactory(VENDORS, http)
            call = plan(llm=[{"provider": "receptionist"}])
            hooks = _Hooks(print, print)
            first, second = (factory._make_members("llm", call.llm, factory._llm, hooks).providers for _ in range(2))
            assert first[0] is second[0]

    run(main())


def test_the_shipped_local_plan_is_built_with_an_engine_socket() -> None:
    pytest.importorskip("media.providers.local.stt")
    local_plan = read_plan(PLANS / "local.json")
    providers = run(FactoryHarness(local_plan).build(engine_socket="/nonexistent/engine.sock"))
    assert (providers.stt.name, providers.llm.name, providers.tts.name) == ("local", "receptionist", "local")
    assert local_plan.recording
    assert local_plan.stt == [ProviderPlan("local")]


def test_local_providers_are_imported_only_when_a_plan_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("media.providers.local")]:
        monkeypatch.delitem(sys.modules, name)
    run(FactoryHarness(read_plan(PLANS / "standin.json")).build())
    assert not any(name.startswith("media.providers.local") for name in sys.modules)


async def _text(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


def test_usage_names_provider_vendor_and_priced_model() -> None:
    options = {"model": "llama-3", "base_url": "http://127.0.0.1:9"}
    model = {"provider": "my-llama", "vendor": "openai", "options": options}
    ear = {"provider": "my-ear", "vendor": "standin"}
    harness = FactoryHarness(plan(llm=[model, {"provider": "standin"}], stt=[ear]))

    async def main() -> None:
        providers = await harness.build()
        session = await providers.stt.open("en", lambda event: None)
        session.push(bytes(80))
        await session.close()
        async for _ in providers.tts.stream(_text("Hello."), "en"):
            pass

    run(main())
    assert harness.used == [
        UsageRecorded("stt", "my-ear", "standin", "", 10, "ms"),
        UsageRecorded("tts", "standin", "standin", "", 6, "characters"),
    ]
    meters = run(_llm_meters(harness))
    assert [(meter.provider, meter.vendor, meter.model) for meter in meters] == [
        ("my-llama", "openai", "llama-3"),
        ("standin", "standin", ""),
    ]


async def _llm_meters(harness: FactoryHarness) -> list[UsageMeter]:
    async with aiohttp.ClientSession() as http:
        factory = ProviderFactory(VENDORS, http)
        return factory._make_members("llm", harness.plan.llm, factory._llm, _Hooks(print, harness.used.append)).meters


def test_all_calls_share_the_health_of_their_providers() -> None:
    """Three calls meet a dead recognizer, model and voice; later calls, resumed ones too, begin with the next."""
    chain: list[dict[str, Any]] = [
        {"provider": "dead", "vendor": "standin", "options": {"fail": "open"}},
        {"provider": "standin"},
    ]
    call_plan = plan(stt=chain, llm=chain, tts=chain)

    async def main() -> list[ProviderFailed]:
        failed: list[ProviderFailed] = []
        async with aiohttp.ClientSession() as http:
            factory = ProviderFactory(VENDORS, http)
            for _ in range(5):
                providers = factory.build(call_plan, failed.append, lambda usage: None)
                await (await providers.stt.open("en", lambda event: None)).close()
                assert [event async for event in providers.llm.stream(ChatRequest("", [Message("user", "Hello.")]))]
                assert [chunk async for chunk in providers.tts.stream(_text("Thank you."), "en")]
        return failed

    assert [one.kind for one in run(main())] == ["stt", "llm", "tts"] * 3


def test_the_board_is_told_whose_calls_use_a_provider() -> None:
    workspaces: list[str] = []

    class Board(HealthBoard):
        def start(self, key: HealthKey, workspace: str = "") -> ProviderAttempt:
            workspaces.append(workspace)
            return super().start(key, workspace)

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            factory = ProviderFactory(VENDORS, http, health=Board(lambda: 0.0))
            call_plan = msgspec.structs.replace(plan(), workspace_id="w1")
            llm = factory.build(call_plan, lambda failed: None, lambda usage: None).llm
            assert [event async for event in llm.stream(ChatRequest("", [Message("user", "Hello.")]))]

    run(main())
    assert workspaces == ["w1"]


def test_usage_says_whose_key_the_plan_gave() -> None:
    used: list[UsageRecorded] = []

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            factory = ProviderFactory(VENDORS, http)
            for choice in ({"provider": "standin"}, {"provider": "standin", "own_key": True}):
                llm = factory.build(plan(llm=[choice]), lambda failed: None, used.append).llm
                assert [event async for event in llm.stream(ChatRequest("", [Message("user", "Hello.")]))]

    run(main())
    units = {one.unit for one in used}
    assert units and units == {one.unit for one in used if one.own_key} == {one.unit for one in used if not one.own_key}


@pytest.mark.parametrize(("allow", "is_reached"), [((), False), (("127.0.0.0/8", "::1"), True)])
async def test_a_customers_address_is_connected_to_only_where_the_guard_allows(
    allow: tuple[str, ...], is_reached: bool
) -> None:
    async with (
        sse_server(("HTTP/1.1 500 Internal Server Error\r\n\r\n", [])) as server,
        aiohttp.ClientSession() as http,
    ):
        url = server.url.replace("127.0.0.1", "localhost")
        options = {"model": "m", "base_url": url}
        factory = ProviderFactory(VENDORS, http, guard=EgressGuard(allow))
        own = [{"provider": "own", "vendor": "openai", "options": options, "guarded": True}]
        providers = factory.build(plan(llm=own), lambda failed: None, lambda usage: None)
        with pytest.raises(ProviderError):
            await anext(aiter(providers.llm.stream(ChatRequest("", [Message("user", "Hello.")]))))
        await factory.close()
        assert bool(server.requests) is is_reached


async def test_customers_servers_set_no_cookies_for_each_other_and_send_nothing_packed() -> None:
    packed = gzip.compress(b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\ndata: [DONE]\n\n')
    head = OK + f"Set-Cookie: x=1; Domain=localhost\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with sse_server((head, [packed])) as server, aiohttp.ClientSession() as http:
        options = {"model": "m", "base_url": server.url.replace("127.0.0.1", "localhost")}
        factory = ProviderFactory(VENDORS, http, guard=EgressGuard(["127.0.0.0/8", "::1/128"]))
        own = [{"provider": "own", "vendor": "openai", "options": options, "guarded": True}]
        providers = factory.build(plan(llm=own), lambda failed: None, lambda usage: None)
        for _ in range(2):
            with pytest.raises(ProviderError):
                await anext(aiter(providers.llm.stream(ChatRequest("", [Message("user", "Hello.")]))))
        await factory.close()
    assert len(server.requests) > 1
    assert not [name for request in server.requests for name in request.headers if name.lower() == "cookie"]


async def test_a_key_in_place_of_a_code_is_in_no_report() -> None:
    """It has the form of a code; only the comparison with the key tells."""
    key, changes, failures = "abcdefghijklmnop", list[HealthChange](), list[ProviderFailed]()
    board = HealthBoard(lambda: 0.0)
    board.subscribe(changes.append)
    body = json.dumps({"error": {"code": key}}).encode()
    head = f"HTTP/1.1 402 Payment Required\r\nContent-Length: {len(body)}\r\n\r\n"
    async with sse_server((head, [body])) as server, aiohttp.ClientSession() as http:
        factory = ProviderFactory(VENDORS, http, health=board)
        options = {"model": "m", "base_url": server.url, "api_key": key}
        own = [{"provider": "own", "vendor": "openai", "options": options}]
        providers = factory.build(plan(llm=own), failures.append, lambda usage: None)
        for _ in range(3):  # until the board ejects it
            with pytest.raises(ProviderError) as raised:
                await anext(aiter(providers.llm.stream(ChatRequest("", [Message("user", "Hello.")]))))
        await factory.close()
    assert {failed.reason for failed in failures} == {change.reason for change in changes} == {"HTTP 402 ***"}
    assert str(raised.value) == "own: HTTP 402 ***"
