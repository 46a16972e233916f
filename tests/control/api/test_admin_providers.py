"""The staff's routes of voice providers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.ids import new_id
from simulator.vendors.server import running_vendor
from tests.platform.api import Api, running_api
from tests.platform.chat_vendor import ChatVendor, chat_vendor
from tests.platform.clients import Staff
from vendors.cartesia.simulator import SimulatedCartesia

KEY = "vendor-key-1"
PATH = "/admin/providers"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


@pytest.fixture
async def vendor() -> AsyncIterator[ChatVendor]:
    async with chat_vendor() as vendor:
        yield vendor


@pytest.fixture
async def staff(api: Api) -> Staff:
    return await api.admin()


def new_provider(vendor: ChatVendor, **changed: Any) -> dict[str, Any]:
    return {
        "provider": f"p{new_id()[-12:]}",
        "api_key": KEY,
        "config": {"vendor": "openai", "llm": {"base_url": vendor.url, "model": "tiny"}},
        "priority": 40,
        "cost_per_unit": {"llm": {"*": {"unit": "million_tokens", "input": 0.5, "output": 2}}},
        **changed,
    }


async def listed(staff: Staff, provider: str) -> dict[str, Any] | None:
    found = (await staff.get(PATH)).body["providers"]
    return next((one for one in found if one["provider"] == provider), None)


async def test_a_provider_is_created_changed_and_deleted(api: Api, staff: Staff, vendor: ChatVendor) -> None:
    body = new_provider(vendor)
    reply = await staff.post(PATH, body)
    assert reply.status == 201, reply.body
    made = reply.body["provider"]
    assert (made["vendor"], made["kinds"], made["has_key"], made["health_status"]) == (
        "openai",
        ["llm"],
        True,
        "unknown",
    )
    assert made["cost_per_unit"]["llm"]["*"] == {
        "unit": "million_tokens", "price": None, "input": 0.5, "cached_input": None, "cache_write": None,
        "output": 2.0, "currency": "usd",
    }  # fmt: skip
    assert vendor.asked == [KEY]
    path = f"{PATH}/{body['provider']}"
    vendor.keys = {"vendor-key-2"}
    changed = await staff.put(path, {"api_key": "vendor-key-2", "priority": 7})
    assert (changed.status, changed.body["provider"]["priority"]) == (200, 7)
    dearer = await staff.put(
        path,
        {"cost_per_unit": {"llm": {"*": {"unit": "million_tokens", "input": 1, "cache_write": 1.25, "output": 3}}}},
    )
    shown = dearer.body["provider"]["cost_per_unit"]["llm"]["*"]
    assert (shown["input"], shown["cache_write"]) == (1, 1.25)
    assert (await staff.delete(path)).status == 204
    assert await listed(staff, body["provider"]) is None
    assert (await staff.put(path, {"priority": 1})).code == "provider_not_found"
    log = await api.owner.fetch("SELECT action, details::text FROM audit_log WHERE resource_id = $1", body["provider"])
    assert {row["action"] for row in log} >= {"provider.create", "provider.update", "provider.delete"}
    assert not [row for row in log if "vendor-key" in row["details"]]


@pytest.mark.parametrize(
    ("changed", "code", "param", "words"),
    [
        ({"api_key": "wrong-key-123"}, "key_refused", "api_key", "Incorrect API key provided: ***"),
        ({"model": "gpt-9"}, "provider_refused", "config.llm.model", "The model `gpt-9` does not exist."),
        ({"base_url": "http://127.0.0.1:9/v1"}, "provider_refused", "config.llm.base_url", "no connection"),
        ({"base_url": "not an address"}, "address_invalid", "config.llm.base_url", "like https://"),
        ({"modell": "x"}, "option_unknown", "config.llm.modell", "no such option"),
        ({"api_key": "ключ"}, "key_invalid", "api_key", "printable ASCII"),
        ({"temperature": 10**400}, "option_unknown", "config.llm.temperature", "a number up to 2^53"),
        ({"temperature": "hot"}, "option_invalid", "config.llm.temperature", "expected `float"),
    ],
)
async def test_returns_the_vendors_reason_and_saves_nothing(
    staff: Staff, vendor: ChatVendor, changed: dict[str, Any], code: str, param: str, words: str
) -> None:
    body = new_provider(vendor)
    body["api_key"] = changed.pop("api_key", KEY)
    body["config"]["llm"] |= changed
    reply = await staff.post(PATH, body)
    assert (reply.status, reply.code, reply.body["error"]["param"]) == (422, code, param)
    assert words in reply.body["error"]["message"]
    assert body["api_key"] not in str(reply.body)
    assert await listed(staff, body["provider"]) is None


async def test_a_wrong_voice_and_a_wrong_model_of_speech_are_refused(staff: Staff) -> None:
    cartesia = SimulatedCartesia(voices=frozenset({"known-voice"}))
    async with running_vendor(cartesia.routes(), None) as address:
        fine = {
            "stt": {"base_url": f"ws://{address}"},
            "tts": {"base_url": f"ws://{address}", "voice_id": "known-voice"},
        }
        body = {"provider": f"p{new_id()[-12:]}", "api_key": cartesia.state.key}
        for kind, option, value in (
            ("tts", "voice_id", "nobody"),
            ("tts", "model", "sonic-0"),
            ("stt", "model", "ink-0"),
        ):
            config = {"vendor": "cartesia", **fine, kind: fine[kind] | {option: value}}
            reply = await staff.post(PATH, {**body, "config": config})
            assert (reply.code, reply.param) == ("provider_refused", f"config.{kind}.{option}")
            assert "There is no such" in reply.body["error"]["message"]
        assert await listed(staff, body["provider"]) is None
        assert (await staff.post(PATH, {**body, "config": {"vendor": "cartesia", **fine}})).status == 201
    assert cartesia.state.total("tts", "characters") == 2 * len("Hi.")  # of the wrong model of the recognizer, too


async def test_a_refused_change_leaves_everything_as_it_is(staff: Staff, vendor: ChatVendor) -> None:
    body = new_provider(vendor)
    await staff.post(PATH, body)
    before = await listed(staff, body["provider"])
    reply = await staff.put(f"{PATH}/{body['provider']}", {"api_key": "wrong-key-123", "priority": 1})
    assert (reply.status, reply.code) == (422, "key_refused")
    wrong_price = {"cost_per_unit": {"llm": {"*": {"unit": "minute", "price": 1}}}, "priority": 1}
    assert (await staff.put(f"{PATH}/{body['provider']}", wrong_price)).code == "price_invalid"
    assert await listed(staff, body["provider"]) == before


async def test_a_repeated_request_under_a_key_is_replayed(staff: Staff, vendor: ChatVendor) -> None:
    body, headers = new_provider(vendor), {"Idempotency-Key": new_id()}
    first = await staff.post(PATH, body, headers=headers)
    again = await staff.post(PATH, body, headers=headers)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert vendor.asked == [KEY]
    assert (await staff.post(PATH, body)).code == "provider_exists"


async def test_a_stored_key_is_sent_to_no_other_address(staff: Staff, vendor: ChatVendor) -> None:
    body = new_provider(vendor)
    await staff.post(PATH, body)
    async with chat_vendor() as other:
        moved = {"config": {"llm": {"base_url": other.url, "model": "tiny"}}}
        reply = await staff.put(f"{PATH}/{body['provider']}", moved)
        assert (reply.status, reply.code, reply.param) == (422, "key_missing", "api_key")
        assert (await staff.put(f"{PATH}/{body['provider']}", {**moved, "api_key": KEY})).status == 200
    same = {"config": {"llm": {"base_url": vendor.url, "model": "tiny"}}, "api_key": KEY}
    assert (await staff.put(f"{PATH}/{body['provider']}", same)).status == 200
    assert (await staff.put(f"{PATH}/{body['provider']}", {"config": same["config"], "priority": 41})).status == 200


async def test_no_connection_is_held_while_the_vendor_is_asked(
    database_url: str, valkey_url: str, vendor: ChatVendor
) -> None:
    """With one connection, the second request would never be answered; what it changed counts for the first one."""
    async with running_api(database_url, valkey_url, pool_size=1) as api:
        staff, body = await api.admin(), new_provider(vendor)

        async def create_first() -> None:
            vendor.meanwhile = None
            assert (await staff.post(PATH, body)).status == 201

        vendor.meanwhile = create_first
        assert (await staff.post(PATH, body)).code == "provider_exists"


async def test_refusals(api: Api, staff: Staff, vendor: ChatVendor) -> None:
    assert (await staff.post(PATH, new_provider(vendor, provider="routing"))).code == "name_reserved"
    reply = await staff.post(PATH, new_provider(vendor, config={"vendor": "acme"}))
    assert (reply.status, reply.code) == (422, "vendor_unknown")
    assert (await staff.delete(f"{PATH}/openai")).code == "provider_shipped"
    assert (await staff.put(f"{PATH}/openai", {"config": {"vendor": "local"}})).code == "vendor_fixed"
    await api.owner.execute(
        """
        INSERT INTO providers (provider, display_name, kinds, options, is_enabled, priority, needs_key, config)
        SELECT 'unmade', 'Unmade', kinds, options, false, priority, needs_key, config - 'vendor' FROM providers
        WHERE provider = 'deepgram'
        """
    )
    assert (await staff.put(f"{PATH}/unmade", {"is_enabled": True})).code == "vendor_unknown"


async def test_a_provider_that_a_live_agent_names_is_not_deleted(api: Api, staff: Staff, vendor: ChatVendor) -> None:
    body = new_provider(vendor)
    name = body["provider"]
    await staff.post(PATH, body)
    user = await api.sign_up()
    workspace_id = await user.workspace()
    config = {"prompt": "You answer the phone.", "speech": {"llm": [{"provider": name}]}}
    agent = await user.post(f"/workspaces/{workspace_id}/agents", {"name": "Desk", "config": config})
    await api.owner.execute("UPDATE agents SET status = 'live' WHERE id = $1::uuid", agent.body["agent"]["id"])
    assert (await staff.delete(f"{PATH}/{name}")).code == "provider_in_use"
    await api.owner.execute("UPDATE agents SET status = 'draft' WHERE id = $1::uuid", agent.body["agent"]["id"])
    await staff.put(f"{PATH}/routing", {"default_strategy": "balanced", "fallback_chain": [name, "openai"]})
    assert (await staff.delete(f"{PATH}/{name}")).status == 204
    assert (await staff.get(f"{PATH}/routing")).body["fallback_chain"] == ["openai"]


async def test_routing_is_replaced(staff: Staff) -> None:
    body = {"default_strategy": "cost_optimized", "fallback_chain": ["groq", "openai"]}
    reply = await staff.put(f"{PATH}/routing", body)
    assert reply.status == 200 and {name: reply.body[name] for name in body} == body
    assert (await staff.put(f"{PATH}/routing", {"fallback_chain": ["acme"]})).code == "provider_unknown"
    assert (await staff.put(f"{PATH}/routing", {"fallback_chain": ["groq", "groq"]})).code == "provider_repeated"
    assert (await staff.put(f"{PATH}/routing", {"default_strategy": "cheap"})).status == 422
    assert (await staff.get(f"{PATH}/routing")).body == reply.body
    await staff.put(f"{PATH}/routing", {})


async def test_costs_are_those_of_the_ledgers_roll_ups(api: Api, staff: Staff) -> None:
    await api.owner.executemany(
        "INSERT INTO usage_daily (workspace_id, day, resource_type, provider, quantity, calls, cost, price, unpriced) "
        "VALUES ($1::uuid, (now() AT TIME ZONE 'UTC')::date, $2, $3, $4, 1, $5, 0, $6)",
        [
            (new_id(), "stt", "costly", 120_000, 1, 0),
            (new_id(), "stt", "costly", 60_000, 2, 1),
            (new_id(), "llm", "mixed", 1_000, 5, 0),
        ],
    )
    body = (await staff.get(f"{PATH}/costs?period=month")).body
    costs = {one["provider"]: one for one in body["by_provider"]}
    assert costs["costly"] == {
        "provider": "costly", "total_cost": 3.0, "unit": "minute", "total_usage": 3.0, "avg_cost_per_unit": 1.0,
        "unpriced": 1, "currency": "usd",
    }  # fmt: skip
    assert (costs["mixed"]["total_usage"], costs["mixed"]["avg_cost_per_unit"]) == (None, None)
    assert body["total_cost"] == sum(one["total_cost"] for one in body["by_provider"])


async def test_health_tells_the_worst_role_and_calls_and_probes_apart(api: Api, staff: Staff) -> None:
    await api.owner.executemany(
        "INSERT INTO provider_figures "
        "(provider, role, source, status, since, requests, error_rate, p50_ms, checked_at) "
        "VALUES ('deepgram', $1, $2, $3, now(), 10, $4, $5, now())",
        [
            ("stt", "calls", "degraded", 0.1, 400),
            ("stt", "probes", "healthy", 0, 90),
            ("tts", "probes", "healthy", 0, 80),
        ],
    )
    found = (await staff.get(f"{PATH}/health")).body["providers"]
    deepgram = next(one for one in found if one["provider"] == "deepgram")
    assert (deepgram["status"], deepgram["latency"], deepgram["error_rate"]) == ("degraded", 400, 0.1)
    assert [(role["role"], role["source"]) for role in deepgram["roles"]] == [
        ("stt", "calls"), ("stt", "probes"), ("tts", "probes")
    ]  # fmt: skip
    assert next(one for one in found if one["provider"] == "groq")["status"] == "unknown"


async def test_health_separates_never_probed_failed_and_working(api: Api, staff: Staff) -> None:
    probes = [("openai", 300, 60), ("openai", None, 30), ("cartesia", None, 60), ("cartesia", 90, 30)]
    for provider, latency_ms, age_s in probes:
        await api.owner.execute(
            "INSERT INTO provider_probes (id, provider, role, at, latency_ms, cost) "
            "VALUES ($1, $2, 'llm', now() - make_interval(secs => $4), $3, 0)",
            new_id(), provider, latency_ms, age_s,
        )  # fmt: skip
    found = {line["provider"]: line["last_probe"] for line in (await staff.get(f"{PATH}/health")).body["providers"]}
    assert (found["openai"], found["cartesia"], found["anthropic"]) == ("failed", "works", "never")


def pipecat_provider(**changed: Any) -> dict[str, Any]:
    stt = {"service": "SonioxSTTService", "settings": {"language_hints": ["en"], "vad_force_turn_endpoint": True}}
    return {
        "provider": f"p{new_id()[-12:]}",
        "api_key": KEY,
        "config": {"vendor": "pipecat", "stt": stt},
        **changed,
    }


async def test_a_service_of_pipecat_is_checked_against_what_it_takes(api: Api, staff: Staff) -> None:
    body = pipecat_provider()
    reply = await staff.post(PATH, body)
    assert (reply.status, reply.body["provider"]["kinds"]) == (201, ["stt"]), reply.body
    path = f"{PATH}/{body['provider']}"
    moved = {"service": "SonioxSTTService", "settings": {"url": "wss://elsewhere.example"}}
    reply = await staff.put(path, {"config": {"stt": moved}})  # the stored key would go there
    assert (reply.status, reply.code, reply.body["error"]["param"]) == (422, "key_missing", "api_key")
    assert (await staff.put(path, {"config": {"stt": moved}, "api_key": KEY})).status == 200
    assert (await staff.put(path, {"priority": 3})).status == 200
    assert (await staff.put(path, {"api_key": None})).code == "key_missing"
    stored = await api.owner.fetchval("SELECT config::text FROM providers WHERE provider = $1", body["provider"])
    assert KEY not in stored and "elsewhere.example" in stored


@pytest.mark.parametrize(
    ("options", "param", "words"),
    [
        ({"service": "os.system"}, "config.stt.service", "SonioxSTTService"),
        ({"service": "RimeTTSService"}, "config.stt.service", "no such stt service"),
        ({}, "config.stt.service", "no such stt service"),
        ({"service": "SonioxSTTService", "settings": {"urll": "x"}}, "config.stt.settings.urll", "only audio_format"),
        ({"service": "SonioxSTTService", "settings": {"url": 7}}, "config.stt.settings.url", "a text"),
        ({"service": "SonioxSTTService", "settings": {"api_key": "x"}}, "config.stt.settings.api_key", "no such"),
        (
            {"service": "SonioxSTTService", "settings": {"sample_rate": 44_100}},
            "config.stt.settings.sample_rate",
            "8000",
        ),
        ({"service": "SonioxSTTService", "settings": []}, "config.stt.settings", "an object"),
        ({"service": "SonioxSTTService", "base_url": "http://x.example"}, "config.stt.base_url", "no such option"),
        ({"service": "WhisperSTTService"}, "api_key", "takes no key"),
    ],
)
async def test_what_a_service_of_pipecat_does_not_take_is_named(
    staff: Staff, options: dict[str, Any], param: str, words: str
) -> None:
    reply = await staff.post(PATH, pipecat_provider(config={"vendor": "pipecat", "stt": options}))
    assert (reply.status, reply.body["error"]["param"]) == (422, param)
    assert words in reply.body["error"]["message"]
