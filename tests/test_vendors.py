"""What control's catalogue can put into service, media can make."""

from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec import Struct

from config.catalogue_agents import shipped_providers
from control.voice.catalogue.service import KeyChange, make_instance
from control.voice.keys import KEY_OPTION
from control.voice.routing.rules import KINDS, RULES, Kind
from media.command import VENDORS as ADAPTERS
from media.providers.factory import ProviderFactory
from shared.plan import decode_plan
from vendors.registry import VENDORS

MADE = {vendor.name: vendor for vendor in ADAPTERS}
ENABLED = [provider for provider in shipped_providers() if provider["is_enabled"]]
KEYED = [(name, kind) for name, facts in VENDORS.items() if facts.takes_key for kind in facts.kinds]
# A model of each kind, where the vendor does not take any name.
MODELS = {
    ("assemblyai", "stt"): "universal-3-6-pro",
    ("azure-speech", "stt"): "realtime",
    ("azure-speech", "tts"): "neural",
    ("cartesia", "stt"): "ink-2",
    ("cartesia", "tts"): "sonic-3.5",
    ("deepgram", "stt"): "nova-3",
    ("deepgram", "tts"): "aura-2-thalia-en",
    ("elevenlabs", "stt"): "scribe_v2_realtime",
    ("elevenlabs", "tts"): "eleven_flash_v2_5",
    ("soniox", "stt"): "stt-rt-v5",
    ("soniox", "tts"): "tts-rt-v2",
    ("google-speech", "stt"): "telephony",
    ("google-speech", "tts"): "chirp3-hd",
    ("xai", "stt"): "grok-voice-transcribe-2.0",
}


def option_names(vendor: str, kind: Kind) -> set[str]:
    adapter = getattr(MADE[vendor], kind)
    kinds: type[Struct] = adapter.options
    return {field.name for field in msgspec.structs.fields(kinds)}


async def check(provider: str, vendor: str, kind: Kind, options: dict[str, Any]) -> None:
    """Raises PlanError if media refuses the plan."""
    standin = [{"provider": "standin"}]
    one = [{"provider": provider, "vendor": vendor, "options": options}]
    plan = decode_plan(msgspec.json.encode({"agent": {}, **dict.fromkeys(KINDS, standin), kind: one}))
    async with aiohttp.ClientSession() as http:
        factory = ProviderFactory(ADAPTERS, http, engine_socket="/nonexistent/engine.sock")
        factory.check(plan)
        await factory.close()


def test_control_lists_the_vendors_that_media_has() -> None:
    listed = {name: set(facts.kinds) for name, facts in VENDORS.items()}
    assert listed == {name: {kind for kind in KINDS if getattr(vendor, kind)} for name, vendor in MADE.items()}
    assert RULES in VENDORS


def test_customers_give_addresses_where_media_connects_through_the_guard() -> None:
    for name, vendor in MADE.items():
        adapters = [getattr(vendor, kind) for kind in KINDS if getattr(vendor, kind)]
        assert VENDORS[name].takes_address == all(adapter.is_guardable for adapter in adapters)


def test_both_programs_check_options_by_one_definition() -> None:
    for name, vendor in MADE.items():
        made = {kind: getattr(vendor, kind).options for kind in KINDS if getattr(vendor, kind)}
        assert VENDORS[name].schemas == made


@pytest.mark.parametrize("vendor", VENDORS)
def test_options_of_agents_are_options_of_the_adapter(vendor: str) -> None:
    for kind, options in VENDORS[vendor].options.items():
        assert set(options) <= option_names(vendor, kind)
        if VENDORS[vendor].takes_key:
            assert {"base_url", "model", KEY_OPTION} <= option_names(vendor, kind)


@pytest.mark.parametrize("provider", ENABLED, ids=[one["provider"] for one in ENABLED])
async def test_media_makes_each_provider_that_ships_enabled(provider: dict[str, Any]) -> None:
    vendor = provider["config"]["vendor"]
    for kind in provider["kinds"]:
        assert set(provider["options"].get(kind, ())) <= option_names(vendor, kind)
        key = {KEY_OPTION: "sk-1"} if provider["needs_key"] else {}
        await check(provider["provider"], vendor, kind, {**provider["config"].get(kind, {}), **key})


@pytest.mark.parametrize(("vendor", "kind"), KEYED)
async def test_media_makes_each_instance_that_set_key_makes(vendor: str, kind: Kind) -> None:
    model = MODELS.get((vendor, kind), "m")
    made = make_instance(KeyChange("my-own", "sk-1", vendor=vendor, base_url="http://127.0.0.1:8000/v1", model=model))
    assert kind in made.kinds
    for one in KINDS:
        if one in made.kinds:
            await check(made.provider, made.vendor, one, {**made.defaults(one), KEY_OPTION: "sk-1"})
