"""What adapters declare of their services: the page that is made of it, and where it can be held against the code."""

from collections.abc import Iterator

import aiohttp
import msgspec
import pytest

from config.catalog_agents import Kind, read_providers
from media.command import VENDORS as ADAPTERS
from media.providers.factory import ProviderFactory, Providers
from shared.plan import decode_plan
from shared.providers.facts import ModelFacts, RecognizerFacts, VoiceFacts, find_facts
from tools.provider_page import TARGET, Service, list_services, make_page
from vendors.registry import VENDORS

KINDS: dict[Kind, type] = {"stt": RecognizerFacts, "llm": ModelFacts, "tts": VoiceFacts}
VOICES = list(list_services("tts"))
# A name that the family's beginning alone is not.
MODELS = {"eleven_": "eleven_multilingual_v2", "aura": "aura-2-thalia-en", "sonic": "sonic-3.5"}


def model_of(service: Service) -> str:
    first: str = service.facts.models[0]
    return MODELS.get(first, first)


def name_of(service: Service) -> str:
    return f"{service.vendor} {service.facts.name}"


async def build(vendor: str, kind: Kind, options: dict[str, str]) -> Providers:
    standin = [{"provider": "standin"}]
    one = [{"provider": vendor, "options": options}]
    plan = decode_plan(msgspec.json.encode({"agent": {}, **dict.fromkeys(KINDS, standin), kind: one}))
    async with aiohttp.ClientSession() as http:
        factory = ProviderFactory(ADAPTERS, http, engine_socket="/nonexistent/engine.sock")
        made = factory.build(plan, lambda failed: pytest.fail(failed.reason), lambda usage: None)
        await factory.close()
        return made


def shipped_models() -> Iterator[tuple[str, Kind, str]]:
    """Vendor, kind and model of each that has a price or is the default."""
    for provider in read_providers():
        for kind in provider.kinds:
            priced = set(provider.cost_per_unit.get(kind, ())) - {"*"}
            for model in priced | {provider.config.get(kind, {}).get("model", "")} - {""}:
                yield provider.vendor or provider.provider, kind, model


def test_the_page_is_what_the_code_declares() -> None:
    assert TARGET.read_text() == make_page(), "run python -m tools.provider_page"


def test_each_service_of_a_vendor_is_declared_by_its_kind() -> None:
    for vendor, known in VENDORS.items():
        if vendor in ("pipecat", "standin"):
            continue
        for kind, services in known.services.items():
            assert services
            assert all(type(service) is KINDS[kind] for service in services)
        assert set(known.services) == set(known.kinds)


@pytest.mark.parametrize(("vendor", "kind", "model"), sorted(set(shipped_models())))
def test_each_shipped_model_is_of_a_declared_family(vendor: str, kind: Kind, model: str) -> None:
    assert find_facts(VENDORS[vendor].services[kind], model) is not None


def test_declared_models_are_those_that_control_offers() -> None:
    for kind in ("stt", "tts"):
        for service in list_services(kind):
            prefixes = VENDORS[service.vendor].model_prefixes.get(kind)
            assert not prefixes or model_of(service).startswith(prefixes)


@pytest.mark.parametrize("service", VOICES, ids=name_of)
async def test_a_voice_times_its_words_as_declared(service: Service) -> None:
    options = {"model": model_of(service)} if model_of(service) else {}
    providers = await build(service.vendor, "tts", options)
    assert providers.tts.times_words == service.facts.word_times


def test_prices_have_a_source_and_a_date_or_say_that_none_is_known() -> None:
    for provider in read_providers():
        if provider.needs_key:
            assert provider.price_source
            assert provider.priced_in or "not confirmed" in provider.price_source


def test_a_model_belongs_to_the_first_family_that_fits() -> None:
    services = VENDORS["deepgram"].services["stt"]
    english, multilingual = find_facts(services, "flux-general-en"), find_facts(services, "flux-general-multi")
    assert english is not None and multilingual is not None
    assert (english.name, multilingual.name) == ("Flux, English", "Flux, multilingual")
    assert find_facts(services, "whisper") is None
