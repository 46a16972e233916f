"""Services of pipecat, made from their names and settings: the catalog says what the real constructors take."""

import asyncio

import msgspec
import pytest
from aiohttp import ClientSession
from pipecat.metrics.metrics import LLMTokenUsage

from media.providers.pipecat.engine.construction import make_service
from media.providers.pipecat.engine.failures import ServiceRefused
from media.providers.pipecat.engine.model import make_tokens
from media.providers.pipecat.wire import OpenService, ReplyTokens
from shared.pipecat_services import PipecatService, read_catalog

# Modules of pipecat warn of its own deprecated ones, and services that were not started leave clients open.
pytestmark = pytest.mark.filterwarnings("ignore")
VALUES = {"text": "x", "integer": 1, "number": 1.0, "boolean": True, "list": [], "object": {}, "any": "x"}
# It loads a model from the network while it is made. XTTS wants a voice.
LEFT_OUT = ("moonshine", "xtts")
# It is made only with the key file of an account.
WITH_ACCOUNT = "pipecat.services.google.stt.GoogleSTTService"


def test_tests_run_with_the_wait_for_of_asyncio() -> None:
    assert asyncio.wait_for.__module__ == "asyncio.tasks"


def wanted(name: str, service: PipecatService) -> OpenService:
    settings = {setting: VALUES[service.settings[setting]] for setting in service.required}
    return OpenService(service.kind, name, settings, "k" if service.key else "", "en")


async def test_every_service_whose_packages_are_here_can_be_made() -> None:
    made: dict[str, int] = {"stt": 0, "llm": 0, "tts": 0}
    async with ClientSession() as http:
        for name, service in read_catalog().services.items():
            if name.split(".")[2] in LEFT_OUT or name == WITH_ACCOUNT:
                continue
            try:
                make_service(wanted(name, service), http)
                made[service.kind] += 1
            except ServiceRefused as refused:
                assert "a package is missing" in str(refused), f"{name}: {refused}"
    assert min(made.values()) >= 15, made


async def test_settings_reach_the_service_as_its_types() -> None:
    settings = {"reasoning": {"effort": "low"}, "max_completion_tokens": 50, "base_url": "http://127.0.0.1:9/v1"}
    opened = OpenService("llm", "OpenAIResponsesHttpLLMService", settings, "k")
    async with ClientSession() as http:
        service = make_service(opened, http)
        assert service._settings.reasoning.effort == "low"  # type: ignore[attr-defined]
        assert service._client.max_retries == 0  # type: ignore[attr-defined]  # the chain's loop is the only one
        stt = make_service(OpenService("stt", "GladiaSTTService", {"region": "eu-west"}, "k", "de"), http)
        assert stt._settings.language == "de"  # type: ignore[attr-defined]
        assert stt._reconnect_on_error is False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (OpenService("llm", "os.system", {}), "service:"),
        (OpenService("stt", "OpenAIResponsesHttpLLMService", {}), "service:"),
        (OpenService("llm", "OpenAIResponsesHttpLLMService", {"nope": 1}), "settings.nope"),
        (OpenService("llm", "OpenAIResponsesHttpLLMService", {"reasoning": {"effort": 3}}), "settings.reasoning"),
        (OpenService("llm", "AnthropicLLMService", {}, "k"), "package is missing: anthropic"),
    ],
)
async def test_what_cannot_be_made_is_refused(opened: OpenService, words: str) -> None:
    async with ClientSession() as http:
        with pytest.raises(ServiceRefused) as raised:
            make_service(opened, http)
    assert raised.value.failure.cause == "refused" and words in raised.value.failure.reason


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        # gross of the cache, as OpenAI reports
        (
            LLMTokenUsage(prompt_tokens=100, completion_tokens=7, total_tokens=107, cache_read_input_tokens=60),
            (40, 7, 60),
        ),
        # net of it, as Anthropic does
        (
            LLMTokenUsage(prompt_tokens=40, completion_tokens=7, total_tokens=107, cache_read_input_tokens=60),
            (40, 7, 60),
        ),
        (LLMTokenUsage(prompt_tokens=100, completion_tokens=7, total_tokens=0), (100, 7, 0)),
    ],
)
def test_cached_tokens_are_counted_once(usage: LLMTokenUsage, tokens: tuple[int, int, int]) -> None:
    assert msgspec.structs.astuple(make_tokens(usage)) == tokens == msgspec.structs.astuple(ReplyTokens(*tokens))
