"""What control's catalog can put into service, media can make."""

from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec import Struct

from config.catalog_agents import shipped_providers
from control.voice.catalog.service import KeyChange, make_instance
from control.voice.keys import KEY_OPTION
from control.voice.routing.rules import KINDS, RULES, Kind
from media.command import VENDORS as ADAPTERS
from media.providers.factory import ProviderFactory
from shared.plan import decode_plan
from simulator.vendors.entry import load_entries
from vendors.registry import VENDORS, find_check, find_option_faults

MADE = {vendor.name: vendor for vendor in ADAPTERS}
ENABLED = [provider for provider in shipped_providers() if provider["is_enabled"]]
KEYED = [(name, kind) for name, facts in VENDORS.items() if facts.takes_key for kind in facts.kinds]
# A model of each kind.
MODELS = {(name, kind): one["model"] for name, entry in load_entries().items() for kind, one in entry.usual.items()}


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


def test_each_vendor_with_a_key_has_a_check_and_a_simulator_of_its_kinds() -> None:
    entries = load_entries()
    for name, facts in VENDORS.items():
        if not facts.takes_key:
            assert find_check(name) is None
            continue
        check = find_check(name)
        assert check is not None
        assert set(entries[name].usual) == set(facts.kinds)
        assert check.document or check.completions or set(check.questions) == set(facts.kinds)


def test_each_provider_of_rehearsals_has_options_of_its_adapter() -> None:
    for vendor, entry in load_entries().items():
        for provider in entry.providers:
            assert find_option_faults(vendor, provider.role, provider.options) == []


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
    model = MODELS[vendor, kind]
    made = make_instance(KeyChange("my-own", "sk-1", vendor=vendor, base_url="http://127.0.0.1:8000/v1", model=model))
    assert kind in made.kinds
    for one in KINDS:
        if one in made.kinds:
            await check(made.provider, made.vendor, one, {**made.defaults(one), KEY_OPTION: "sk-1"})
